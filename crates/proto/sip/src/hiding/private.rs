//! The Edge as a privacy service (RFC 3323 5): what the sender of a message asks to be hidden, beyond the inside.
//!
//! - `header`: what the way shows is hidden anyway; Contact then too where it is an address of our domains.
//! - `user`: headers that tell of a person and that nobody needs are left out. From stays as it was written, so the word
//!   stays for a service behind us; a request that makes it critical is refused before.
//! - `session` is for who carries media.

use crate::msg::{Edit, Message, Name};
use crate::role::Why;

/// Headers that a privacy service leaves out for `user` (RFC 3323 5.3).
const PERSONAL: [Name; 7] = [
    Name::Subject,
    Name::CallInfo,
    Name::Organization,
    Name::UserAgent,
    Name::Server,
    Name::ReplyTo,
    Name::InReplyTo,
];

/// Refuses a service that cannot be had, if the request may not go without (RFC 3323 5).
pub(crate) fn refused(request: &Message) -> Option<Why> {
    let wishes = request.privacy().ok()?;
    (wishes.critical && (wishes.user || wishes.session)).then_some(Why::NoPrivacy)
}

/// Tells whether the sender's asserted identity may not leave those who know it (RFC 3325 7). A Privacy that cannot be
/// read may say so.
pub(crate) fn keeps_identity(message: &Message) -> bool {
    message.privacy().map_or(true, |wishes| wishes.id)
}

/// Tells whether an address of our domains in Contact is hidden as well.
pub(super) fn hides_contact(message: &Message) -> bool {
    message
        .privacy()
        .is_ok_and(|wishes| wishes.header || wishes.user)
}

/// Leaves out what the sender asks for, and takes what is done off its wishes.
pub(super) fn apply(edit: &mut Edit<'_>, message: &Message) {
    let Ok(wishes) = message.privacy() else {
        return;
    };
    if wishes.user {
        for name in PERSONAL
            .into_iter()
            .filter(|name| message.get(*name).is_some())
        {
            edit.remove(name);
        }
    }
    if wishes.header {
        let words = message.all(Name::Privacy).filter_map(|line| line.text());
        let words = words.flat_map(|line| line.split([';', ','])).map(str::trim);
        let left: Vec<&str> = words
            .filter(|word| !word.eq_ignore_ascii_case("header"))
            .collect();
        if left
            .iter()
            .all(|word| word.eq_ignore_ascii_case("critical"))
        {
            edit.remove(Name::Privacy);
        } else {
            edit.set(Name::Privacy, left.join(";"));
        }
    }
}
