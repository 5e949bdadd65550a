//! What a case found: nothing, or in words what there was instead.

use std::error::Error;
use std::fmt::{self, Write as _};

use sip::msg::Message;

/// How a case ended.
pub(crate) type Verdict = Result<(), Fault>;

/// What was wrong, for a person.
#[derive(Debug)]
pub(crate) struct Fault(String);

impl Fault {
    /// Says what there was instead.
    pub(crate) fn new(words: impl fmt::Display) -> Self {
        Self(words.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Any error of a tool ends a case, with its causes.
impl<E: Error> From<E> for Fault {
    fn from(error: E) -> Self {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            // Writing to a string does not fail.
            let _ = write!(words, ": {error}");
            cause = error.source();
        }
        Self(words)
    }
}

/// Fails unless a response has this status.
pub(crate) fn is(response: &Message, status: u16) -> Verdict {
    if response.status() == status {
        Ok(())
    } else {
        Err(Fault(format!(
            "expected {status}, got {} {}",
            response.status(),
            String::from_utf8_lossy(response.reason())
        )))
    }
}

/// Ends a case with these words unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Fault::new(format_args!($($words)+)));
        }
    };
}
pub(crate) use ensure;
