//! What is looked for, and from when: the words of every command that searches.

use std::net::IpAddr;

use logs::{
    Combine, Component, Correlation, Criterion, Level, Pattern, Phone, Query, RESULTS, Span,
    Status, Time,
};

const WHEN: &str = "When";
const WHAT: &str = "What to look for";

/// What is looked for, and from when.
#[derive(clap::Args)]
pub(crate) struct Criteria {
    #[command(flatten)]
    during: During,
    #[command(flatten)]
    what: What,
}

/// From when to when.
#[derive(Default, clap::Args)]
pub(crate) struct During {
    /// From when: a time in UTC (2026-11-26T08:00:00Z) or how long ago (90s, 30m, 4h, 2d) [default: 30 minutes before the end].
    #[arg(long, value_name = "TIME", help_heading = WHEN)]
    from: Option<String>,
    /// Until when, in the same way [default: now].
    #[arg(long, value_name = "TIME", help_heading = WHEN)]
    to: Option<String>,
}

/// What is looked for.
#[derive(clap::Args)]
pub(crate) struct What {
    /// A URI in From, To or the request line, as alice@example.com.
    #[arg(long, value_name = "URI", help_heading = WHAT)]
    uri: Vec<String>,
    /// A Call-ID, exactly.
    #[arg(long, value_name = "ID", help_heading = WHAT)]
    call_id: Vec<String>,
    /// An address at either end of a connection.
    #[arg(long, value_name = "ADDRESS", help_heading = WHAT)]
    ip: Vec<IpAddr>,
    /// A telephone number, as +14255550123.
    #[arg(long, value_name = "NUMBER", help_heading = WHAT)]
    phone: Vec<Phone>,
    /// A correlation id (corr=): one request on all machines.
    #[arg(long, value_name = "ID", help_heading = WHAT)]
    correlation: Vec<Correlation>,
    /// A method, as INVITE or GET.
    #[arg(long, value_name = "METHOD", help_heading = WHAT)]
    method: Vec<String>,
    /// The status of a response, or a class of them, as 403 or 4xx.
    #[arg(long, value_name = "STATUS", help_heading = WHAT)]
    status: Vec<Status>,
    /// Words in one line of the text form, exactly.
    #[arg(long, value_name = "TEXT", help_heading = WHAT)]
    text: Vec<String>,
    /// A regular expression that a line of the text form matches.
    #[arg(long, value_name = "REGEX", value_parser = Pattern::new, help_heading = WHAT)]
    pattern: Vec<Pattern>,
    /// Records that satisfy one kind of the criteria above are enough; this is so unless --all is given.
    #[arg(long, conflicts_with = "all", help_heading = WHAT)]
    any: bool,
    /// Only records that satisfy every kind of criteria that is given.
    #[arg(long, help_heading = WHAT)]
    all: bool,
    /// Only records of these components, as SipStack or Routing.
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = WHAT)]
    component: Vec<Component>,
    /// Only records as grave as this or graver: fatal, error, warning, info, verbose, debug.
    #[arg(long, value_name = "LEVEL", help_heading = WHAT)]
    level: Option<Level>,
    /// At most so many records, the oldest.
    #[arg(long, value_name = "N", help_heading = WHAT)]
    limit: Option<u32>,
}

impl Criteria {
    /// Returns from when to when.
    pub(super) const fn during(&self) -> &During {
        &self.during
    }

    /// Returns how many records are wanted at most, if that was said.
    pub(super) const fn limit(&self) -> Option<u32> {
        self.what.limit()
    }

    /// Makes the query.
    pub(crate) fn query(&self, now: Time) -> anyhow::Result<Query> {
        self.what.within(self.during.span(now)?)
    }
}

impl During {
    /// Tells whether a time was given.
    pub(super) const fn is_given(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// Returns the span of time.
    pub(crate) fn span(&self, now: Time) -> anyhow::Result<Span> {
        Ok(Span::parse(self.from.as_deref(), self.to.as_deref(), now)?)
    }
}

impl What {
    /// Returns how many records are wanted at most, if that was said.
    pub(crate) const fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Makes the query for a span of time.
    pub(crate) fn within(&self, span: Span) -> anyhow::Result<Query> {
        let mut query = Query::within(span);
        let criteria = &mut query.criteria;
        criteria.extend(self.uri.iter().cloned().map(Criterion::Uri));
        criteria.extend(self.call_id.iter().cloned().map(Criterion::CallId));
        criteria.extend(self.ip.iter().copied().map(Criterion::Ip));
        criteria.extend(self.phone.iter().cloned().map(Criterion::Phone));
        criteria.extend(self.correlation.iter().copied().map(Criterion::Correlation));
        criteria.extend(self.method.iter().cloned().map(Criterion::Method));
        criteria.extend(self.status.iter().copied().map(Criterion::Status));
        criteria.extend(self.text.iter().cloned().map(Criterion::Text));
        criteria.extend(self.pattern.iter().cloned().map(Criterion::Pattern));
        query.components.clone_from(&self.component);
        query.level = self.level.unwrap_or(query.level);
        query.combine = if self.all { Combine::All } else { Combine::Any };
        query.limit = self.limit.unwrap_or(RESULTS);
        query.check()?;
        Ok(query)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        criteria: Criteria,
    }

    fn query(words: &[&str]) -> anyhow::Result<Query> {
        let line = Line::try_parse_from([&["x"], words].concat())?;
        line.criteria.query(Time::parse("2026-11-26T12:00:00Z")?)
    }

    #[test]
    fn every_word_becomes_its_criterion() {
        let made = query(&[
            "--uri",
            "a@b",
            "--uri",
            "c@d",
            "--call-id",
            "1",
            "--ip",
            "10.0.0.1",
            "--phone",
            "+1 425 555",
            "--correlation",
            "00ff",
            "--method",
            "INVITE",
            "--status",
            "4xx",
            "--text",
            "x",
            "--pattern",
            "a+",
            "--all",
            "--component",
            "SipStack,routing",
            "--level",
            "warning",
            "--limit",
            "5",
            "--from",
            "1h",
        ]);
        let made = made.unwrap();
        assert_eq!(made.criteria.len(), 10);
        assert_eq!(made.components, [Component::SipStack, Component::Routing]);
        assert_eq!(
            (made.level, made.combine, made.limit),
            (Level::Warning, Combine::All, 5)
        );
        assert_eq!(made.span.from().to_string(), "2026-11-26T11:00:00.000000Z");
        let made = query(&[]).unwrap();
        assert_eq!(
            (made.level, made.combine, made.limit),
            (Level::Debug, Combine::Any, RESULTS)
        );
        assert!(made.criteria.is_empty());
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused_in_words() {
        for (words, why) in [
            (&["--component", "SIPStak"][..], "did you mean SipStack"),
            (&["--level", "x"], "there are: Fatal"),
            (&["--status", "9xx"], "4xx"),
            (&["--pattern", "("], "pattern cannot be used"),
            (&["--uri", ""], "empty"),
            (&["--limit", "0"], "between 1 and"),
            (&["--from", "soon"], "how long ago"),
            (&["--any", "--all"], "cannot be used with"),
        ] {
            let error = format!("{:#}", query(words).unwrap_err());
            assert!(error.contains(why), "{words:?}: {error}");
        }
    }
}
