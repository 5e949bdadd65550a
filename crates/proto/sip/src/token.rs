//! What we write into messages to know again later: Via branches and the user parts of our Path, Record-Route and Contact
//! URIs.
//!
//! Each carries a keyed checksum (SipHash-2-4, 64 bits, a key of 128 bits), so what we did not mint moves nothing: a
//! forged response finds no transaction and a forged route finds no flow. Tokens name flows of one run of one process
//! (`boot`); one from an earlier run is genuine but leads nowhere.
//!
//! The checksum is short on purpose: guessing costs a request each over TLS, and every guess is counted. The key of a
//! branch lives as long as the process; that of a token is shared by the members of a pool, so that any member
//! understands the dialogs of another.

mod gruu;
mod seal;
mod subscriber;
#[cfg(test)]
mod tests;
mod ticket;

pub use gruu::TempGruu;
pub(crate) use seal::Seal;
pub use subscriber::Subscriber;
pub use ticket::Ticket;

use base::net::{FlowId, WorkerId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use siphasher::sip::SipHasher24;
use smallvec::SmallVec;
use std::hash::Hasher as _;

/// RFC 3261 8.1.1.7: how every branch of the current protocol begins.
pub(crate) const MAGIC_COOKIE: &str = "z9hG4bK";

/// The longest branch, decoded: kind, worker, flow, request and checksum.
const BRANCH_LEN: usize = 2 + 8 + 8 + 8;
const SUM_LEN: usize = 8;
const TOKEN_LEN: usize = 21;

/// A key for checksums.
#[derive(Clone)]
pub struct Key([u8; 16]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Derives the key for one purpose from a secret.
    #[must_use]
    pub fn derive(secret: &[u8; 32], purpose: &str) -> Self {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        hash.update(secret);
        hash.update(purpose.as_bytes());
        let mut key = [0; 16];
        key.iter_mut()
            .zip(hash.finalize())
            .for_each(|(to, from)| *to = from);
        Self(key)
    }

    /// Returns the keyed checksum over parts; where one part ends and the next begins is part of it.
    #[must_use]
    pub fn checksum(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }
}

/// What the branch of one of our Via lines says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// The response belongs to a transaction that we keep.
    Kept {
        /// The worker that keeps it.
        worker: WorkerId,
        /// Its place in that worker's table.
        slot: u32,
        /// How often the place was used before.
        generation: u32,
        /// Which of the transaction's branches, and its how-manieth try.
        leg: u16,
    },
    /// The response is to a request of our own.
    Own {
        /// The worker that sent it.
        worker: WorkerId,
        /// Its number there.
        number: u64,
    },
    /// We kept nothing: the response goes to this flow.
    Stateless {
        /// Where the request came from.
        flow: FlowId,
        /// Tells requests on that flow apart; the same for a request, its CANCEL and its ACK.
        request: u64,
    },
}

impl Branch {
    /// Writes the branch parameter, cookie included.
    #[must_use]
    pub fn mint(self, key: &Key) -> String {
        let mut raw = self.pack();
        let sum = key.checksum(&[raw.as_slice()]).to_be_bytes();
        raw.extend_from_slice(&sum);
        let mut text = String::with_capacity(MAGIC_COOKIE.len() + 35);
        text.push_str(MAGIC_COOKIE);
        URL_SAFE_NO_PAD.encode_string(&raw, &mut text);
        text
    }

    /// Reads a branch parameter; `None` if it is not one of ours.
    #[must_use]
    pub fn read(branch: &str, key: &Key) -> Option<Self> {
        let text = branch.strip_prefix(MAGIC_COOKIE)?;
        let mut raw = [0; BRANCH_LEN + 4];
        let len = URL_SAFE_NO_PAD.decode_slice(text, &mut raw).ok()?;
        let (packed, sum) = raw
            .get(..len)?
            .split_at_checked(len.checked_sub(SUM_LEN)?)?;
        if sum != key.checksum(&[packed]).to_be_bytes() {
            return None;
        }
        Self::unpack(packed)
    }

    fn pack(self) -> SmallVec<[u8; 24]> {
        let mut raw = SmallVec::new();
        match self {
            Self::Kept {
                worker,
                slot,
                generation,
                leg,
            } => {
                raw.push(b'K');
                raw.push(worker.0);
                raw.extend_from_slice(&slot.to_be_bytes());
                raw.extend_from_slice(&generation.to_be_bytes());
                raw.extend_from_slice(&leg.to_be_bytes());
            }
            Self::Own { worker, number } => {
                raw.push(b'O');
                raw.push(worker.0);
                raw.extend_from_slice(&number.to_be_bytes());
            }
            Self::Stateless { flow, request } => {
                raw.push(b'S');
                raw.push(0);
                raw.extend_from_slice(&flow.to_bits().to_be_bytes());
                raw.extend_from_slice(&request.to_be_bytes());
            }
        }
        raw
    }

    fn unpack(packed: &[u8]) -> Option<Self> {
        let (head, rest) = packed.split_first_chunk::<2>()?;
        match head {
            [b'K', worker] => {
                let (slot, rest) = rest.split_first_chunk()?;
                let (generation, rest) = rest.split_first_chunk()?;
                let (leg, _) = rest.split_first_chunk()?;
                Some(Self::Kept {
                    worker: WorkerId(*worker),
                    slot: u32::from_be_bytes(*slot),
                    generation: u32::from_be_bytes(*generation),
                    leg: u16::from_be_bytes(*leg),
                })
            }
            [b'O', worker] => {
                let (number, _) = rest.split_first_chunk()?;
                Some(Self::Own {
                    worker: WorkerId(*worker),
                    number: u64::from_be_bytes(*number),
                })
            }
            [b'S', _] => {
                let (flow, rest) = rest.split_first_chunk()?;
                let (request, _) = rest.split_first_chunk()?;
                Some(Self::Stateless {
                    flow: FlowId::from_bits(u64::from_be_bytes(*flow)),
                    request: u64::from_be_bytes(*request),
                })
            }
            _ => None,
        }
    }
}

/// What the user part of one of our own Path or Record-Route URIs says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The flow it names, and in which run of the process; `None` in a Record-Route between servers.
    pub flow: Option<(u32, FlowId)>,
    /// Whether it proves that its bearer is part of the dialog (Record-Route) or only names a flow (Path).
    pub dialog: bool,
}

/// What a dialog's token is bound to: Call-ID, From tag and the two ends of the request that began it. Requests inside
/// the dialog name the same two (RFC 3261 12.2.1.1).
#[derive(Clone, Copy, Debug)]
pub struct Dialog<'a> {
    /// The Call-ID.
    pub call_id: &'a str,
    /// The tag of the caller.
    pub tag: &'a str,
    /// The caller's address-of-record.
    pub caller: &'a str,
    /// The address-of-record that was called.
    pub callee: &'a str,
}

impl Dialog<'_> {
    const fn context(&self) -> [&[u8]; 4] {
        [
            self.call_id.as_bytes(),
            self.tag.as_bytes(),
            self.caller.as_bytes(),
            self.callee.as_bytes(),
        ]
    }
}

impl Token {
    /// Writes a token for the Path of a registration.
    #[must_use]
    pub fn path(boot: u32, flow: FlowId, key: &Key) -> String {
        seal(b'P', boot, flow, key, &[])
    }

    /// Writes a token for the Record-Route of a dialog.
    #[must_use]
    pub fn record_route(flow: Option<(u32, FlowId)>, dialog: Dialog<'_>, key: &Key) -> String {
        let context = dialog.context();
        match flow {
            Some((boot, flow)) => seal(b'F', boot, flow, key, &context),
            None => seal(b'D', 0, FlowId::from_bits(0), key, &context),
        }
    }

    /// Reads a token; `None` if it is not ours or belongs to none of these dialogs.
    ///
    /// A request inside a dialog may come from either end, so both of its tags are tried as the caller's.
    #[must_use]
    pub fn read(text: &str, key: &Key, dialogs: &[Dialog<'_>]) -> Option<Self> {
        let mut raw = [0; TOKEN_LEN + 3];
        let len = URL_SAFE_NO_PAD.decode_slice(text, &mut raw).ok()?;
        let (packed, sum) = raw.get(..len)?.split_at_checked(TOKEN_LEN - 8)?;
        let (kind, rest) = packed.split_first()?;
        let (boot, rest) = rest.split_first_chunk()?;
        let (flow, _) = rest.split_first_chunk()?;
        let named = (
            u32::from_be_bytes(*boot),
            FlowId::from_bits(u64::from_be_bytes(*flow)),
        );
        let genuine = |context: &[&[u8]]| sum == checksum(key, packed, context).to_be_bytes();
        let of_dialog = || dialogs.iter().any(|dialog| genuine(&dialog.context()));
        match kind {
            b'P' if genuine(&[]) => Some(Self {
                flow: Some(named),
                dialog: false,
            }),
            b'F' if of_dialog() => Some(Self {
                flow: Some(named),
                dialog: true,
            }),
            b'D' if of_dialog() => Some(Self {
                flow: None,
                dialog: true,
            }),
            _ => None,
        }
    }
}

fn seal(kind: u8, boot: u32, flow: FlowId, key: &Key, context: &[&[u8]]) -> String {
    let mut raw: SmallVec<[u8; 24]> = SmallVec::new();
    raw.push(kind);
    raw.extend_from_slice(&boot.to_be_bytes());
    raw.extend_from_slice(&flow.to_bits().to_be_bytes());
    let sum = checksum(key, &raw, context).to_be_bytes();
    raw.extend_from_slice(&sum);
    URL_SAFE_NO_PAD.encode(&raw)
}

fn checksum(key: &Key, packed: &[u8], context: &[&[u8]]) -> u64 {
    let mut parts: SmallVec<[&[u8]; 5]> = SmallVec::new();
    parts.push(packed);
    parts.extend_from_slice(context);
    key.checksum(&parts)
}
