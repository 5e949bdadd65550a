//! How long a scenario runs, in the syntax that operators know: minutes, `h:mm` or `d.hh:mm`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How long a scenario runs unless somebody says: four hours.
const USUAL: u32 = 4 * 60;
/// The longest: a year. What is to run longer has no end.
const LONGEST: u32 = 366 * 24 * 60;

/// A duration in whole minutes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Duration(u32);

/// A duration that cannot be read or is absurd.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no duration; write minutes (120), hours (8:00) or days (6.05:12), from one minute to 366 days"
)]
pub struct DurationError(pub String);

impl Duration {
    /// Returns it as a length of time.
    #[must_use]
    pub const fn length(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0 as u64 * 60)
    }

    fn minutes(minutes: u32) -> Option<Self> {
        (1..=LONGEST).contains(&minutes).then_some(Self(minutes))
    }
}

impl Default for Duration {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let error = || DurationError(text.chars().take(40).collect());
        read(text).and_then(Self::minutes).ok_or_else(error)
    }
}

fn read(text: &str) -> Option<u32> {
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| text.parse::<u32>().ok()).flatten()
    };
    let Some((hours, minutes)) = text.split_once(':') else {
        return number(text);
    };
    // `6.05:12` is six days, five hours, twelve minutes.
    let (days, hours, with_days) = match hours.split_once('.') {
        Some((days, hours)) => (number(days)?, number(hours)?, true),
        None => (0, number(hours)?, false),
    };
    let minutes = Some(minutes)
        .filter(|text| text.len() == 2)
        .and_then(number)?;
    if minutes > 59 || (with_days && hours > 23) {
        return None;
    }
    let hours = days.checked_mul(24)?.checked_add(hours)?;
    hours.checked_mul(60)?.checked_add(minutes)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, hours, minutes) = (self.0 / 1440, self.0 / 60 % 24, self.0 % 60);
        if days > 0 {
            write!(f, "{days}.{hours:02}:{minutes:02}")
        } else {
            write!(f, "{hours}:{minutes:02}")
        }
    }
}

impl TryFrom<u32> for Duration {
    type Error = DurationError;

    fn try_from(minutes: u32) -> Result<Self, DurationError> {
        Self::minutes(minutes).ok_or_else(|| DurationError(minutes.to_string()))
    }
}

impl From<Duration> for u32 {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn the_three_ways_of_writing_are_read() {
        for (text, minutes) in [
            ("120", 120),
            ("8:00", 480),
            ("6.05:12", 6 * 1440 + 5 * 60 + 12),
            ("30:15", 30 * 60 + 15),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.length().as_secs(), minutes * 60, "{text}");
            assert_eq!(duration.to_string().parse(), Ok(duration));
        }
        assert_eq!(Duration::default().to_string(), "4:00");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "0",
            "-5",
            "1:5",
            "1:60",
            "1.24:00",
            "400.00:00",
            "4h",
            "4294967296",
            "99999999:00",
            "1.:00",
        ] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
