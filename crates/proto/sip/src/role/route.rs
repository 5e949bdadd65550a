//! Where a request goes next (RFC 3261 16.4-16.6), from its Route lines and our tokens.
//!
//! A machine connects only to machines of the topology; a client is reached over the flow that it opened, which a
//! token of ours names. So a Route can lead to a server that we know or to a flow of ours, and nowhere else.

use super::secure;
use super::{Ask, Context, Target, Towards, Why};
use crate::config::Pool;
use crate::msg::{Address, Message, Name, Parts, Uri};
use crate::token::{Dialog, Token};
use base::net::{FlowId, Hop, Role, Transport};
use smallvec::SmallVec;

/// More Route entries than this are refused; a call crosses at most nine of ours.
const MAX_ROUTES: usize = 32;

/// What the Route lines say once our own entries are taken off.
#[derive(Default)]
pub(crate) struct Routes {
    /// What is left, in order, each as it was written.
    pub(crate) rest: Vec<String>,
    /// Whether an entry of ours proved that the sender is part of the dialog.
    pub(crate) dialog: bool,
    /// The flow that our entries lead to, if it is not the one that the request came on.
    pub(crate) flow: Option<Leads>,
    /// The Request-URI, if a strict router has put it behind the Route and our own entry in its place
    /// (RFC 3261 16.4).
    pub(crate) uri: Option<String>,
}

/// Where a token of ours leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To this flow.
    To(FlowId),
    /// To a flow that has closed, or of an earlier run.
    Nowhere,
}

impl Routes {
    /// Takes our own entries off the front of a request's Route lines.
    pub(crate) fn of(context: &Context<'_>, ask: &Ask<'_>) -> Result<Self, Why> {
        let mut all: SmallVec<[&str; 4]> = SmallVec::new();
        for element in ask.request.elements(Name::Route) {
            all.push(element.text().ok_or(Why::Malformed)?);
        }
        if all.is_empty() {
            return Ok(Self::default());
        }
        let ends = Ends::from(ask.parts);
        let dialogs = ends.dialogs();
        let uri = ask.parts.uri.ok_or(Why::Malformed)?;
        let is_entry = matches!(own(context, &dialogs, &uri), Own::Token(_));
        let last = is_entry.then(|| all.pop()).flatten();
        let came_on = Some(ask.flow);
        let Some(last) = last else {
            return Self::take_own(context, &dialogs, all, came_on);
        };
        let first = format!("<{}>", uri.as_str());
        let all = std::iter::once(first.as_str()).chain(all.iter().copied());
        let all: SmallVec<[&str; 4]> = all.collect();
        let mut routes = Self::take_own(context, &dialogs, all, came_on)?;
        routes.uri = Some(bare_uri(last).ok_or(Why::Malformed)?.to_owned());
        Ok(routes)
    }

    /// What a request inside its dialog becomes: a target with this next hop.
    pub(crate) fn target(self, request: &Message, towards: Towards) -> Target {
        let target = Target {
            uri: self.uri,
            route: self.rest,
            ..Target::at(towards)
        };
        for_strict(target, request)
    }

    /// Takes our own entries off the front of a route.
    pub(crate) fn take_own<'e>(
        context: &Context<'_>,
        dialogs: &[Dialog<'_>],
        all: impl IntoIterator<Item = &'e str, IntoIter: ExactSizeIterator>,
        came_on: Option<FlowId>,
    ) -> Result<Self, Why> {
        let mut all = all.into_iter();
        if all.len() > MAX_ROUTES {
            return Err(Why::Malformed);
        }
        let mut routes = Self {
            rest: Vec::new(),
            dialog: false,
            flow: None,
            uri: None,
        };
        for entry in all.by_ref() {
            let token = match own_entry(context, dialogs, entry)? {
                Own::No => {
                    routes.rest.push(entry.to_owned());
                    break;
                }
                Own::Plain => continue,
                Own::Token(token) => token,
            };
            routes.dialog |= token.dialog;
            if let Some((boot, flow)) = token.flow {
                let here = boot == context.config.boot && context.flows.may_carry(flow);
                if !here || Some(flow) != came_on {
                    routes.flow = Some(if here {
                        Leads::To(flow)
                    } else {
                        Leads::Nowhere
                    });
                }
            }
        }
        routes.rest.extend(all.map(str::to_owned));
        Ok(routes)
    }
}

enum Own {
    No,
    Plain,
    Token(Token),
}

fn own_entry(context: &Context<'_>, dialogs: &[Dialog<'_>], entry: &str) -> Result<Own, Why> {
    let uri = uri_of(entry).ok_or(Why::Malformed)?;
    Ok(own(context, dialogs, &uri))
}

fn own(context: &Context<'_>, dialogs: &[Dialog<'_>], uri: &Uri<'_>) -> Own {
    if !context.config.is_me(uri.host) {
        return Own::No;
    }
    let token = uri
        .user
        .and_then(|user| Token::read(user, &context.config.keys.token, dialogs));
    token.map_or(Own::Plain, Own::Token)
}

/// The URI within a Route entry.
pub(crate) fn uri_of(entry: &str) -> Option<Uri<'_>> {
    Uri::parse(bare_uri(entry)?).ok()
}

fn bare_uri(entry: &str) -> Option<&str> {
    let start = entry.find('<')?;
    let rest = entry.get(start + 1..)?;
    rest.get(..rest.find('>')?)
}

/// If the next entry of the route is a strict router, it finds itself in the Request-URI, and the Request-URI last in
/// the route (RFC 3261 16.6 step 6).
pub(crate) fn for_strict(mut target: Target, request: &Message) -> Target {
    let is_strict = |uri: Uri<'_>| !uri.params.has("lr");
    let first = target.route.first();
    let next = first.filter(|entry| uri_of(entry).is_some_and(is_strict));
    let Some(next) = next.and_then(|entry| bare_uri(entry)).map(str::to_owned) else {
        return target;
    };
    let uri = target.uri.as_deref().unwrap_or_else(|| request.uri());
    target.route.push(format!("<{uri}>"));
    target.route.remove(0);
    target.uri = Some(next);
    target
}

/// The two ends of a request, by which dialogs are told apart.
pub(crate) struct Ends<'m> {
    call_id: &'m str,
    tags: [&'m str; 2],
    users: [String; 2],
}

impl<'m> From<&Parts<'m>> for Ends<'m> {
    fn from(parts: &Parts<'m>) -> Self {
        let ends = [parts.from, parts.to];
        Self {
            call_id: parts.call_id,
            tags: ends.map(|end| end.tag.unwrap_or_default()),
            users: ends.map(|end| end.uri.aor().unwrap_or_default()),
        }
    }
}

impl<'m> Ends<'m> {
    /// Reads them from the header; what is missing is empty.
    pub(crate) fn of(request: &'m Message) -> Self {
        let ends = [request.from().ok(), request.to().ok()];
        let user = |uri| Uri::parse(uri).ok().and_then(|uri| uri.aor());
        let tag = |end: &Option<Address<'m>>| end.as_ref().and_then(Address::tag);
        let aor = |end: &Option<Address<'m>>| end.as_ref().map(|end| user(end.uri));
        Self {
            call_id: request.call_id().unwrap_or_default(),
            tags: ends.each_ref().map(|end| tag(end).unwrap_or_default()),
            users: ends
                .each_ref()
                .map(|end| aor(end).flatten().unwrap_or_default()),
        }
    }

    /// The dialogs that the request may belong to: begun by its sender, or by the other end.
    pub(crate) fn dialogs(&self) -> [Dialog<'_>; 2] {
        let [from, to] = &self.users;
        let begun_by = |end: usize, caller, callee| Dialog {
            call_id: self.call_id,
            tag: self.tags.get(end).copied().unwrap_or_default(),
            caller,
            callee,
        };
        [begun_by(0, from, to), begun_by(1, to, from)]
    }
}

/// Returns the servers that the first entry of a route names.
pub(crate) fn servers_for(context: &mut Context<'_>, entry: &str) -> Result<Vec<Hop>, Why> {
    let host = uri_of(entry)
        .ok_or(Why::Malformed)?
        .host
        .to_ascii_lowercase();
    let servers = servers_named(context, &host);
    if servers.is_none() {
        context.notes.add(|| format!("the route leads to {host}"));
    }
    servers.ok_or(Why::ForeignRoute)
}

/// Returns the machine of this name, or the members of the pool of this name in random order (DNS load balancing).
pub(crate) fn servers_named(context: &mut Context<'_>, host: &str) -> Option<Vec<Hop>> {
    let config = context.config;
    if let Some(pool) = config.pool(host) {
        return Some(members(context, pool));
    }
    let machine = config
        .pools
        .iter()
        .flat_map(|pool| &pool.members)
        .find(|hop| &*hop.name == host);
    machine.map(|hop| vec![hop.clone()])
}

/// Returns a pool's members in random order.
pub(crate) fn members(context: &mut Context<'_>, pool: &Pool) -> Vec<Hop> {
    let mut hops = pool.members.clone();
    context.random.shuffle(&mut hops);
    hops
}

/// Returns the servers of a user's home pool, then those of its backup.
pub(crate) fn home_servers(context: &mut Context<'_>, home: &str) -> Vec<Hop> {
    let config = context.config;
    let Some(pool) = config.pool(home) else {
        context.notes.add(|| format!("there is no pool {home}"));
        return Vec::new();
    };
    let mut hops = members(context, pool);
    hops.extend(stand_ins(context, home));
    hops.retain(|hop| hop.name != config.server.name);
    note_resting(context, &hops);
    hops
}

/// Notes which servers are tried last, since they could not be reached before.
fn note_resting(context: &Context<'_>, hops: &[Hop]) {
    for hop in hops {
        if context.flows.is_resting(&hop.name, context.now.mono) {
            let note = || format!("{} could not be reached before", hop.name);
            context.notes.add(note);
        }
    }
}

/// Returns the servers of the pool that stands in for a home.
pub(crate) fn stand_ins(context: &mut Context<'_>, home: &str) -> Vec<Hop> {
    let config = context.config;
    let backup = config.pool(home).and_then(|pool| pool.backup.as_deref());
    let mut hops = backup
        .and_then(|name| config.pool(name))
        .map_or_else(Vec::new, |pool| members(context, pool));
    hops.retain(|hop| hop.name != config.server.name);
    hops
}

/// The role of the pool or machine that a route entry names.
pub(crate) fn role_of(context: &Context<'_>, entry: &str) -> Option<Role> {
    let uri = uri_of(entry)?;
    let named = |pool: &&Pool| {
        pool.name.eq_ignore_ascii_case(uri.host)
            || pool
                .members
                .iter()
                .any(|hop| hop.name.eq_ignore_ascii_case(uri.host))
    };
    context
        .config
        .pools
        .iter()
        .find(named)
        .map(|pool| pool.role)
}

/// Decides where a routed request goes: to the next server of the route, else to the flow of our token.
pub(crate) fn towards(context: &mut Context<'_>, routes: &Routes) -> Result<Option<Towards>, Why> {
    if let Some(first) = routes.rest.first() {
        return servers_for(context, first).map(|hops| Some(Towards::Servers(hops)));
    }
    match routes.flow {
        Some(Leads::To(flow)) => Ok(Some(Towards::Flow(flow))),
        Some(Leads::Nowhere) => Err(Why::FlowGone),
        None => Ok(None),
    }
}

/// The parameter of our Path that says by which name its client reaches us (RFC 3608: the route it should take).
pub(crate) const FACE: &str = "face";

/// Writes the URI that names the flow of a REGISTER, for its Path, in the scheme that it asks for. `ob` says that requests
/// follow the flow (RFC 5626 5.1).
pub(crate) fn path_uri(context: &Context<'_>, ask: &Ask<'_>) -> String {
    let (config, flow) = (context.config, ask.flow);
    let token = Token::path(config.boot, flow, &config.keys.token);
    let face = match config.server.role {
        Role::Edge => config.outside.as_ref(),
        Role::Director => Some(&config.inside),
        Role::FrontEnd | Role::ReverseProxy | Role::LoadBalancer | Role::Dns => None,
    };
    // A client without TLS would not follow a route with it.
    let face = face
        .filter(|_| flow.transport() == Transport::Tls)
        .map(|face| format!(";{FACE}={}:{}", face.host, face.port));
    format!(
        "<{}{token}@{}:{};transport=tls;lr;ob{}>",
        secure::scheme_of(ask.request),
        config.inside.host,
        config.inside.port,
        face.unwrap_or_default()
    )
}
