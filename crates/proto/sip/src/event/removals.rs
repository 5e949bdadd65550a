//! Removals of publications that were carried out a moment ago.
//!
//! Nothing is left of a publication that was removed, so a PUBLISH that removed it and comes again, since its answer was
//! lost, would be told that its entity tag fits nothing. It is known here for as long as its client may send it again.
//!
//! Bounds: [`MOST`] for [`KEPT`]; of more the oldest is forgotten.

use super::publications::Asked;
use base::Mono;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

const MOST: usize = 1_024;
/// 64 * T1, after which a client has given up.
const KEPT: Duration = Duration::from_secs(32);

struct Removal {
    user: Arc<str>,
    asked: Asked,
    /// The entity tag that it was answered with.
    tag: String,
    until: Mono,
}

/// The latest of them.
#[derive(Default)]
pub(super) struct Removals(VecDeque<Removal>);

impl Removals {
    /// Takes note of one.
    pub(super) fn note(&mut self, now: Mono, user: &Arc<str>, asked: Asked, tag: &str) {
        while self.0.front().is_some_and(|one| one.until <= now) || self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Removal {
            user: Arc::clone(user),
            asked,
            tag: tag.to_owned(),
            until: now.after(KEPT),
        });
    }

    /// Returns what a removal was answered with, if this request is one that was carried out.
    pub(super) fn answered(&self, now: Mono, user: &str, asked: &Asked) -> Option<String> {
        let lately = self.0.iter().rev().take_while(|one| one.until > now);
        let mut same = lately.filter(|one| *one.user == *user && one.asked == *asked);
        same.next().map(|one| one.tag.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(number: u32) -> Asked {
        Asked::numbered("call", number)
    }

    #[test]
    fn a_removal_is_known_for_a_while_and_to_its_user_alone() {
        let mut all = Removals::default();
        let (bob, begin) = (Arc::from("sip:bob@x"), Mono::ZERO);
        all.note(begin, &bob, asked(1), "a");
        let soon = begin.after(KEPT / 2);
        assert_eq!(all.answered(soon, &bob, &asked(1)).as_deref(), Some("a"));
        assert_eq!(all.answered(soon, &bob, &asked(2)), None);
        assert_eq!(all.answered(soon, "sip:ann@x", &asked(1)), None);
        assert_eq!(all.answered(begin.after(KEPT), &bob, &asked(1)), None);
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let mut all = Removals::default();
        let (bob, most) = (Arc::from("sip:bob@x"), u32::try_from(MOST).unwrap());
        for number in 0..=most {
            all.note(Mono::ZERO, &bob, asked(number), "a");
        }
        assert_eq!(all.0.len(), MOST);
        assert_eq!(all.answered(Mono::ZERO, &bob, &asked(0)), None);
        assert!(all.answered(Mono::ZERO, &bob, &asked(most)).is_some());
    }
}
