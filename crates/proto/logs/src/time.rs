//! When something happened: wall-clock time in microseconds, and the one way it is written.

use std::fmt;

use ::time::{Date, Month, OffsetDateTime};
use base::UnixMillis;
use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Time(pub u64);

/// The last moment that can be written: the end of the year 9999.
const LAST: u64 = 253_402_300_799_999_999;
const SECOND: u64 = 1_000_000;

/// A time that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no time; write 2026-11-26T08:00:00Z, with seconds and their fraction left out or not"
)]
pub struct TimeError(pub String);

impl Time {
    /// The beginning of time.
    pub const ZERO: Self = Self(0);
    /// Later than any record.
    pub const MAX: Self = Self(LAST);

    /// Returns the time that is so much later, at most the last one.
    #[must_use]
    pub fn after(self, wait: std::time::Duration) -> Self {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros).min(LAST))
    }

    /// Returns the time that is so much earlier, at least the first one.
    #[must_use]
    pub fn before(self, wait: std::time::Duration) -> Self {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// Returns how long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Reads `2026-11-26T08:00:00.123456Z`. Seconds and their fraction may be left out, a space may stand for the `T`;
    /// without a `Z` it is UTC all the same.
    ///
    /// # Errors
    /// It is no such time.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        read(text).ok_or_else(|| TimeError(text.chars().take(40).collect()))
    }
}

impl From<UnixMillis> for Time {
    fn from(wall: UnixMillis) -> Self {
        Self(wall.0.saturating_mul(1000).min(LAST))
    }
}

impl Time {
    /// Returns its 27 letters: every record has them, so they are made without the machinery of formatting.
    pub(crate) fn letters(self) -> [u8; 27] {
        let seconds = i64::try_from(self.0.min(LAST) / SECOND).unwrap_or(0);
        let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (hour, minute, second) = at.to_hms();
        let mut out = *b"0000-00-00T00:00:00.000000Z";
        put(&mut out, 0, 4, u32::try_from(at.year()).unwrap_or(0));
        put(&mut out, 5, 2, u8::from(at.month()).into());
        put(&mut out, 8, 2, at.day().into());
        put(&mut out, 11, 2, hour.into());
        put(&mut out, 14, 2, minute.into());
        put(&mut out, 17, 2, second.into());
        let micros = u32::try_from(self.0.min(LAST) % SECOND).unwrap_or(0);
        put(&mut out, 20, 6, micros);
        out
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.letters()).unwrap_or_default())
    }
}

/// Writes a number with leading zeros.
fn put(out: &mut [u8], at: usize, digits: usize, mut number: u32) {
    for place in out.iter_mut().skip(at).take(digits).rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

fn read(text: &str) -> Option<Time> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    let month = Month::try_from(u8::try_from(number(month, 2)?).ok()?).ok()?;
    let year = i32::try_from(number(year, 4)?).ok()?;
    let date = Date::from_calendar_date(year, month, u8::try_from(number(day, 2)?).ok()?).ok()?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    let second = parts.next().unwrap_or("00");
    if parts.next().is_some() {
        return None;
    }
    let two = |text: &str| u8::try_from(number(text, 2)?).ok();
    let at = date
        .with_hms(two(hour)?, two(minute)?, two(second)?)
        .ok()?
        .assume_utc();
    let digits = u32::try_from(fraction.len()).ok()?;
    let micros = u64::from(number(fraction, 6)?) * 10_u64.pow(6_u32.checked_sub(digits)?);
    let seconds = u64::try_from(at.unix_timestamp()).ok()?;
    Some(Time(seconds * SECOND + micros))
}

/// Reads at most so many digits and nothing else.
fn number(text: &str, most: usize) -> Option<u32> {
    let plain = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for micros in [0, 1, 1_790_000_000_123_456, super::LAST] {
            let time = Time(micros);
            assert_eq!(Time::parse(&time.to_string()), Ok(time));
        }
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Time(u64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn parts_may_be_left_out() {
        let full = Time::parse("2026-11-26T08:00:00.000000Z").unwrap();
        for short in [
            "2026-11-26T08:00",
            "2026-11-26 08:00:00Z",
            "2026-11-26T08:00:00.0",
        ] {
            assert_eq!(Time::parse(short), Ok(full));
        }
        assert_eq!(
            Time::parse("2026-11-26T08:00:00.5").unwrap().0 - full.0,
            500_000
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2026-13-01T00:00Z",
            "2026-02-30T00:00Z",
            "2026-11-26T25:00Z",
            "26-11-26T08:00Z",
            "2026-11-26T08:00:00.1234567Z",
            "2026-11-26T08:00:00:00Z",
            "1960-01-01T00:00Z",
            "2026-11-26T08:+1",
        ] {
            assert!(Time::parse(text).is_err(), "{text}");
        }
    }
}
