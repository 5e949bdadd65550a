//! Date: the one form that SIP allows, `Sat, 13 Nov 2010 23:29:00 GMT` (RFC 3261 20.17, 25.1).

use std::fmt;

use crate::msg::{Invalid, Message, Name};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY: u64 = 86_400;

/// Shows seconds since 1970 as the value of a Date header.
#[must_use]
pub const fn date(unix_seconds: u64) -> impl fmt::Display {
    Shown(unix_seconds)
}

struct Shown(u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / DAY, self.0 % DAY);
        let (year, month, day) = civil(days);
        let name = |names: &'static [&str], at: u64| {
            usize::try_from(at)
                .ok()
                .and_then(|at| names.get(at).copied())
                .unwrap_or_default()
        };
        write!(
            f,
            "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
            name(&DAYS, days % 7),
            name(&MONTHS, month - 1),
            second / 3600,
            second / 60 % 60,
            second % 60,
        )
    }
}

/// Reads a Date value; the day of the week must be one but is not compared.
#[must_use]
pub fn unix_seconds(text: &str) -> Option<u64> {
    let (weekday, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let mut part = || parts.next();
    let (day, month, year, time, zone) = (part()?, part()?, part()?, part()?, part()?);
    if part().is_some() || zone != "GMT" || !DAYS.contains(&weekday) {
        return None;
    }
    let month = 1 + u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()?;
    let (year, day) = (fixed(year, 4)?, fixed(day, 2)?);
    let mut clock = time.split(':').map(|two| fixed(two, 2));
    let mut unit = |limit| clock.next()?.filter(|value| *value < limit);
    // A leap second counts as the one before it.
    let (hour, minute, second) = (unit(24)?, unit(60)?, unit(61)?.min(59));
    if clock.next().is_some() || year < 1970 {
        return None;
    }
    let days = days(year, month, day);
    (civil(days) == (year, month, day)).then(|| days * DAY + hour * 3600 + minute * 60 + second)
}

impl Message {
    /// Returns Date in seconds since 1970.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn date(&self) -> Result<Option<u64>, Invalid> {
        self.whole(Name::Date, unix_seconds)
    }
}

fn fixed(text: &str, len: usize) -> Option<u64> {
    let is_number = text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Days since 1970 of a date in the Gregorian calendar; years begin in March, so that the leap day comes last.
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let within = (153 * month + 2) / 5 + day;
    (year * 365 + year / 4 - year / 100 + year / 400 + within).saturating_sub(719_469)
}

/// The other way: year, month from 1, day from 1.
const fn civil(days: u64) -> (u64, u64, u64) {
    const CYCLE: u64 = 146_097;
    let shifted = days + 719_468;
    let (cycle, within) = (shifted / CYCLE, shifted % CYCLE);
    let year = (within - within / 1460 + within / 36_524 - within / 146_096) / 365;
    let day = within - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    if month < 10 {
        (cycle * 400 + year, month + 3, date)
    } else {
        (cycle * 400 + year + 1, month - 9, date)
    }
}
