//! Which files go: the oldest first, for their age or for want of room.

use std::time::Duration;

use logs::Time;

use crate::options::{Retention, Room};

/// Files may always take so much: less would hold nothing.
const LEAST: u64 = 1 << 20;

/// What decides about one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct File {
    pub(crate) size: u64,
    pub(crate) last: Time,
}

impl Retention {
    /// Returns how many bytes all files together may ever take.
    pub(crate) fn share_of(&self, room: Room) -> u64 {
        percent(room, self.share).max(LEAST)
    }

    /// Returns how many bytes all files together may take as long as the disk has no more room than this.
    pub(crate) fn allowed(&self, room: Room, ours: u64) -> u64 {
        let most = self.share_of(room);
        let keep_free = percent(room, self.keep_free);
        // What is free and ours together, less what has to stay free.
        let left = (room.free.saturating_add(ours)).saturating_sub(keep_free);
        left.clamp((most / 10).max(LEAST.min(most)), most)
    }

    /// Returns how many of the oldest files have to go so that all, with `writing` bytes of the file that is being written,
    /// take no more than `allowed`.
    pub(crate) fn for_room(files: &[File], writing: u64, allowed: u64) -> usize {
        let mut total = files
            .iter()
            .fold(writing, |sum, file| sum.saturating_add(file.size));
        let mut gone = 0;
        for file in files {
            if total <= allowed {
                break;
            }
            total -= file.size;
            gone += 1;
        }
        gone
    }

    /// Tells whether the oldest file is too old.
    ///
    /// Age is the one rule that trusts a clock, which may be wrong for a while, so whoever asks removes one file and asks
    /// again a minute later ([`AGE_PAUSE`]).
    pub(crate) fn is_too_old(&self, oldest: &File, now: Time) -> bool {
        now.since(oldest.last) > self.age
    }
}

fn percent(room: Room, share: u8) -> u64 {
    room.total / 100 * u64::from(share.min(100))
}

/// Between two files that go for their age.
pub(crate) const AGE_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{File, LEAST};
    use crate::{Retention, Room};
    use logs::Time;

    const GIB: u64 = 1 << 30;

    fn files(sizes: &[u64]) -> Vec<File> {
        let file = |size: &u64| File {
            size: *size,
            last: Time::ZERO,
        };
        sizes.iter().map(file).collect()
    }

    #[test]
    fn files_take_their_share_and_give_way_when_the_disk_is_full() {
        let retention = Retention {
            share: 20,
            keep_free: 5,
            ..Retention::default()
        };
        let allowed = |free, ours| {
            let room = Room {
                total: 100 * GIB,
                free: free * GIB,
            };
            retention.allowed(room, ours * GIB) / GIB
        };
        assert_eq!(allowed(70, 10), 20);
        assert_eq!(allowed(10, 18), 20);
        assert_eq!(allowed(3, 18), 16, "two of them go, and five are free");
        assert_eq!(
            allowed(0, 1),
            2,
            "others fill the disk: a tenth of the share stays"
        );
        assert_eq!(retention.allowed(Room::default(), 0), LEAST);
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let files = files(&[5, 5, 5]);
        assert_eq!(Retention::for_room(&files, 1, 16), 0);
        assert_eq!(Retention::for_room(&files, 1, 15), 1);
        assert_eq!(Retention::for_room(&files, 1, 6), 2);
        assert_eq!(Retention::for_room(&files, 9, 0), 3);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_old() {
        let retention = Retention {
            age: Duration::from_secs(3600),
            ..Retention::default()
        };
        let last = Time(7200 * 1_000_000);
        let is_too_old = |now| retention.is_too_old(&File { size: 1, last }, now);
        assert!(!is_too_old(Time::ZERO) && !is_too_old(last));
        let hour = Duration::from_secs(3600);
        assert!(!is_too_old(last.after(hour)));
        assert!(is_too_old(last.after(hour + Duration::from_micros(1))));
    }
}
