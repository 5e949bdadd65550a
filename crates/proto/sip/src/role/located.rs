//! From a user's bindings to where a request for them goes.
//!
//! - A phone that keeps several flows (RFC 5626: one instance, several reg-ids) is one target; its other flows are tried
//!   in turn when the newest fails (5.3).
//! - A request for a GRUU goes to the phone that it names and no other (RFC 5627 5.4).
//! - Inside a dialog a GRUU in the Request-URI becomes the Contact that the phone registered, since the route leads to a
//!   phone that knows itself by that.

use super::gruu::{self, Wanted};
use super::route::{self, Routes};
use super::secure;
use super::{Ask, Context, Target};
use crate::location::Binding;
use crate::msg::{Message, Uri};
use std::borrow::Cow;
use std::sync::Arc;

/// The highest q, in thousandths.
const Q_MAX: u16 = 1_000;

/// Returns a target for each phone that a request wants, most preferred first.
pub(crate) fn targets(
    context: &mut Context<'_>,
    request: &Message,
    aor: &str,
    wanted: &Wanted,
) -> Vec<Target> {
    let mut bindings = context.locations.find(aor, context.now.wall);
    bindings.retain(|binding| wanted.takes(binding, &context.config.keys.ticket));
    let mut targets: Vec<Target> = Vec::new();
    for phone in by_phone(&bindings) {
        let mut ways = phone
            .iter()
            .filter_map(|way| target_for(context, request, way));
        if let Some(mut first) = ways.next() {
            first.alternatives = ways.collect();
            targets.push(first);
        }
    }
    targets
}

/// Groups bindings by phone, keeping the order; a phone's newest flow comes first.
fn by_phone(bindings: &[Arc<Binding>]) -> Vec<Vec<&Binding>> {
    let mut phones: Vec<Vec<&Binding>> = Vec::new();
    for binding in bindings {
        let known = phones.iter_mut().find(|phone| {
            let first = phone.first();
            first
                .is_some_and(|first| first.instance.is_some() && first.instance == binding.instance)
        });
        match known {
            Some(phone) => phone.push(binding),
            None => phones.push(vec![binding]),
        }
    }
    for phone in &mut phones {
        phone.sort_by_key(|way| std::cmp::Reverse(way.expires_at));
    }
    phones
}

/// A target for a binding; `None` if its flow is gone, or it is not `sips` and the request is.
pub(super) fn target_for(
    context: &mut Context<'_>,
    request: &Message,
    binding: &Binding,
) -> Option<Target> {
    let contact = secure::in_scheme_of(request.uri(), &binding.contact)?;
    let routes =
        Routes::take_own(context, &[], binding.route.iter().map(String::as_str), None).ok()?;
    let towards = route::towards(context, &routes).ok()??;
    let target = Target {
        uri: Some(request_uri(&contact).to_owned()),
        route: routes.rest,
        order: Q_MAX.saturating_sub(binding.q),
        ..Target::at(towards)
    };
    Some(route::for_strict(target, request))
}

/// A Contact as a Request-URI, where headers have no place (RFC 3261 19.1.1); what a phone registered as one is not
/// honoured either (19.1.5).
fn request_uri(contact: &str) -> &str {
    let headers = Uri::parse(contact).ok().and_then(|uri| uri.headers);
    let end = headers.and_then(|headers| contact.len().checked_sub(headers.len() + 1));
    end.and_then(|end| contact.get(..end)).unwrap_or(contact)
}

/// The binding that the Request-URI inside a dialog means: by its GRUU, or by the Contact of the dialog's other end,
/// whose client has come back on a new flow. `uri` stands for the Request-URI where a strict router had changed it.
pub(super) fn registered_again(
    context: &mut Context<'_>,
    ask: &Ask<'_>,
    uri: Option<&str>,
) -> Option<Target> {
    if let Some(binding) = by_gruu(context, ask) {
        return target_for(context, ask.request, &binding);
    }
    let to = ask.request.to().ok()?;
    let aor = Uri::parse(to.uri).ok()?.aor()?;
    let wanted = Uri::parse(uri.unwrap_or_else(|| ask.request.uri())).ok()?;
    let bindings = context.locations.find(&aor, context.now.wall);
    let same = |binding: &&Arc<Binding>| {
        let contact = secure::in_scheme_of(wanted.as_str(), &binding.contact);
        let contact = contact
            .as_deref()
            .and_then(|contact| Uri::parse(contact).ok());
        contact.is_some_and(|contact| contact.matches(&wanted))
    };
    let binding = bindings.iter().find(same)?;
    target_for(context, ask.request, binding)
}

/// The Contact that the GRUU in the Request-URI stands for, in its scheme.
pub(super) fn contact_by_gruu(context: &Context<'_>, ask: &Ask<'_>) -> Option<String> {
    let binding = by_gruu(context, ask)?;
    secure::in_scheme_of(ask.request.uri(), &binding.contact).map(Cow::into_owned)
}

/// Tells whether a user has registered phones of which a request reaches none for the sake of its scheme.
pub(super) fn is_insecure(context: &Context<'_>, ask: &Ask<'_>, aor: &str) -> bool {
    let asked = ask.request.uri();
    let bindings = context.locations.find(aor, context.now.wall);
    let reaches = |binding: &Arc<Binding>| secure::in_scheme_of(asked, &binding.contact).is_some();
    !bindings.is_empty() && !bindings.iter().any(reaches)
}

/// The newest binding of the phone whose GRUU the Request-URI is, if it is registered here.
fn by_gruu(context: &Context<'_>, ask: &Ask<'_>) -> Option<Arc<Binding>> {
    let uri = ask.parts.uri?;
    if !uri.params.has("gr") || !context.config.is_our_domain(uri.host) {
        return None;
    }
    let key = &context.config.keys.ticket;
    let (aor, wanted) = gruu::read(&uri, key)?;
    let bindings = context.locations.find(&aor, context.now.wall);
    let mut fit: Vec<_> = bindings
        .into_iter()
        .filter(|binding| wanted != Wanted::Everyone && wanted.takes(binding, key))
        .collect();
    fit.sort_by_key(|binding| std::cmp::Reverse(binding.expires_at));
    fit.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::request_uri;

    #[test]
    fn headers_of_a_contact_are_no_part_of_the_request_uri() {
        for (contact, uri) in [
            ("sip:ann@h:5061;a=b", "sip:ann@h:5061;a=b"),
            ("sip:ann@h;a=b?Route=%3Csip:x%3E&b=c", "sip:ann@h;a=b"),
            ("sip:a?b@h", "sip:a?b@h"),
            ("sip:a?b@h?c=d", "sip:a?b@h"),
        ] {
            assert_eq!(request_uri(contact), uri);
        }
    }
}
