//! The meaning of a query, by the obvious way.

use super::{Combine, Query};
use crate::{Record, line};

/// Tells whether a record is what a query looks for.
#[must_use]
pub fn matches(query: &Query, record: &Record) -> bool {
    matches_text(query, record, &line::text_of(record))
}

/// Tells the same where the record's text form is at hand.
#[must_use]
pub fn matches_text(query: &Query, record: &Record, text: &str) -> bool {
    query.span.contains(record.time) && matches_whenever(query, record, text)
}

/// Tells the same of a record of any time: for whoever watches what comes.
#[must_use]
pub fn matches_whenever(query: &Query, record: &Record, text: &str) -> bool {
    is_within_limits(query, record) && criteria_hold(query, record, text)
}

fn is_within_limits(query: &Query, record: &Record) -> bool {
    let is_named = |machine: &String| machine.eq_ignore_ascii_case(&record.machine);
    record.level <= query.level
        && (query.components.is_empty() || query.components.contains(&record.component))
        && (query.machines.is_empty() || query.machines.iter().any(is_named))
}

fn criteria_hold(query: &Query, record: &Record, text: &str) -> bool {
    let mut criteria = query.criteria.iter();
    match query.combine {
        _ if query.criteria.is_empty() => true,
        Combine::Any => criteria.any(|one| one.holds(record, text)),
        // Every kind must hold, and a kind holds by any of its values.
        Combine::All => criteria.all(|one| {
            let mut same = query
                .criteria
                .iter()
                .filter(|other| other.kind() == one.kind());
            same.any(|other| other.holds(record, text))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use crate::{
        Combine, Component, Criterion, Flags, Level, Pattern, Query, Record, Span, Time,
        query::LONGEST_SPAN,
    };

    fn record() -> Record {
        let machine = "fe01.example.com".into();
        let mut record = Record::new(
            Time(5_000_000),
            machine,
            Component::Routing,
            Level::Warning,
            Flags::DIAG,
        );
        record.from = Some("sip:alice@example.com".into());
        record.to = Some("sip:+14255550123@example.com;user=phone".into());
        record.call_id = Some("a84b".into());
        record.peer = Some("10.0.0.7:5061".parse().unwrap());
        record.local = Some("10.0.0.21:5061".parse().unwrap());
        record.method = Some("INVITE".into());
        record.status = Some(403);
        record.text = "one line\nanother Line\n".into();
        record
    }

    fn all() -> Query {
        let span = Span::new(Time(0), Time(LONGEST_SPAN.as_secs() * 1_000_000)).unwrap();
        Query::within(span)
    }

    fn finds(query: &Query) -> bool {
        query.check().unwrap();
        matches(query, &record())
    }

    #[test]
    fn limits_always_count() {
        assert!(finds(&all()));
        let mut query = all();
        query.level = Level::Error;
        assert!(!finds(&query), "a warning is less grave than an error");
        query.level = Level::Warning;
        query.components = vec![Component::Web];
        assert!(!finds(&query));
        query.components.push(Component::Routing);
        query.machines = vec!["FE01.example.com".into()];
        assert!(finds(&query));
        query.span = Span::new(Time(5_000_001), Time(6_000_000)).unwrap();
        assert!(!finds(&query));
        query.span = Span::new(Time(0), Time(5_000_000)).unwrap();
        assert!(finds(&query), "both ends belong to a span");
    }

    #[test]
    fn each_kind_of_criterion_is_found_and_its_nearest_miss_is_not() {
        let pattern = |text| Criterion::Pattern(Pattern::new(text).unwrap());
        for (hit, miss) in [
            (
                Criterion::Uri("sips:ALICE@example.com".into()),
                Criterion::Uri("lice@example.com".into()),
            ),
            (
                Criterion::CallId("a84b".into()),
                Criterion::CallId("A84b".into()),
            ),
            (
                Criterion::Ip("10.0.0.21".parse().unwrap()),
                Criterion::Ip("10.0.0.2".parse().unwrap()),
            ),
            (
                Criterion::Phone("+14255550123".parse().unwrap()),
                Criterion::Phone("+1425555012".parse().unwrap()),
            ),
            (
                Criterion::Method("invite".into()),
                Criterion::Method("INVIT".into()),
            ),
            (
                Criterion::Status("4xx".parse().unwrap()),
                Criterion::Status("404".parse().unwrap()),
            ),
            (
                Criterion::Text("er Li".into()),
                Criterion::Text("er li".into()),
            ),
            (
                Criterion::Text("call-id=a84b".into()),
                Criterion::Text("lineanother".into()),
            ),
            (pattern("^one.*e$"), pattern("one.*another")),
            (pattern("(?i)LINE$"), pattern("e\\sa")),
        ] {
            let ask = |criterion: &Criterion| {
                let mut query = all();
                query.criteria = vec![criterion.clone()];
                finds(&query)
            };
            assert!(ask(&hit), "{hit:?}");
            assert!(!ask(&miss), "{miss:?}");
        }
    }

    #[test]
    fn any_needs_one_and_all_needs_every_kind() {
        let mut query = all();
        query.criteria = vec![
            Criterion::CallId("other".into()),
            Criterion::CallId("a84b".into()),
            Criterion::Method("BYE".into()),
        ];
        assert!(finds(&query));
        query.combine = Combine::All;
        assert!(!finds(&query), "no method of those");
        query.criteria.push(Criterion::Method("INVITE".into()));
        assert!(finds(&query), "values of one kind are alternatives");
    }
}
