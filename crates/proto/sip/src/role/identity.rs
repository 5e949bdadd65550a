//! Who the user is: Digest (RFC 8760, RFC 3261 22) against the directory.
//!
//! The realm is the user's SIP domain and the user name the part before the `@`, so credentials name one account.
//! A wrong password, an unknown user and a disabled one get the same answer after the same work. The `uri` parameter
//! names what the Request-URI does, our own names being one: phones that were redirected differ in which they write.
//!
//! Where clients prove that they hold a certificate ([`base::net::Link::certificate`]), one that the directory lists for
//! the user in From stands in for Digest.
//!
//! Right credentials are good once ([`crate::auth::Uses`]); the same again are answered as those of a stale nonce, which
//! costs an honest client one more request. An ACK carries those of its INVITE (RFC 3261 22.1) and is no use of its own.

use super::{Ask, Assert, Context, Decision, Why, border, may_assert};
use crate::auth::{Credentials, Minted, NonceState, Use, challenge};
use crate::config::Pool;
use crate::msg::{Message, Method, Name, Reply, Uri};
use crate::token::Ticket;
use base::net::Peer;
use directory::{Revision, User};
use std::sync::Arc;

/// Stands in for the verifier of a user who does not exist, so that refusing one takes as long.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What the credentials of a request prove.
pub(crate) enum Proof {
    /// There are none for us, or their nonce is not of ours.
    Missing,
    /// They were made with a nonce that is too old.
    Stale,
    /// They do not fit.
    Wrong,
    /// The user is this one.
    User(Arc<User>),
}

/// Checks the credentials of a request.
pub(crate) fn prove(context: &Context<'_>, ask: &Ask<'_>) -> Proof {
    let (_, header) = headers(ask.request);
    let mut answer = Proof::Missing;
    for field in ask.request.all(header) {
        let Some(text) = std::str::from_utf8(field.value).ok() else {
            continue;
        };
        let Ok(credentials) = Credentials::parse(text) else {
            continue;
        };
        if !context.config.is_our_domain(&credentials.realm) {
            let realm = &credentials.realm;
            let note = || format!("credentials for {realm} are not for us");
            context.notes.add(note);
            continue;
        }
        answer = check(context, ask, &credentials);
        if matches!(answer, Proof::User(_)) {
            return answer;
        }
    }
    answer
}

fn check(context: &Context<'_>, ask: &Ask<'_>, credentials: &Credentials<'_>) -> Proof {
    let offered = context
        .config
        .sign_in
        .digest_for(ask.request.text(Name::UserAgent));
    if !offered.contains(&credentials.algorithm) {
        let note = || format!("{:?} is not offered to this client", credentials.algorithm);
        context.notes.add(note);
        return Proof::Missing;
    }
    let nonce = match context.nonces.check(&credentials.nonce, context.now.wall) {
        NonceState::Forged => {
            context.notes.add(|| "the nonce is not one of ours");
            return Proof::Missing;
        }
        NonceState::Stale => {
            context.notes.add(|| "the nonce is too old");
            return Proof::Stale;
        }
        NonceState::Fresh(minted) => minted,
    };
    let aor = format!(
        "sip:{}@{}",
        credentials.username,
        credentials.realm.to_ascii_lowercase()
    );
    let user = context.users.find(&aor).filter(|user| user.enabled);
    let verifier = user
        .as_ref()
        .and_then(|user| user.verifier(credentials.algorithm));
    let nobody = NOBODY
        .get(..credentials.algorithm.hex_len())
        .unwrap_or(NOBODY);
    let ha1 = verifier.map_or(nobody, |verifier| verifier.ha1());
    // Computed in any case, so that a user who does not exist takes as long.
    let fits = credentials.verify(ask.request.method_token(), ha1) && verifier.is_some();
    let same = names_the_same(context, ask, &credentials.uri, ask.request.uri());
    match user {
        Some(_) if fits && same && !is_first_use(context, ask, credentials, nonce) => {
            context.notes.add(|| "the same credentials came before");
            Proof::Stale
        }
        Some(user) if fits && same => Proof::User(user),
        Some(_) | None => {
            let has_verifier = verifier.is_some();
            context.notes.add(|| match (user, fits) {
                (None, _) => format!("{aor} does not exist or is disabled"),
                (Some(_), true) => format!("the credentials are for {}", credentials.uri),
                (Some(_), false) if has_verifier => format!("the password of {aor} is wrong"),
                (Some(_), false) => {
                    format!("{aor} has no password for {:?}", credentials.algorithm)
                }
            });
            Proof::Wrong
        }
    }
}

/// Whether the `uri` of credentials and the Request-URI name the same (RFC 3261 22.4, RFC 7616 3.4.6): the same user at
/// the same host, or at any of our names or the address that it was sent to. Who names us alone, as some do, means us.
fn names_the_same(context: &Context<'_>, ask: &Ask<'_>, claimed: &str, asked: &str) -> bool {
    if claimed == asked {
        return true;
    }
    let (Ok(claimed), Ok(asked)) = (Uri::parse(claimed), Uri::parse(asked)) else {
        return false;
    };
    let is_ours = |uri: &Uri<'_>| {
        let config = context.config;
        let of_pool = |pool: &Pool| {
            let mut members = pool.members.iter();
            pool.name.eq_ignore_ascii_case(uri.host)
                || members.any(|hop| hop.name.eq_ignore_ascii_case(uri.host))
        };
        let address = uri.host.trim_matches(['[', ']']);
        config.is_our_domain(uri.host)
            || config.is_me(uri.host)
            || address.parse() == Ok(ask.link.local.ip())
            || config.pools.iter().any(of_pool)
    };
    let same_host = claimed.host.eq_ignore_ascii_case(asked.host);
    let same_user = claimed.user == asked.user || claimed.user.is_none() && is_ours(&claimed);
    same_user && (same_host || is_ours(&claimed) && is_ours(&asked))
}

fn is_first_use(
    context: &Context<'_>,
    ask: &Ask<'_>,
    credentials: &Credentials<'_>,
    nonce: Minted,
) -> bool {
    let request = ask.request;
    if matches!(request.method(), Method::Ack | Method::Cancel) {
        return true;
    }
    let parts = [Name::Via, Name::CallId, Name::CSeq].map(|name| {
        let field = request.get(name);
        field.map(|field| field.value).unwrap_or_default()
    });
    let one = Use {
        nonce,
        count: credentials.count(),
        request: context.config.keys.branch.checksum(&parts),
    };
    let config = context.config;
    context.uses.enter(one, context.now.wall, config.nonce_life)
}

/// Settles who sent a request that begins something, or says how to answer.
///
/// The user must be the one in From. Whose bindings a REGISTER changes is another question ([`bindings_of`]).
pub(crate) fn settle<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
) -> Result<Arc<str>, Box<Decision<'r>>> {
    let Some(claimed) = claimed(ask.request) else {
        return Err(Box::new(Decision::refuse(ask, Why::Malformed)));
    };
    if context.users.revision() == Revision::default() {
        return Err(Box::new(Decision::refuse(ask, Why::NotReady)));
    }
    if let Some(user) = held(context, ask, &claimed) {
        context.notes.add(|| format!("{user} by certificate"));
        return Ok(user);
    }
    match prove(context, ask) {
        Proof::User(user) if user.aor.as_str() == claimed => {
            context.notes.add(|| format!("{claimed} by password"));
            Ok(Arc::from(claimed))
        }
        Proof::User(user) => {
            let note = || format!("{} proved themself, From says {claimed}", user.aor.as_str());
            context.notes.add(note);
            Err(Box::new(Decision::refuse(ask, Why::WrongIdentity)))
        }
        Proof::Wrong => Err(Box::new(Decision::refuse(ask, Why::BadCredentials))),
        Proof::Stale => Err(Box::new(challenge_all(context, ask, true))),
        Proof::Missing => match known_on_flow(context, ask, &claimed) {
            Some(user) => {
                context
                    .notes
                    .add(|| format!("{user} signed in on this flow"));
                Ok(user)
            }
            None => Err(Box::new(challenge_all(context, ask, false))),
        },
    }
}

/// Who sent a request that begins something.
pub(crate) enum Caller {
    /// A user of ours.
    User(Arc<str>),
    /// Somebody of a partner, admitted by an Edge; whether the partner may say who.
    Visitor { vouched: bool },
}

impl Caller {
    /// What is asserted of them to the next server.
    pub(crate) fn assert(&self) -> Assert {
        match self {
            Self::User(user) => Assert::User(Arc::clone(user)),
            Self::Visitor { vouched: true } => Assert::Keep,
            Self::Visitor { vouched: false } => Assert::Strip,
        }
    }

    /// The user of ours, or of a gateway; `None` for a visitor.
    pub(crate) fn user(&self) -> Option<&Arc<str>> {
        match self {
            Self::User(user) => Some(user),
            Self::Visitor { .. } => None,
        }
    }

    /// The user who has proven themself on the flow of the request.
    pub(crate) fn on_flow(self, ask: &Ask<'_>) -> Option<Arc<str>> {
        match self {
            Self::User(user) => ask.is_from_client().then_some(user),
            Self::Visitor { .. } => None,
        }
    }
}

/// Finds out who sent a request that begins something: a server asserts it, an Edge lets a partner's request in, or the
/// user proves it.
pub(crate) fn caller<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
) -> Result<Caller, Box<Decision<'r>>> {
    if let Some(user) = asserted(context, ask) {
        context
            .notes
            .add(|| format!("{user} as a server of ours asserts"));
        return Ok(Caller::User(user));
    }
    if let Some(visitor) = visitor(context, ask) {
        context.notes.add(|| "a visitor from a partner");
        return Ok(visitor);
    }
    settle(context, ask).map(Caller::User)
}

/// A request of a partner's user. An Edge has seen the partner's certificate; all that it can say by this is that
/// somebody is not of ours.
fn visitor(context: &Context<'_>, ask: &Ask<'_>) -> Option<Caller> {
    if !matches!(ask.link.peer, Peer::Server(_)) || ask.request.method() == Method::Register {
        return None;
    }
    let host = Uri::parse(ask.request.from().ok()?.uri).ok()?.host;
    let trusted = context.config.partner(host)?.trusted;
    let domain = Arc::from(host);
    let vouched = trusted && border::asserts_only(ask.request, &[domain]);
    Some(Caller::Visitor { vouched })
}

/// A client whose certificate is one of the user's needs no password. It is looked up for each request, so that a
/// certificate that is revoked is of no use from then on, on open flows too.
fn held(context: &Context<'_>, ask: &Ask<'_>, claimed: &str) -> Option<Arc<str>> {
    let certificate = ask
        .link
        .certificate
        .as_ref()
        .filter(|_| ask.is_from_client())?;
    let user = context.users.find(claimed).filter(|user| user.enabled)?;
    let holds = user.holds(certificate, context.now.wall);
    holds.then(|| Arc::from(claimed))
}

/// A user who signed in on this flow needs no credentials for what else they send on it, as long as they may sign in.
pub(crate) fn known_on_flow(
    context: &Context<'_>,
    ask: &Ask<'_>,
    claimed: &str,
) -> Option<Arc<str>> {
    // Who came with a certificate is asked anew each time: what it is worth may have changed.
    let may_change = ask.link.certificate.is_some();
    if !ask.is_from_client() || ask.request.method() == Method::Register || may_change {
        return None;
    }
    let user = ask.user.clone().filter(|user| user.as_ref() == claimed)?;
    context.users.find(&user)?.enabled.then_some(user)
}

/// The address-of-record that a request claims to come from.
pub(crate) fn claimed(request: &Message) -> Option<String> {
    Uri::parse(request.from().ok()?.uri).ok()?.aor()
}

/// Returns the user in To of a REGISTER, whose bindings it changes, if `asker` may do that (RFC 3261 10.3 steps 4 and
/// 5): the same user, or one that the topology names a delegate for them.
pub(crate) fn bindings_of(
    context: &Context<'_>,
    ask: &Ask<'_>,
    asker: &str,
) -> Result<Arc<User>, Why> {
    let to = ask.request.to().map_err(|_| Why::Malformed)?;
    let uri = Uri::parse(to.uri).map_err(|_| Why::Malformed)?;
    let aor = uri.aor().ok_or(Why::Malformed)?;
    if !context.config.may_register(asker, &aor) {
        let note = || format!("{asker} may not register {aor}");
        context.notes.add(note);
        return Err(Why::WrongIdentity);
    }
    let found = context.users.find(&aor).filter(|user| user.enabled);
    let missing = if aor == asker {
        Why::BadCredentials
    } else {
        Why::UnknownUser
    };
    found.ok_or_else(|| {
        let note = || format!("{aor} does not exist or is disabled");
        context.notes.add(note);
        missing
    })
}

/// Returns the identity of our domains that a Director or Front End asserts (RFC 3325 9.1). Nobody else may: an Edge's
/// word about our users counts for nothing.
pub(crate) fn asserted(context: &Context<'_>, ask: &Ask<'_>) -> Option<Arc<str>> {
    if !may_assert(&ask.link.peer) {
        return None;
    }
    let element = ask.request.elements(Name::PAssertedIdentity).next()?;
    let address = element.address().ok()?;
    let uri = Uri::parse(address.uri).ok()?;
    context
        .config
        .is_our_domain(uri.host)
        .then(|| uri.aor().map(Arc::from))
        .flatten()
}

/// Returns the user whom a Director has just seen, if the client brings the Director's ticket in the Request-URI.
pub(crate) fn ticketed(context: &Context<'_>, ask: &Ask<'_>) -> Option<Arc<str>> {
    if !ask.is_from_client() {
        return None;
    }
    let ticket = Uri::parse(ask.request.uri())
        .ok()?
        .params
        .value(Ticket::PARAM)?;
    let aor = claimed(ask.request)?;
    let admitted = Ticket::admits(
        ticket,
        &aor,
        context.now.wall.as_secs(),
        &context.config.keys.ticket,
    );
    context.notes.add(|| {
        if admitted {
            "by the ticket of a Director"
        } else {
            "the ticket is too old or of somebody else"
        }
    });
    (admitted && context.users.find(&aor)?.enabled).then(|| Arc::from(aor))
}

/// Answers 401 (to a REGISTER) or 407 with one challenge per algorithm, first choice first (RFC 8760 2.3). An ACK is
/// dropped, since nothing may answer it; so is a CANCEL, which cannot carry credentials of its own (RFC 3261 22.1).
fn challenge_all<'r>(context: &mut Context<'_>, ask: &Ask<'r>, stale: bool) -> Decision<'r> {
    if matches!(ask.request.method(), Method::Ack | Method::Cancel) {
        return Decision::Drop(Why::Challenged);
    }
    let (challenge_header, _) = headers(ask.request);
    let status = if ask.request.method() == Method::Register {
        401
    } else {
        407
    };
    let realm = realm(context, ask.request);
    let nonce = context.nonces.mint(context.now.wall, context.random);
    let offered = context
        .config
        .sign_in
        .digest_for(ask.request.text(Name::UserAgent));
    let mut reply = Reply::to(ask.request, status);
    for algorithm in offered {
        reply = reply.header(
            challenge_header,
            challenge(&realm, &nonce, *algorithm, stale),
        );
    }
    Decision::Reply(reply, Why::Challenged)
}

fn realm(context: &Context<'_>, request: &Message) -> String {
    let claimed = claimed(request);
    let host = claimed
        .as_deref()
        .and_then(|aor| aor.rsplit_once('@'))
        .map(|(_, host)| host);
    let ours = host.filter(|host| context.config.is_our_domain(host));
    let default = || {
        context
            .config
            .domains
            .first()
            .map(|domain| &**domain)
            .unwrap_or_default()
    };
    ours.unwrap_or_else(default).to_owned()
}

fn headers(request: &Message) -> (Name, Name) {
    if request.method() == Method::Register {
        (Name::WwwAuthenticate, Name::Authorization)
    } else {
        (Name::ProxyAuthenticate, Name::ProxyAuthorization)
    }
}
