use super::table::Full;
use super::*;
use base::UnixMillis;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const ALICE: &str = "sip:alice@contoso.com";

fn kept(id: u64, aor: &str, expires_at: u64, bytes: usize) -> Kept {
    Kept {
        id,
        aor: aor.to_owned(),
        sender: ALICE.to_owned(),
        is_asserted: true,
        received_at: 1,
        expires_at,
        request: vec![b'x'; bytes],
    }
}

fn removal(aor: &str, id: u64) -> Change {
    let aor = aor.to_owned();
    Change::Remove { aor, id }
}

fn room(aor: &str, bytes: usize) -> Room<'_> {
    let payer = ALICE;
    Room { aor, payer, bytes }
}

fn room_of(one: &Kept) -> Room<'_> {
    Room {
        aor: &one.aor,
        payer: one.payer(),
        bytes: one.request.len(),
    }
}

/// Puts a message into a table as the node and the log do.
fn put(table: &Table, aor: &str, expires_at: u64, bytes: usize) -> Result<u64, Full> {
    let id = table.reserve(room(aor, bytes), 3)?;
    table.apply(&Change::Keep(kept(id, aor, expires_at, bytes)));
    assert!(!table.settle(room(aor, bytes)));
    Ok(id)
}

#[test]
fn a_change_reads_back_and_a_damaged_one_is_refused() {
    for change in [
        Change::Keep(kept(7, "sip:bob@x", 9, 300)),
        removal("sip:bob@x", 7),
    ] {
        let bytes = change.encode();
        assert_eq!(Change::decode(&bytes).unwrap(), change);
        assert!(Change::decode(&bytes[..bytes.len() - 1]).is_err());
    }
    assert!(Change::decode(&[9, 1, 2]).is_err() && Change::decode(&[]).is_err());
}

#[test]
fn a_user_is_claimed_by_one_and_who_wants_it_meanwhile_is_heard() {
    let table = Table::default();
    let now = UnixMillis(0);
    assert!(table.claim("sip:bob@x", now).is_none(), "nothing is kept");
    let first = put(&table, "sip:bob@x", 10, 1).unwrap();
    put(&table, "sip:bob@x", 10, 1).unwrap();
    assert_eq!(table.claim("sip:bob@x", now).unwrap().id, first);
    assert!(table.claim("sip:bob@x", now).is_none(), "somebody is at it");
    assert!(table.release("sip:bob@x"), "it was wanted");
    assert_eq!(table.claim("sip:bob@x", now).unwrap().id, first);
    assert!(!table.release("sip:bob@x"));
}

#[test]
fn who_signs_in_while_a_message_is_written_has_missed_it() {
    let table = Table::default();
    let id = table.reserve(room("sip:bob@x", 1), 3).unwrap();
    assert!(table.claim("sip:bob@x", UnixMillis(0)).is_none());
    table.apply(&Change::Keep(kept(id, "sip:bob@x", 10, 1)));
    assert!(table.settle(room("sip:bob@x", 1)));
    assert_eq!(table.claim("sip:bob@x", UnixMillis(0)).unwrap().id, id);
}

#[test]
fn what_is_removed_while_it_is_claimed_leaves_the_claim() {
    let table = Table::default();
    let id = put(&table, "sip:bob@x", 10, 1).unwrap();
    assert!(table.claim("sip:bob@x", UnixMillis(0)).is_some());
    table.apply(&removal("sip:bob@x", id));
    put(&table, "sip:bob@x", 10, 1).unwrap();
    assert!(table.claim("sip:bob@x", UnixMillis(0)).is_none());
    assert!(table.release("sip:bob@x"));
}

#[test]
fn what_has_expired_is_not_claimed_and_is_removed_in_order_of_time_a_batch_at_once() {
    let table = Table::default();
    let [late, soon] = [20, 10].map(|ends| put(&table, "sip:bob@x", ends, 1).unwrap());
    let other = put(&table, "sip:carol@x", 15, 1).unwrap();
    assert_eq!(table.claim("sip:bob@x", UnixMillis(19)).unwrap().id, late);
    assert!(table.claim("sip:carol@x", UnixMillis(15)).is_none());
    assert_eq!(table.expired(UnixMillis(9), 10), []);
    let due = [removal("sip:bob@x", soon), removal("sip:carol@x", other)];
    assert_eq!(table.expired(UnixMillis(19), 10), due);
    assert_eq!(table.expired(UnixMillis(19), 1), due[..1]);
    due.iter().for_each(|change| table.apply(change));
    assert_eq!(table.expired(UnixMillis(19), 10), []);
}

#[test]
fn one_sender_cannot_fill_it_for_others_and_a_partner_is_one_sender() {
    let table = Table::with(Bounds {
        of_sender: 10,
        ..Bounds::default()
    });
    let room = |payer| Room {
        aor: "sip:bob@x",
        payer,
        bytes: 6,
    };
    let [ann, ben] = ["sip:ann@p.example", "sip:ben@p.example"];
    assert!(table.reserve(room(payer(ann, false)), 9).is_ok());
    assert_eq!(table.reserve(room(payer(ben, false)), 9), Err(Full));
    assert!(table.reserve(room(payer(ann, true)), 9).is_ok());
    assert!(table.reserve(room(payer(ben, true)), 9).is_ok());
    table.settle(room(payer(ann, false)));
    assert!(table.reserve(room(payer(ben, false)), 9).is_ok());
}

#[test]
fn numbers_go_on_after_a_restart_even_where_the_latest_is_gone() {
    let table = Table::default();
    table.apply(&Change::Keep(kept(5, "sip:bob@x", 10, 1)));
    table.apply(&removal("sip:bob@x", 8));
    assert_eq!(table.reserve(room("sip:bob@x", 1), 3), Ok(9));
}

/// What a table does, told slowly.
#[derive(Default)]
struct Slow {
    kept: BTreeMap<u64, Kept>,
    /// Messages on their way to the log.
    reserved: Vec<Kept>,
}

impl Slow {
    fn all(&self) -> impl Iterator<Item = &Kept> {
        self.kept.values().chain(&self.reserved)
    }

    fn bytes(&self, fits: impl Fn(&Kept) -> bool) -> usize {
        let those = self.all().filter(|kept| fits(kept));
        those.map(|kept| kept.request.len()).sum()
    }

    fn has_room(&self, one: &Kept) -> bool {
        let bytes = one.request.len();
        self.all().filter(|kept| kept.aor == one.aor).count() < 3
            && self.all().count() < BOUNDS.messages
            && self.bytes(|_| true) + bytes <= BOUNDS.bytes
            && self.bytes(|kept| kept.sender == one.sender) + bytes <= BOUNDS.of_sender
    }
}

#[derive(Clone, Debug)]
enum Step {
    Reserve {
        user: usize,
        sender: usize,
        bytes: usize,
    },
    /// The log has answered about one that waits: written or not.
    Written {
        nth: usize,
        done: bool,
        lasts: u64,
    },
    /// The oldest of a user is delivered.
    Deliver {
        user: usize,
    },
    Later {
        time: u64,
    },
    /// The log gives a record again that a snapshot has already.
    Again {
        nth: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_usize, 0..2_usize, 0..50_usize)
            .prop_map(|(user, sender, bytes)| Step::Reserve { user, sender, bytes }),
        3 => (0..4_usize, any::<bool>(), 1..30_u64)
            .prop_map(|(nth, done, lasts)| Step::Written { nth, done, lasts }),
        2 => (0..3_usize).prop_map(|user| Step::Deliver { user }),
        1 => (0..20_u64).prop_map(|time| Step::Later { time }),
        1 => (0..4_usize).prop_map(|nth| Step::Again { nth }),
    ]
}

const USERS: [&str; 3] = ["sip:a@x", "sip:b@x", "sip:c@x"];
const SENDERS: [&str; 2] = [ALICE, "sip:dora@contoso.com"];
const BOUNDS: Bounds = Bounds {
    messages: 6,
    bytes: 120,
    of_sender: 80,
};

proptest! {
    /// Whatever is kept, delivered and forgotten in whatever order: the table holds what a list would, within its bounds,
    /// and gives each user's oldest first.
    #[test]
    fn the_table_is_what_a_list_would_be(steps in prop::collection::vec(step(), 0..120)) {
        let (table, mut slow, mut now) = (Table::with(BOUNDS), Slow::default(), 0);
        for step in steps {
            match step {
                Step::Reserve { user, sender, bytes } => {
                    let mut one = kept(0, USERS[user], 0, bytes);
                    one.sender = SENDERS[sender].to_owned();
                    let reserved = table.reserve(room_of(&one), 3);
                    prop_assert_eq!(reserved.is_ok(), slow.has_room(&one));
                    if let Ok(id) = reserved {
                        slow.reserved.push(Kept { id, ..one });
                    }
                }
                Step::Written { nth, done, lasts } => {
                    if nth < slow.reserved.len() {
                        let mut one = slow.reserved.remove(nth);
                        one.expires_at = now + lasts;
                        if done {
                            table.apply(&Change::Keep(one.clone()));
                            slow.kept.insert(one.id, one.clone());
                        }
                        table.settle(room_of(&one));
                    }
                }
                Step::Deliver { user } => {
                    let aor = USERS[user];
                    let mut own = slow.kept.values().filter(|kept| kept.aor == aor);
                    let oldest = own.find(|kept| kept.expires_at > now).cloned();
                    let claimed = table.claim(aor, UnixMillis(now));
                    prop_assert_eq!(claimed.as_deref(), oldest.as_ref());
                    if let Some(kept) = oldest {
                        table.apply(&removal(aor, kept.id));
                        slow.kept.remove(&kept.id);
                        prop_assert!(!table.release(aor));
                    }
                }
                Step::Later { time } => {
                    now += time;
                    for change in table.expired(UnixMillis(now), 100) {
                        table.apply(&change);
                    }
                    slow.kept.retain(|_, kept| kept.expires_at > now);
                }
                Step::Again { nth } => {
                    if let Some(kept) = slow.kept.values().nth(nth) {
                        table.apply(&Change::Keep(kept.clone()));
                    }
                }
            }
            let counts = table.counts();
            prop_assert_eq!(counts.messages, slow.all().count());
            prop_assert_eq!(counts.bytes, slow.bytes(|_| true));
        }
        let copy = Table::default();
        table.snapshot(|change| copy.apply(&change));
        prop_assert_eq!(copy.counts().messages, slow.kept.len());
        for aor in USERS {
            let next = |table: &Table| table.claim(aor, UnixMillis(now)).map(Arc::unwrap_or_clone);
            prop_assert_eq!(next(&copy), next(&table));
        }
    }
}
