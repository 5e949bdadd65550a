//! Delegates: addresses of users of our domains, each once, and patterns that can match one.

use super::twice;
use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw, RawDelegate};
use crate::{Delegate, Fqdn};

/// Each is looked at for every registration that somebody makes for somebody else.
const DELEGATES_MAX: usize = 1000;
const PATTERNS_MAX: usize = 100;

/// Returns the delegates that are right.
pub(super) fn delegates(raw: &Raw, domains: &[Fqdn], sink: &mut Sink) -> Vec<Delegate> {
    if let Some(extra) = raw.delegate.get(DELEGATES_MAX) {
        let message = format!("there are more than {DELEGATES_MAX} delegates");
        let help = "let one user stand for several devices";
        sink.report(&extra.span, Rule::TooMany, message, help);
    }
    let mut found: Vec<Delegate> = Vec::new();
    for at in &raw.delegate {
        let text = at.value.user.as_ref();
        let user = text.and_then(|text| address(text, domains, Kind::User, sink));
        let may_register = patterns(&at.value, domains, sink);
        let Some(user) = user else {
            continue;
        };
        if found.iter().any(|other| other.user == user) {
            twice(&at.span, "delegate", &user, sink);
        } else {
            found.push(Delegate { user, may_register });
        }
    }
    found
}

fn patterns(raw: &RawDelegate, domains: &[Fqdn], sink: &mut Sink) -> Vec<String> {
    let Some(list) = &raw.may_register else {
        return Vec::new();
    };
    if list.value.is_empty() {
        let help = "name somebody, or leave the delegate out";
        sink.report(&list.span, Rule::Empty, "it may register nobody", help);
    }
    if let Some(extra) = list.value.get(PATTERNS_MAX) {
        let message = format!("there are more than {PATTERNS_MAX} patterns");
        sink.report(&extra.span, Rule::TooMany, message, "use `*`");
    }
    let mut found = Vec::new();
    for text in &list.value {
        match address(text, domains, Kind::Pattern, sink) {
            Some(pattern) if found.contains(&pattern) => {
                twice(&text.span, "pattern", &pattern, sink);
            }
            Some(pattern) => found.push(pattern),
            None => {}
        }
    }
    found
}

/// What a text with an `@` is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    User,
    Pattern,
}

/// Reads `user@domain`, the domain being one of ours; a pattern may have `*` before the `@`.
fn address(text: &At<String>, domains: &[Fqdn], kind: Kind, sink: &mut Sink) -> Option<String> {
    let value = text.value.as_str();
    let (user, domain) = value.rsplit_once('@').unwrap_or((value, ""));
    let odd = |c: char| {
        let star = c == '*' && kind == Kind::User;
        star || c.is_whitespace() || c.is_control() || matches!(c, ':' | '@' | ';' | '?' | '/')
    };
    if user.is_empty() || domain.is_empty() || user.contains(odd) {
        let (rule, message, help) = match kind {
            Kind::User => (
                Rule::User,
                format!("\"{value}\" is not the address of a user"),
                "write user@domain, as in \"reception@contoso.com\"",
            ),
            Kind::Pattern => (
                Rule::Pattern,
                format!("\"{value}\" matches no user"),
                "write user@domain, with `*` for any characters before the @, as in \"room-*@contoso.com\"",
            ),
        };
        sink.report(&text.span, rule, message, help);
        return None;
    }
    let Some(ours) = domains
        .iter()
        .find(|ours| ours.as_str().eq_ignore_ascii_case(domain))
    else {
        let message = format!("\"{domain}\" is no domain of this file");
        let help = "users of `domains` alone register here";
        sink.report(&text.span, Rule::UnknownReference, message, help);
        return None;
    };
    Some(format!("{user}@{ours}"))
}
