//! What an index can know of a query: which exact values a record must have, which words its text.
//!
//! A plan is a necessary condition: whatever matches the query satisfies it, so a block of records that cannot satisfy it
//! need not be read. It is never sufficient; [`super::matches()`] decides.

use regex_syntax::hir::{Class, Hir, HirKind};
use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;

use super::criterion::bare;
use super::{Combine, Criterion, Phone, Query, Status};
use crate::{Component, Level, Record};

/// A value of a field, as an index keeps it: SipHash-1-3 with a key of zeros over the field's letter and the value.
///
/// The values are part of the format of trace files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl Key {
    fn of(field: u8, value: &[u8]) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(&[field]);
        hasher.write(value);
        Self(hasher.finish())
    }

    fn uri(uri: &str) -> Self {
        let (user, host) = bare(uri);
        let mut hasher = SipHasher13::new();
        hasher.write(b"u");
        lower(user, &mut hasher);
        hasher.write(b"@");
        lower(host, &mut hasher);
        Self(hasher.finish())
    }

    fn phone(phone: &Phone) -> Self {
        Self::of(b'p', phone.to_string().as_bytes())
    }

    fn ip(ip: std::net::IpAddr) -> Self {
        match ip {
            std::net::IpAddr::V4(ip) => Self::of(b'4', &ip.octets()),
            std::net::IpAddr::V6(ip) => Self::of(b'6', &ip.octets()),
        }
    }

    fn method(method: &str) -> Self {
        Self::of(b'm', method.to_ascii_uppercase().as_bytes())
    }

    fn status(status: u16) -> Self {
        Self::of(b's', &status.to_be_bytes())
    }

    fn class(class: u16) -> Self {
        Self::of(b'S', &class.to_be_bytes())
    }

    fn level(level: Level) -> Self {
        Self::of(b'L', level.name().as_bytes())
    }

    /// Component and level together: a search for errors of one component is a search for a handful of these.
    fn speaker(component: Component, level: Level) -> Self {
        let mut hasher = SipHasher13::new();
        for part in ["l", component.name(), "/", level.name()] {
            hasher.write(part.as_bytes());
        }
        Self(hasher.finish())
    }
}

/// Hashes a word in lower case, without a copy of it.
fn lower(word: &str, hasher: &mut SipHasher13) {
    for part in word.as_bytes().chunks(64) {
        let mut room = [0; 64];
        let place = room.iter_mut().zip(part);
        place.for_each(|(to, from)| *to = from.to_ascii_lowercase());
        hasher.write(room.get(..part.len()).unwrap_or_default());
    }
}

/// Gives out every key of a record, some perhaps twice.
pub fn keys_of(record: &Record, out: &mut impl FnMut(Key)) {
    out(Key::level(record.level));
    out(Key::speaker(record.component, record.level));
    if let Some(id) = &record.call_id {
        out(Key::of(b'c', id.as_bytes()));
    }
    let mut last = None;
    for uri in record.uris() {
        // Request-URI and To are mostly the same.
        if last != Some(uri) {
            out(Key::uri(uri));
            if let Some(phone) = Phone::of_uri(uri) {
                out(Key::phone(&phone));
            }
        }
        last = Some(uri);
    }
    for end in [record.peer, record.local].into_iter().flatten() {
        out(Key::ip(end.ip()));
    }
    if let Some(id) = record.correlation {
        out(Key::of(b'r', &id.0.to_be_bytes()));
    }
    if let Some(method) = &record.method {
        out(Key::method(method));
    }
    if let Some(status) = record.status {
        out(Key::status(status));
        out(Key::class(status / 100));
    }
}

/// A condition that every match satisfies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing is known: anything may match.
    Anything,
    /// A record has this key.
    Key(Key),
    /// The text form has these bytes on one line, in any case; given in lower case.
    Words(Vec<u8>),
    /// All of these.
    All(Vec<Plan>),
    /// At least one of these.
    Any(Vec<Plan>),
}

impl Plan {
    /// Says what is known of whatever matches a query.
    #[must_use]
    pub fn of(query: &Query) -> Self {
        Self::all([Self::of_limits(query), Self::of_criteria(query)].into_iter())
    }

    fn of_limits(query: &Query) -> Self {
        let every_level = Some(&query.level) == Level::ALL.last();
        if every_level && query.components.is_empty() {
            return Self::Anything;
        }
        let levels = || Level::ALL.iter().filter(|level| **level <= query.level);
        if query.components.is_empty() {
            return Self::any(
                levels()
                    .map(|level| Self::Key(Key::level(*level)))
                    .collect(),
            );
        }
        let keys = query.components.iter().flat_map(|component| {
            levels().map(|level| Self::Key(Key::speaker(*component, *level)))
        });
        Self::any(keys.collect())
    }

    fn of_criteria(query: &Query) -> Self {
        if query.criteria.is_empty() {
            return Self::Anything;
        }
        let mut kinds: Vec<(u8, Vec<Self>)> = Vec::new();
        for criterion in &query.criteria {
            let kind = match query.combine {
                // All alternatives stand in one group then.
                Combine::Any => 0,
                Combine::All => criterion.kind(),
            };
            let plan = Self::of_criterion(criterion);
            match kinds.iter_mut().find(|(one, _)| *one == kind) {
                Some((_, plans)) => plans.push(plan),
                None => kinds.push((kind, vec![plan])),
            }
        }
        Self::all(kinds.into_iter().map(|(_, plans)| Self::any(plans)))
    }

    fn of_criterion(criterion: &Criterion) -> Self {
        match criterion {
            Criterion::Uri(uri) => Self::Key(Key::uri(uri)),
            Criterion::CallId(id) => Self::Key(Key::of(b'c', id.as_bytes())),
            Criterion::Ip(ip) => Self::Key(Key::ip(*ip)),
            Criterion::Phone(phone) => Self::Key(Key::phone(phone)),
            Criterion::Correlation(id) => Self::Key(Key::of(b'r', &id.0.to_be_bytes())),
            Criterion::Method(method) => Self::Key(Key::method(method)),
            Criterion::Status(Status::Exactly(status)) => Self::Key(Key::status(*status)),
            Criterion::Status(Status::Class(class)) => Self::Key(Key::class((*class).into())),
            Criterion::Text(words) => Self::Words(words.to_ascii_lowercase().into_bytes()),
            Criterion::Pattern(pattern) => {
                parsed(pattern.source()).map_or(Self::Anything, |hir| required(&hir))
            }
        }
    }

    fn all(plans: impl Iterator<Item = Self>) -> Self {
        let mut known: Vec<Self> = Vec::new();
        for plan in plans {
            match plan {
                Self::Anything => {}
                Self::All(more) => known.extend(more),
                plan @ (Self::Key(_) | Self::Words(_) | Self::Any(_)) => known.push(plan),
            }
        }
        match known.len() {
            0 => Self::Anything,
            1 => known.remove(0),
            _ => Self::All(known),
        }
    }

    fn any(mut plans: Vec<Self>) -> Self {
        if plans.len() == 1 {
            plans.remove(0)
        } else if plans.contains(&Self::Anything) {
            Self::Anything
        } else {
            Self::Any(plans)
        }
    }
}

/// Reads an expression as [`super::Pattern`] means it.
pub(super) fn parsed(source: &str) -> Option<Hir> {
    let mut parser = regex_syntax::ParserBuilder::new();
    parser.multi_line(true).utf8(false).nest_limit(32);
    parser.build().parse(source).ok()
}

/// Returns the words that every match of an expression has.
fn required(hir: &Hir) -> Plan {
    let parts = match hir.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        HirKind::Capture(inner) => return required(&inner.sub),
        HirKind::Repetition(inner) if inner.min > 0 => return required(&inner.sub),
        HirKind::Alternation(branches) => {
            return Plan::any(branches.iter().map(required).collect());
        }
        HirKind::Literal(_) | HirKind::Class(_) => std::slice::from_ref(hir),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => return Plan::Anything,
    };
    let mut plans = Vec::new();
    let mut run = Vec::new();
    for part in parts {
        if let Some(words) = fixed(part) {
            run.extend(words);
            continue;
        }
        // What stands between two bytes takes no room, so the run goes on.
        if matches!(part.kind(), HirKind::Look(_)) {
            continue;
        }
        plans.push(words(std::mem::take(&mut run)));
        if !matches!(part.kind(), HirKind::Class(_)) {
            plans.push(required(part));
        }
    }
    plans.push(words(run));
    Plan::all(plans.into_iter())
}

/// A line end is on no line: an expression that needs one matches nothing, and its parts are what is left of it.
fn words(run: Vec<u8>) -> Plan {
    let parts = run.split(|byte| *byte == b'\n');
    Plan::all(
        parts
            .filter(|part| !part.is_empty())
            .map(|part| Plan::Words(part.to_vec())),
    )
}

/// Returns the bytes, in lower case, that a part stands for whatever it matches.
fn fixed(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(literal.0.to_ascii_lowercase()),
        HirKind::Class(Class::Unicode(class)) => {
            let letters = class
                .ranges()
                .iter()
                .flat_map(|range| [range.start(), range.end()]);
            one_letter(letters.map(u32::from), class.ranges().len())
        }
        HirKind::Class(Class::Bytes(class)) => {
            let letters = class
                .ranges()
                .iter()
                .flat_map(|range| [range.start(), range.end()]);
            one_letter(letters.map(u32::from), class.ranges().len())
        }
        HirKind::Capture(inner) => fixed(&inner.sub),
        HirKind::Empty
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Concat(_)
        | HirKind::Alternation(_) => None,
    }
}

/// `[Aa]` is one letter in any case; a class with anything else in it is nothing fixed.
fn one_letter(ends: impl Iterator<Item = u32>, ranges: usize) -> Option<Vec<u8>> {
    let mut letter = None;
    for end in ends {
        let lower = u8::try_from(end)
            .ok()
            .filter(u8::is_ascii)?
            .to_ascii_lowercase();
        if *letter.get_or_insert(lower) != lower {
            return None;
        }
    }
    (ranges <= 2).then_some(letter?).map(|letter| vec![letter])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Key, Plan, keys_of};
    use crate::line::{tests::any_record, text_of};
    use crate::{Combine, Criterion, Pattern, Query, Record, Span, Time, matches};

    fn words(text: &str) -> Plan {
        Plan::Words(text.as_bytes().to_vec())
    }

    fn plan(pattern: &str) -> Plan {
        Plan::of_criterion(&Criterion::Pattern(Pattern::new(pattern).unwrap()))
    }

    #[test]
    fn the_fixed_parts_of_an_expression_are_required() {
        assert_eq!(plan("Abc"), words("abc"));
        assert_eq!(plan("(?i)abc"), words("abc"));
        assert_eq!(
            plan("^INVITE .*@example\\.com$"),
            Plan::All(vec![words("invite "), words("@example.com")])
        );
        assert_eq!(
            plan("(ab)+c?d{2}"),
            Plan::All(vec![words("ab"), words("d")])
        );
        assert_eq!(plan("abc|def"), Plan::Any(vec![words("abc"), words("def")]));
        assert_eq!(plan("abc|.*"), Plan::Anything);
        assert_eq!(plan("[0-9]+"), Plan::Anything);
        assert_eq!(plan("x\\b-y"), words("x-y"));
        assert_eq!(plan("[ab]c"), words("c"));
    }

    /// Whether a record satisfies a plan, by the obvious way.
    fn satisfies(record: &Record, plan: &Plan) -> bool {
        let text = text_of(record).to_ascii_lowercase().into_bytes();
        let mut keys: Vec<Key> = Vec::new();
        keys_of(record, &mut |key| keys.push(key));
        match plan {
            Plan::Anything => true,
            Plan::Key(key) => keys.contains(key),
            Plan::Words(words) => memchr::memmem::find(&text, words).is_some(),
            Plan::All(plans) => plans.iter().all(|plan| satisfies(record, plan)),
            Plan::Any(plans) => plans.iter().any(|plan| satisfies(record, plan)),
        }
    }

    fn any_criterion() -> impl Strategy<Value = Criterion> {
        let word = "[ -~é]{1,3}";
        let pattern =
            "(\\^|\\$|[a-z]|\\.|[A-Z =]|\\[ab\\]|\\(a\\|b\\)|x\\?|\\(\\?i\\)|\\\\b|\\\\s){1,4}";
        prop_oneof![
            word.prop_map(Criterion::Uri),
            word.prop_map(Criterion::CallId),
            word.prop_map(Criterion::Method),
            word.prop_map(Criterion::Text),
            (100..700_u16).prop_map(|status| Criterion::Status(crate::Status::Exactly(status))),
            (1..7_u8).prop_map(|class| Criterion::Status(crate::Status::Class(class))),
            pattern.prop_filter_map("no expression", |text| Pattern::new(&text)
                .ok()
                .map(Criterion::Pattern)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn whatever_matches_satisfies_the_plan(
            record in any_record(),
            criteria in proptest::collection::vec(any_criterion(), 0..4),
            combine in prop_oneof![Just(Combine::Any), Just(Combine::All)],
            level in proptest::sample::select(crate::Level::ALL),
        ) {
            let span = Span::new(record.time, record.time).unwrap();
            let mut query = Query::within(span);
            query.combine = combine;
            query.criteria = criteria;
            query.level = level;
            if matches(&query, &record) {
                prop_assert!(satisfies(&record, &Plan::of(&query)), "{:?}", Plan::of(&query));
            }
            for criterion in &query.criteria {
                let text = text_of(&record);
                if let Some(words) = criterion.words().filter(|_| criterion.holds(&record, &text)) {
                    let pattern = Pattern::of_words(&words).unwrap();
                    prop_assert!(text.lines().any(|line| pattern.is_in(line)), "{}", words);
                }
            }
        }
    }

    #[test]
    fn keys_are_part_of_the_format() {
        assert_eq!(Key::of(b'c', b"a84b"), Key(KNOWN));
        let mut record = Record::new(
            Time(0),
            "m".into(),
            crate::Component::Web,
            crate::Level::Info,
            crate::Flags::NONE,
        );
        record.call_id = Some("a84b".into());
        let mut keys = Vec::new();
        keys_of(&record, &mut |key| keys.push(key));
        assert_eq!(
            keys,
            [
                Key::level(crate::Level::Info),
                Key::speaker(crate::Component::Web, crate::Level::Info),
                Key(KNOWN)
            ]
        );
    }

    const KNOWN: u64 = 12_361_245_047_370_499_659;
}
