//! Whatever REGISTERs come, what is bound is what the rules of RFC 3261 10.3 say, read one after the other and written
//! down without a thought of speed.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::tests::{AOR, RULES, request};
use super::*;
use crate::location::{Locations as _, Table};

/// Contacts by the URI that they are (19.1.4), each in two spellings.
const URIS: [[&str; 2]; 4] = [
    ["sip:a@h.example", "sip:%61@H.example"],
    ["sip:b@h.example", "sip:b@h.example;odd=1"],
    ["sip:a@h.example:5060", "SIP:a@h.EXAMPLE:5060"],
    [
        "sip:a@h.example;transport=tls",
        "sip:a@h.example;Transport=TLS",
    ],
];
/// Intervals in seconds, some too brief and some too long.
const INTERVALS: [u32; 6] = [0, 1, 59, 60, 300, 4_000];

/// One Contact as a client writes it.
#[derive(Clone, Debug)]
struct Wish {
    uri: usize,
    spelling: usize,
    instance: Option<u32>,
    expires: Option<u32>,
    /// No SIP URI.
    is_bad: bool,
}

#[derive(Clone, Debug)]
struct Register {
    wishes: Vec<Wish>,
    /// `*` beside them.
    star: bool,
    expires: Option<u32>,
    call: u8,
    cseq: u32,
    /// Seconds since the one before.
    after: u64,
}

fn wish() -> impl Strategy<Value = Wish> {
    let what = (0..URIS.len(), 0..2_usize, option::weighted(0.3, 0..2_u32));
    let terms = (
        option::of(select(&INTERVALS[..])),
        prop::bool::weighted(0.04),
    );
    (what, terms).prop_map(|((uri, spelling, instance), (expires, is_bad))| Wish {
        uri,
        spelling,
        instance,
        expires,
        is_bad,
    })
}

fn register_of_anybody() -> impl Strategy<Value = Register> {
    let terms = (
        option::of(select(&INTERVALS[..])),
        0..2_u8,
        0..8_u32,
        0..200_u64,
    );
    (vec(wish(), 0..4), prop::bool::weighted(0.1), terms).prop_map(
        |(wishes, star, (expires, call, cseq, after))| Register {
            wishes,
            star,
            expires,
            call,
            cseq,
            after,
        },
    )
}

impl Register {
    fn lines(&self) -> Vec<String> {
        let contact = |wish: &Wish| {
            let scheme = if wish.is_bad {
                "mailto:x@y"
            } else {
                URIS[wish.uri][wish.spelling]
            };
            let mut line = format!("Contact: <{scheme}>");
            if let Some(instance) = wish.instance {
                line.push_str(&format!(";+sip.instance=\"<urn:{instance}>\""));
            }
            if let Some(expires) = wish.expires {
                line.push_str(&format!(";expires={expires}"));
            }
            line
        };
        let star = self.star.then(|| "Contact: *".to_owned());
        let expires = self.expires.map(|seconds| format!("Expires: {seconds}"));
        let contacts = self.wishes.iter().map(contact);
        contacts.chain(star).chain(expires).collect()
    }
}

/// A binding of the model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bound {
    uri: usize,
    instance: Option<u32>,
    until: u64,
    call: u8,
    cseq: u32,
}

impl Bound {
    fn is_same(&self, wish: &Wish) -> bool {
        match (self.instance, wish.instance) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.uri == wish.uri,
        }
    }
}

/// What becomes of the bindings, or every rule that the request breaks.
fn by_the_rules(bound: &[Bound], now: u64, ask: &Register) -> Result<Vec<Bound>, Vec<Refusal>> {
    let mut after: Vec<Bound> = bound
        .iter()
        .filter(|one| one.until > now)
        .cloned()
        .collect();
    let mut broken = Vec::new();
    let is_late = |one: &Bound| one.call == ask.call && one.cseq > ask.cseq;
    if ask.star {
        if !ask.wishes.is_empty() || ask.expires != Some(0) {
            return Err(vec![Refusal::Star]);
        }
        let late = after.iter().any(is_late);
        return if late {
            Err(vec![Refusal::OutOfOrder])
        } else {
            Ok(Vec::new())
        };
    }
    let before = after.clone();
    let mut puts = false;
    for wish in &ask.wishes {
        let seconds = wish.expires.or(ask.expires).map_or(600, |s| s.min(900));
        if wish.is_bad {
            broken.push(Refusal::ContactForm);
        }
        if (1..60).contains(&seconds) {
            broken.push(Refusal::TooBrief);
        }
        if before.iter().any(|one| one.is_same(wish) && is_late(one)) {
            broken.push(Refusal::OutOfOrder);
        }
        after.retain(|one| !one.is_same(wish));
        if seconds > 0 {
            puts = true;
            after.push(Bound {
                uri: wish.uri,
                instance: wish.instance,
                until: now + u64::from(seconds) * 1000,
                call: ask.call,
                cseq: ask.cseq,
            });
        }
    }
    if puts && after.len() > RULES.endpoints {
        broken.push(Refusal::TooMany);
    }
    if broken.is_empty() {
        Ok(after)
    } else {
        Err(broken)
    }
}

/// The bindings of the table in the words of the model.
fn of_the_table(table: &Table, now: UnixMillis) -> Vec<Bound> {
    let found = table.find(AOR, now);
    let mut all: Vec<Bound> = found
        .iter()
        .map(|one| {
            let is_it = |spellings: &[&str; 2]| spellings.contains(&&*one.contact);
            let number = |text: &str| text.bytes().rev().find_map(|c| char::from(c).to_digit(10));
            Bound {
                uri: URIS.iter().position(is_it).unwrap(),
                instance: one.instance.as_deref().map(|text| number(text).unwrap()),
                until: one.expires_at,
                call: one.call_id.parse().unwrap(),
                cseq: one.cseq,
            }
        })
        .collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn bindings_follow_the_rules(asks in vec(register_of_anybody(), 1..12)) {
        let table = Table::default();
        let mut model: Vec<Bound> = Vec::new();
        let mut now = 1_000_000;
        for ask in &asks {
            now += ask.after * 1000;
            let (at, bound) = (UnixMillis(now), table.find(AOR, UnixMillis(now)));
            let lines = ask.lines();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let outcome = request(at, &bound, &ask.call.to_string(), ask.cseq, &lines);
            match by_the_rules(&model, now, ask) {
                Ok(after) => {
                    model = after;
                    if let Outcome::Change(change) = outcome.unwrap() {
                        table.apply(&change);
                    }
                }
                Err(broken) => {
                    let refusal = outcome.unwrap_err();
                    prop_assert!(broken.contains(&refusal), "{refusal:?} of {broken:?}");
                }
            }
            model.retain(|one| one.until > now);
            model.sort();
            prop_assert_eq!(of_the_table(&table, at), model.clone(), "after {:?}", ask);
        }
    }
}
