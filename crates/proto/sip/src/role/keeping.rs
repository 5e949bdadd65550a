//! Which messages are kept for users who are away (RFC 3428 7).
//!
//! A MESSAGE outside of a dialog, from somebody who is let through to the user and whom the user has not blocked, for a
//! user whose home this pool is, and for the user rather than one of their phones. What only says that somebody types is
//! of no use later, and neither is what its sender lets expire at once. For everything else, and where the topology does
//! not ask for it, the answer is what it is without any of this.

use super::callee;
use super::dialog;
use super::gruu::Wanted;
use super::identity;
use super::{Ask, Assert, Context, Keeping, Why};
use crate::msg::{Message, Method, Name};
use base::UnixMillis;
use base::net::Role;
use directory::User;
use std::sync::Arc;
use std::time::Duration;

/// The media type that says that somebody is typing (RFC 3994).
const TYPING: &str = "application/im-iscomposing+xml";

/// Returns how a request is kept that has reached nobody, if it is; `assert` is who its sender is known to be.
pub(crate) fn instead(context: &Context<'_>, ask: &Ask<'_>, assert: &Assert) -> Option<Keeping> {
    let offline = context.config.offline?;
    let request = ask.request;
    let is_eligible = context.config.server.role == Role::FrontEnd
        && request.method() == Method::Message
        && !dialog::is_inside(ask)
        // Whoever takes a request must know what it requires, and only the phone does.
        && request.get(Name::Require).is_none()
        && request.bytes().len() <= offline.message
        && !is_of_the_moment(request);
    if !is_eligible {
        return None;
    }
    let Ok((aor, Wanted::Everyone)) = callee::named(context, ask) else {
        return None;
    };
    let sender: Arc<str> = match assert {
        Assert::User(user) => Arc::clone(user),
        Assert::Keep | Assert::Strip => identity::claimed(request)?.into(),
    };
    let pool = &context.config.server.pool;
    let is_home = |user: &User| user.enabled && user.home.as_str().eq_ignore_ascii_case(pool);
    let is_welcome = context.users.find(&aor).is_some_and(|user| is_home(&user))
        && is_for(context, &aor, &sender, context.now.wall);
    is_welcome.then_some(())?;
    let expires_at = expires_at(request, context.now.wall, offline.keep)?;
    Some(Keeping {
        aor: aor.into(),
        sender,
        assert: assert.clone(),
        expires_at,
        user: None,
        otherwise: Why::Unreachable,
    })
}

/// Tells whether a message of this sender is for the user who has the address now: they have not blocked the sender, and
/// had the address when it came.
pub(crate) fn is_for(
    context: &Context<'_>,
    aor: &str,
    sender: &str,
    received_at: UnixMillis,
) -> bool {
    let is_theirs = |user: &User| user.created <= received_at && !user.blocks(sender);
    context.users.find(aor).is_some_and(|user| is_theirs(&user))
}

fn is_of_the_moment(request: &Message) -> bool {
    let media_type = request.text(Name::ContentType).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(TYPING)
}

/// When a message ends: what its sender says counts from its Date, or else from its arrival (RFC 3428 7), and no message
/// is kept for longer than the topology says. `None` if it has ended.
fn expires_at(request: &Message, now: UnixMillis, keep: Duration) -> Option<UnixMillis> {
    let after = |from: u64, time: Duration| {
        from.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    };
    let mut ends = after(now.0, keep);
    if let Some(lasts) = request.expires().ok().flatten() {
        let date = request.date().ok().flatten();
        let sent = date.map_or(now.0, |seconds| seconds.saturating_mul(1_000));
        ends = ends.min(after(sent, Duration::from_secs(lasts.into())));
    }
    (ends > now.0).then_some(UnixMillis(ends))
}
