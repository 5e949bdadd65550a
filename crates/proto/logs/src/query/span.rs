//! From when to when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Time, TimeError};

/// A search over a longer time is refused: it is a slip, not a question.
pub const LONGEST_SPAN: Duration = Duration::from_secs(366 * 86_400);
/// What is searched when nobody says.
const USUAL: Duration = Duration::from_secs(30 * 60);
/// By how much the clocks of machines may differ before "until now" leaves something out.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// A span of time; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(Time, Time)", into = "(Time, Time)")]
pub struct Span {
    from: Time,
    to: Time,
}

/// A span that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It ends before it begins.
    #[error("the time ends before it begins: from {from} to {to}")]
    Backwards {
        /// Its beginning.
        from: Time,
        /// Its end.
        to: Time,
    },
    /// It is longer than anything is kept.
    #[error("from {from} to {to} is more than 366 days")]
    TooLong {
        /// Its beginning.
        from: Time,
        /// Its end.
        to: Time,
    },
    /// It begins later than now.
    #[error("{0} has not come yet")]
    Ahead(Time),
    /// A moment that cannot be read.
    #[error("{0:?} is neither a time (2026-11-26T08:00:00Z) nor how long ago (90s, 30m, 4h, 2d)")]
    Form(String),
}

impl Span {
    /// Makes a span.
    ///
    /// # Errors
    /// It is backwards or absurdly long.
    pub fn new(from: Time, to: Time) -> Result<Self, SpanError> {
        if to < from {
            Err(SpanError::Backwards { from, to })
        } else if to.since(from) > LONGEST_SPAN {
            Err(SpanError::TooLong { from, to })
        } else {
            Ok(Self { from, to })
        }
    }

    /// Reads what somebody wrote for the beginning and the end, each a time or how long ago (`30m`).
    ///
    /// Neither: the last 30 minutes. Only a beginning: from there until now. Only an end: the 30 minutes before it. "Until
    /// now" reaches five minutes further, since other machines' clocks may be ahead.
    ///
    /// # Errors
    /// One of them cannot be read, or the span cannot be.
    pub fn parse(from: Option<&str>, to: Option<&str>, now: Time) -> Result<Self, SpanError> {
        let to = match to {
            Some(text) => moment(text, now)?,
            None => now.after(AHEAD),
        };
        let from = match from {
            Some(text) => moment(text, now)?,
            None => to.min(now).before(USUAL),
        };
        if from > now.after(AHEAD) {
            return Err(SpanError::Ahead(from));
        }
        Self::new(from, to)
    }

    /// Returns its beginning.
    #[must_use]
    pub const fn from(&self) -> Time {
        self.from
    }

    /// Returns its end.
    #[must_use]
    pub const fn to(&self) -> Time {
        self.to
    }

    /// Tells whether a moment belongs to it.
    #[must_use]
    pub fn contains(&self, time: Time) -> bool {
        self.from <= time && time <= self.to
    }

    /// Tells whether it has a moment in common with the time between these two.
    #[must_use]
    pub fn overlaps(&self, first: Time, last: Time) -> bool {
        self.from <= last && first <= self.to
    }
}

fn moment(text: &str, now: Time) -> Result<Time, SpanError> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    let unit = text.chars().last().and_then(|unit| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        _ => None,
    });
    let number = text.get(..text.len().saturating_sub(1));
    let number = number.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    if let (Some(unit), Some(Ok(number))) = (unit, number.map(str::parse::<u64>)) {
        let seconds = number.checked_mul(unit);
        let seconds = seconds.filter(|seconds| *seconds <= LONGEST_SPAN.as_secs());
        let ago = seconds.map(Duration::from_secs);
        return ago
            .map(|ago| now.before(ago))
            .ok_or_else(|| SpanError::Form(text.to_owned()));
    }
    Time::parse(text).map_err(|TimeError(text)| SpanError::Form(text))
}

impl TryFrom<(Time, Time)> for Span {
    type Error = SpanError;

    fn try_from((from, to): (Time, Time)) -> Result<Self, SpanError> {
        Self::new(from, to)
    }
}

impl From<Span> for (Time, Time) {
    fn from(span: Span) -> Self {
        (span.from, span.to)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Span, SpanError};
    use crate::Time;

    fn parse(from: Option<&str>, to: Option<&str>) -> Result<Span, SpanError> {
        Span::parse(from, to, now())
    }

    fn now() -> Time {
        Time::parse("2026-11-26T12:00:00Z").unwrap()
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    #[test]
    fn what_nobody_says_is_half_an_hour() {
        let ahead = now().after(minutes(5));
        assert_eq!(
            parse(None, None),
            Span::new(now().before(minutes(30)), ahead)
        );
        assert_eq!(
            parse(Some("4h"), None),
            Span::new(now().before(minutes(240)), ahead)
        );
        let eleven = Time::parse("2026-11-26T11:00Z").unwrap();
        let half_past_ten = Time::parse("2026-11-26T10:30Z").unwrap();
        assert_eq!(
            parse(None, Some("2026-11-26T11:00Z")),
            Span::new(half_past_ten, eleven)
        );
        assert_eq!(
            parse(Some("90m"), Some("60m")),
            Span::new(half_past_ten, eleven)
        );
    }

    #[test]
    fn absurd_times_are_refused() {
        assert!(matches!(
            parse(Some("10m"), Some("20m")),
            Err(SpanError::Backwards { .. })
        ));
        assert!(matches!(
            parse(Some("2020-01-01"), None),
            Err(SpanError::TooLong { .. })
        ));
        assert!(matches!(
            parse(Some("2026-11-27"), None),
            Err(SpanError::Ahead(_))
        ));
        for text in [
            "",
            "m",
            "30",
            "30 m",
            "-5m",
            "99999999999999999999m",
            "5000d",
            "noon",
            "é",
        ] {
            assert!(
                matches!(parse(Some(text), None), Err(SpanError::Form(_))),
                "{text}"
            );
        }
    }
}
