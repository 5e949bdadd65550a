//! What the Contact of a dialog says that we began as a subscriber.

use super::Key;
use base::net::WorkerId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const LEN: usize = 18;

/// Which of our subscriptions a notification is for. It is genuine in one dialog of one run of the process only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The worker that keeps the subscription.
    pub worker: WorkerId,
    /// Its number there.
    pub number: u64,
}

impl Subscriber {
    /// Writes the user part of our Contact in the dialog with this Call-ID and tag of ours.
    #[must_use]
    pub fn mint(self, call_id: &str, tag: &str, key: &Key) -> String {
        let mut raw = [0; LEN];
        let (packed, sum) = raw.split_at_mut(LEN - 8);
        packed
            .iter_mut()
            .zip(self.pack())
            .for_each(|(to, from)| *to = from);
        sum.copy_from_slice(&self.checksum(call_id, tag, key));
        URL_SAFE_NO_PAD.encode(raw)
    }

    /// Reads it; `None` if it is not ours, or of another dialog.
    #[must_use]
    pub fn read(text: &str, call_id: &str, tag: &str, key: &Key) -> Option<Self> {
        let mut raw = [0; LEN];
        if URL_SAFE_NO_PAD.decode_slice(text, &mut raw) != Ok(LEN) {
            return None;
        }
        let (head, rest) = raw.split_first_chunk::<2>()?;
        let (number, sum) = rest.split_first_chunk()?;
        let [b'W', worker] = *head else {
            return None;
        };
        let read = Self {
            worker: WorkerId(worker),
            number: u64::from_be_bytes(*number),
        };
        (sum == read.checksum(call_id, tag, key)).then_some(read)
    }

    fn pack(self) -> [u8; LEN - 8] {
        let [a, b, c, d, e, f, g, h] = self.number.to_be_bytes();
        [b'W', self.worker.0, a, b, c, d, e, f, g, h]
    }

    fn checksum(self, call_id: &str, tag: &str, key: &Key) -> [u8; 8] {
        let parts: [&[u8]; 3] = [&self.pack(), call_id.as_bytes(), tag.as_bytes()];
        key.checksum(&parts).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_in_its_own_dialog_and_nowhere_else() {
        let key = Key::derive(&[1; 32], "a");
        let own = Subscriber {
            worker: WorkerId(3),
            number: 77,
        };
        let text = own.mint("call", "tag", &key);
        assert_eq!(Subscriber::read(&text, "call", "tag", &key), Some(own));
        assert_eq!(Subscriber::read(&text, "other", "tag", &key), None);
        assert_eq!(Subscriber::read(&text, "call", "other", &key), None);
        let another = Key::derive(&[2; 32], "a");
        assert_eq!(Subscriber::read(&text, "call", "tag", &another), None);
        for at in 0..text.len() - 1 {
            let mut bad = text.clone().into_bytes();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bad).unwrap();
            assert_eq!(Subscriber::read(&bad, "call", "tag", &key), None, "{at}");
        }
        assert_eq!(Subscriber::read("", "call", "tag", &key), None);
        assert_eq!(Subscriber::read("alice", "call", "tag", &key), None);
    }
}
