//! What comes back: requests and responses from outside, with what we hid restored.
//!
//! A seal that is not ours is left as it stands: a route of it leads nowhere, and no user has such a name. A response has
//! to bring its Via lines, since without them it could be sent no further.

use super::{place, route, via, with_uri};
use crate::config::Config;
use crate::msg::{Edit, Limits, Message, Name, Uri};
use crate::role::route::uri_of;
use memchr::memmem;

/// A request as the inside would have it; `None` if there is nothing to restore.
pub(crate) fn request(config: &Config, request: &Message, limits: &Limits) -> Option<Message> {
    let head = request.bytes();
    let is_marked = [place::PREFIX, route::PREFIX]
        .iter()
        .any(|prefix| memmem::find(head, prefix.as_bytes()).is_some());
    if !is_marked {
        return None;
    }
    let mut edit = request.edit();
    if let Some(uri) = place::opened(config, request.uri()) {
        edit.uri(uri);
    } else if let Some(entries) = Uri::parse(request.uri())
        .ok()
        .and_then(|uri| route::opened(config, &uri))
    {
        // A strict router puts the entry into the Request-URI (RFC 3261 16.4).
        let (first, rest) = entries.split_first()?;
        edit.uri(uri_of(first)?.as_str());
        if !rest.is_empty() {
            edit.push(Name::Route, rest.join(", "));
        }
    }
    routes(config, &mut edit, request, Name::Route);
    places(config, &mut edit, request);
    Message::parse(edit.write(), limits).ok()
}

/// A response as the inside would have it; `None` if it is to nothing that we have sent.
pub(crate) fn response(config: &Config, response: &Message, limits: &Limits) -> Option<Message> {
    let below = via::opened(config, response)?;
    let top = response.elements(Name::Via).next()?;
    let ours = top.text()?.split(';');
    let ours: Vec<&str> = ours.filter(|param| !is_seal(param)).collect();
    let mut edit = response.edit();
    edit.replace(&top, format!("{}, {below}", ours.join(";")));
    routes(config, &mut edit, response, Name::RecordRoute);
    places(config, &mut edit, response);
    Message::parse(edit.write(), limits).ok()
}

fn is_seal(param: &str) -> bool {
    let name = param.split('=').next().unwrap_or_default();
    name.trim().eq_ignore_ascii_case(via::PARAM)
}

fn routes(config: &Config, edit: &mut Edit<'_>, message: &Message, name: Name) {
    for element in message.elements(name) {
        let uri = element.text().and_then(uri_of);
        if let Some(entries) = uri.and_then(|uri| route::opened(config, &uri)) {
            edit.replace(&element, entries.join(", "));
        }
    }
}

fn places(config: &Config, edit: &mut Edit<'_>, message: &Message) {
    for element in [Name::Contact, Name::ReferTo]
        .into_iter()
        .flat_map(|name| message.elements(name))
    {
        let restored = || {
            let address = element.address().ok()?;
            with_uri(
                element.text()?,
                address.uri,
                &place::opened(config, address.uri)?,
            )
        };
        if let Some(restored) = restored() {
            edit.replace(&element, restored);
        }
    }
}
