//! The registrar's rules (RFC 3261 10.3): from a REGISTER and what is bound to a change, or a refusal.
//!
//! A pure function: it changes nothing itself, so a refusal in the middle leaves nothing changed. Who the user is has
//! been settled before. Path (RFC 3327) and reg-id with instance (RFC 5626 6) are kept with the binding.
//!
//! Where it leaves the RFC on purpose: a REGISTER with a CSeq that was seen before is carried out again instead of being
//! refused (step 7 asks for a higher one), since a Director that lost a Front End sends the same request to the next
//! member, which cannot tell whether the first one was done with it. It changes nothing the second time.
//!
//! Left out on purpose: `Path` is stored whether or not the client claims to support it, since only our own Edge and
//! Director add it here and without it the client could not be reached (RFC 3327 5.3 allows policy to decide).

mod answer;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub(crate) use answer::{Answer, FLOW_TIMER, binds_flow};

use crate::config::Registrations;
use crate::location::{Binding, Change};
use crate::msg::{Address, Element, Invalid, Message, Name, Scheme, Uri};
use crate::role::{route, secure};
use base::UnixMillis;
use std::sync::Arc;
use std::time::Duration;

/// Contacts in one REGISTER; more are refused.
const MAX_CONTACTS: usize = 16;
/// Seconds that a malformed `expires` stands for.
const MALFORMED: u32 = 3_600;
/// Bytes of one Contact with its parameters, and of the route to it.
const MAX_CONTACT: usize = 2_048;

/// What a REGISTER asks for, apart from the message itself.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The message.
    pub message: &'a Message,
    /// Whose bindings, as `sip:user@host`.
    pub aor: &'a str,
    /// The route back to the client, first hop first.
    pub route: Vec<String>,
    /// Whether it came through an Edge.
    pub remote: bool,
    /// Whether the first hop keeps the client's flow (RFC 5626).
    pub outbound: bool,
}

/// What follows from a REGISTER that is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It only asks for the bindings.
    Fetch,
    /// The bindings change once this is durable.
    Change(Change),
}

/// Why a REGISTER is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header is malformed: 400.
    #[error("malformed header")]
    Malformed,
    /// The Contact is no SIP URI: 400.
    #[error("contact is not a SIP URI")]
    ContactForm,
    /// A `sips` Contact in a REGISTER that is not `sips` throughout (RFC 5630 5.2): 400.
    #[error("a sips contact needs a sips Request-URI and Path")]
    NotSecure,
    /// A Contact or the route to it is longer than we keep: 400.
    #[error("contact is too long")]
    TooLong,
    /// Several flows in one request (RFC 5626 6): 400.
    #[error("one contact with reg-id only")]
    ManyFlows,
    /// The client wants its flow kept and the first proxy on the way does not do that (RFC 5626 6): 439.
    #[error("first hop lacks outbound support")]
    NoOutbound,
    /// `*` with other contacts, or without `Expires: 0` (RFC 3261 10.3 step 6): 400.
    #[error("contact * needs Expires: 0 and no other contact")]
    Star,
    /// An older CSeq of the same Call-ID (RFC 3261 10.3 step 7): 400.
    #[error("out of order: a later CSeq of this Call-ID has been seen")]
    OutOfOrder,
    /// Too short a time: 423 with Min-Expires.
    #[error("interval too brief")]
    TooBrief,
    /// Too many contacts in one request, or bindings of one user: 403.
    #[error("too many endpoints for this user")]
    TooMany,
    /// The Contact is a GRUU of ours, which leads back to where it is bound (RFC 5627 5.1): 403.
    #[error("contact leads back here")]
    Circular,
}

impl Refusal {
    /// Returns the status that tells the client.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed
            | Self::ContactForm
            | Self::NotSecure
            | Self::TooLong
            | Self::ManyFlows
            | Self::Star
            | Self::OutOfOrder => 400,
            Self::NoOutbound => 439,
            Self::TooBrief => 423,
            Self::TooMany | Self::Circular => 403,
        }
    }
}

impl From<Invalid> for Refusal {
    fn from(_: Invalid) -> Self {
        Self::Malformed
    }
}

/// Applies the rules of RFC 3261 10.3 to a request.
///
/// # Errors
/// [`Refusal`] when the request breaks a rule; nothing changes then.
pub fn register(
    rules: &Registrations,
    now: UnixMillis,
    bound: &[Arc<Binding>],
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let contacts: Vec<Element<'_>> = request.message.elements(Name::Contact).collect();
    if contacts.is_empty() {
        return Ok(Outcome::Fetch);
    }
    if contacts.len() > MAX_CONTACTS {
        return Err(Refusal::TooMany);
    }
    let order = Order::of(request.message)?;
    if contacts.iter().any(|contact| contact.value == b"*") {
        return remove_all(bound, request, &order, contacts.len());
    }
    let mut change = Change {
        aor: request.aor.to_owned(),
        ..Change::default()
    };
    for contact in &contacts {
        let (binding, life) = read_contact(rules, now, request, &order, contact)?;
        let mut same = bound.iter().filter(|old| old.is_same(&binding));
        same.try_for_each(|old| order.follows(old))?;
        // Of two contacts that are the same binding the later counts; what the earlier would have replaced goes.
        let superseded = change
            .put
            .extract_if(.., |earlier| earlier.is_same(&binding));
        change.remove.extend(superseded);
        if life.is_zero() {
            change.remove.push(binding);
        } else {
            change.put.push(binding);
        }
    }
    if change.put.iter().any(|binding| binding.reg_id > 0) {
        if change.put.len() > 1 {
            return Err(Refusal::ManyFlows);
        }
        if !request.outbound {
            return Err(Refusal::NoOutbound);
        }
    }
    if !change.put.is_empty() && count_after(bound, &change) > rules.endpoints {
        return Err(Refusal::TooMany);
    }
    Ok(Outcome::Change(change))
}

fn count_after(bound: &[Arc<Binding>], change: &Change) -> usize {
    let touched = |old: &&Arc<Binding>| {
        change
            .remove
            .iter()
            .chain(&change.put)
            .any(|new| new.is_same(old))
    };
    bound.iter().filter(|old| !touched(old)).count() + change.put.len()
}

fn remove_all(
    bound: &[Arc<Binding>],
    request: &Request<'_>,
    order: &Order<'_>,
    contacts: usize,
) -> Result<Outcome, Refusal> {
    if contacts != 1 || request.message.expires()? != Some(0) {
        return Err(Refusal::Star);
    }
    bound.iter().try_for_each(|old| order.follows(old))?;
    let remove = bound.iter().map(|old| Binding::clone(old)).collect();
    Ok(Outcome::Change(Change {
        aor: request.aor.to_owned(),
        remove,
        put: Vec::new(),
    }))
}

/// The order among requests of one client.
struct Order<'m> {
    call_id: &'m str,
    cseq: u32,
}

impl<'m> Order<'m> {
    fn of(message: &'m Message) -> Result<Self, Refusal> {
        Ok(Self {
            call_id: message.call_id()?,
            cseq: message.cseq()?.number,
        })
    }

    fn follows(&self, old: &Binding) -> Result<(), Refusal> {
        if old.call_id == self.call_id && old.cseq > self.cseq {
            return Err(Refusal::OutOfOrder);
        }
        Ok(())
    }
}

fn read_contact(
    rules: &Registrations,
    now: UnixMillis,
    request: &Request<'_>,
    order: &Order<'_>,
    contact: &Element<'_>,
) -> Result<(Binding, Duration), Refusal> {
    let address = contact.address().map_err(|_| Refusal::ContactForm)?;
    let uri = Uri::parse(address.uri).map_err(|_| Refusal::ContactForm)?;
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return Err(Refusal::ContactForm);
    }
    let life = lifetime(rules, request.message, &address)?;
    if uri.scheme == Scheme::Sips && !life.is_zero() && !is_secured(request) {
        return Err(Refusal::NotSecure);
    }
    if uri.params.has("gr") && is_at_home(&uri, request.aor) {
        return Err(Refusal::Circular);
    }
    let instance = address
        .params
        .value("+sip.instance")
        .map(|value| value.trim_matches('"').to_owned());
    let route_len: usize = request.route.iter().map(String::len).sum();
    if contact.value.len() > MAX_CONTACT || route_len > MAX_CONTACT {
        return Err(Refusal::TooLong);
    }
    let reg_id = flow_number(request.message, &address);
    let binding = Binding {
        contact: address.uri.to_owned(),
        params: other_params(&address),
        instance,
        reg_id,
        q: preference(&address),
        expires_at: now.after(life).0,
        call_id: order.call_id.to_owned(),
        cseq: order.cseq,
        route: request.route.clone(),
        user_agent: request
            .message
            .text(Name::UserAgent)
            .unwrap_or_default()
            .to_owned(),
        remote: request.remote,
    };
    Ok((binding, life))
}

/// Whether an address is of the domain whose users are registered here.
fn is_at_home(uri: &Uri<'_>, aor: &str) -> bool {
    let home = Uri::parse(aor).map(|aor| aor.host);
    home.is_ok_and(|home| home.eq_ignore_ascii_case(uri.host))
}

/// Whether a REGISTER and the route back to its client are `sips` (RFC 5630 5.2); To and From do not matter.
fn is_secured(request: &Request<'_>) -> bool {
    let mut hops = request.route.iter();
    let is_sips = |hop: &String| route::uri_of(hop).is_some_and(|uri| uri.scheme == Scheme::Sips);
    secure::is_sips(request.message.uri()) && hops.all(is_sips)
}

/// `reg-id` of a Contact, 0 if it does not count: without an instance, or from a client that does not say `outbound`
/// (RFC 5626 6).
fn flow_number(message: &Message, address: &Address<'_>) -> u32 {
    let params = &address.params;
    let counts = params.has("+sip.instance") && message.has_token(Name::Supported, "outbound");
    let number = params.value("reg-id").filter(|_| counts);
    number.and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// RFC 3261 10.2.1.1: the Contact's own `expires`, else the Expires header, else the default; a malformed `expires`
/// counts as an hour (20.10).
fn lifetime(
    rules: &Registrations,
    message: &Message,
    address: &Address<'_>,
) -> Result<Duration, Refusal> {
    let own = address.params.get("expires");
    let own = own.map(|text| text.and_then(seconds).unwrap_or(MALFORMED));
    let asked = own.or_else(|| message.expires().ok().flatten());
    let Some(asked) = asked else {
        return Ok(rules.default);
    };
    let asked = Duration::from_secs(u64::from(asked));
    if !asked.is_zero() && asked < rules.min {
        return Err(Refusal::TooBrief);
    }
    Ok(asked.min(rules.max))
}

/// A number of seconds; what does not fit is the greatest number.
fn seconds(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

fn preference(address: &Address<'_>) -> u16 {
    let Some(q) = address
        .params
        .value("q")
        .and_then(|value| value.parse::<f32>().ok())
    else {
        return 1000;
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1000"
    )]
    let thousandths = (q.clamp(0.0, 1.0) * 1000.0).round() as u16;
    thousandths
}

fn other_params(address: &Address<'_>) -> String {
    let mut kept = String::new();
    for (name, value) in address.params.iter() {
        if name.eq_ignore_ascii_case("expires") || name.eq_ignore_ascii_case("q") {
            continue;
        }
        kept.push(';');
        kept.push_str(name);
        if let Some(value) = value {
            kept.push('=');
            kept.push_str(value);
        }
    }
    kept
}

/// Writes a Contact value for the 200 to a REGISTER.
#[must_use]
pub fn contact_value(binding: &Binding, now: UnixMillis) -> String {
    let seconds = binding.expires_at.saturating_sub(now.0).div_ceil(1000);
    let mut value = format!("<{}>{};expires={seconds}", binding.contact, binding.params);
    if binding.q != 1000 {
        value.push_str(&format!(";q={}.{:03}", binding.q / 1000, binding.q % 1000));
    }
    value
}
