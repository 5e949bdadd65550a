//! What leaves: requests to phones outside and partners, and responses to them.

use super::{place, private, route, with_uri};
use crate::config::{Address, Config};
use crate::msg::{Edit, Element, Message, Method, Name, Scheme, Uri};

/// Headers that may say where more can be learnt.
const INFORMING: [Name; 3] = [Name::ErrorInfo, Name::AlertInfo, Name::CallInfo];
/// Headers that are between servers of one operator (RFC 7315 6).
const OPERATORS: [Name; 2] = [Name::PChargingVector, Name::PServedUser];

/// Hides what a request says of the inside, except its Via lines; `own` is the Record-Route that we add.
pub(crate) fn request(
    config: &Config,
    edit: &mut Edit<'_>,
    request: &Message,
    own: Option<&str>,
    us: &Address,
) {
    let recorded = request.elements(Name::RecordRoute);
    let recorded = recorded.filter_map(|element| element.text());
    let all: Vec<&str> = own
        .into_iter()
        .flat_map(|own| own.split(", "))
        .chain(recorded)
        .collect();
    if !all.is_empty() {
        edit.set(
            Name::RecordRoute,
            route::sealed(config, all.into_iter(), us),
        );
    }
    let call_id = request.call_id().unwrap_or_default();
    let hides_all = private::hides_contact(request);
    for element in request.elements(Name::Contact) {
        hide_place(edit, &element, |uri| {
            let is_known = config.is_our_domain(uri.host) && !hides_all;
            (!is_known && !config.is_outer(uri.host))
                .then(|| place::sealed(config, uri, call_id, us))?
        });
    }
    for element in request.elements(Name::ReferTo) {
        // Whoever is referred to somebody of others must be able to read it.
        hide_place(edit, &element, |uri| {
            let is_inner = config.is_inner(uri.host);
            is_inner.then(|| place::sealed(config, uri, call_id, us))?
        });
    }
    informing(config, edit, request);
    private::apply(edit, request);
}

/// Hides what a response says of the inside; `asked` is its request, where that is known.
pub(crate) fn response(
    config: &Config,
    edit: &mut Edit<'_>,
    response: &Message,
    asked: Option<&Message>,
    us: &Address,
) {
    let recorded: Vec<&str> = elements(response, Name::RecordRoute);
    match route::of_response(config, &recorded) {
        Some(routes) if routes.is_empty() => drop(edit.remove(Name::RecordRoute)),
        Some(routes) => drop(edit.set(Name::RecordRoute, routes.join(", "))),
        None => {}
    }
    let path = elements(response, Name::Path);
    if !path.is_empty() {
        edit.set(Name::Path, route::of_path(config, &path, us));
    }
    let call_id = response.call_id().unwrap_or_default();
    let hides_all = private::hides_contact(response);
    // Whom these name is looked up or compared by others; only where the inside shows is it hidden.
    let is_list = response.method() == Method::Register || (300..400).contains(&response.status());
    for element in response.elements(Name::Contact) {
        hide_place(edit, &element, |uri| {
            let stays = if is_list {
                !config.is_inner(uri.host) || asked.is_some_and(|asked| names(asked, uri))
            } else {
                config.is_our_domain(uri.host) && !hides_all || config.is_outer(uri.host)
            };
            (!stays).then(|| place::sealed(config, uri, call_id, us))?
        });
    }
    informing(config, edit, response);
    private::apply(edit, response);
    for warning in response.elements(Name::Warning) {
        if let Some(text) = warning.text().and_then(|text| from_us(config, text, us)) {
            edit.replace(&warning, text);
        }
    }
}

fn elements(message: &Message, name: Name) -> Vec<&str> {
    message
        .elements(name)
        .filter_map(|element| element.text())
        .collect()
}

fn hide_place(
    edit: &mut Edit<'_>,
    element: &Element<'_>,
    sealed: impl FnOnce(&Uri<'_>) -> Option<String>,
) {
    let hidden = || {
        let address = element.address().ok()?;
        let uri = Uri::parse(address.uri).ok()?;
        with_uri(element.text()?, address.uri, &sealed(&uri)?)
    };
    if let Some(hidden) = hidden() {
        edit.replace(element, hidden);
    }
}

/// Tells whether a request has this URI in Contact: whoever sent it knows it.
fn names(request: &Message, uri: &Uri<'_>) -> bool {
    let mut contacts = request.elements(Name::Contact);
    contacts.any(|contact| {
        let known = contact
            .address()
            .ok()
            .and_then(|own| Uri::parse(own.uri).ok());
        known.is_some_and(|known| known.matches(uri))
    })
}

fn informing(config: &Config, edit: &mut Edit<'_>, message: &Message) {
    for name in INFORMING {
        let mut texts = message.elements(name).filter_map(|element| element.text());
        if texts.any(|text| host_in(text).is_some_and(|host| config.is_inner(host))) {
            edit.remove(name);
        }
    }
    for name in OPERATORS {
        if message.get(name).is_some() {
            edit.remove(name);
        }
    }
}

/// The host of the URI in angle brackets, of whatever scheme.
fn host_in(element: &str) -> Option<&str> {
    let (_, rest) = element.split_once('<')?;
    let (uri, _) = rest.split_once('>')?;
    if let Ok(parsed) = Uri::parse(uri)
        && matches!(parsed.scheme, Scheme::Sip | Scheme::Sips)
    {
        return Some(parsed.host);
    }
    let (_, place) = uri.split_once("//")?;
    let host = place.split(['/', '?', '#']).next()?;
    let host = host.rsplit('@').next()?;
    Some(host.rsplit_once(':').map_or(host, |(host, _)| host))
}

/// A Warning of a machine of the inside, as one of ours (RFC 3261 20.43).
fn from_us(config: &Config, warning: &str, us: &Address) -> Option<String> {
    let (code, rest) = warning.split_once(' ')?;
    let (agent, text) = rest.trim_start().split_once(' ')?;
    let host = agent.rsplit_once(':').map_or(agent, |(host, _)| host);
    let is_inner = config.is_inner(host);
    is_inner.then(|| format!("{code} {} {text}", us.host))
}
