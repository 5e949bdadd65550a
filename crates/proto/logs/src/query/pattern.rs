//! Regular expressions: bounded when they are made, linear when they run.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{LONGEST_CRITERION, QueryError};

/// The compiled expression takes no more room; of the machines that it makes while it runs, each thread keeps as much.
const COMPILED: usize = 1 << 20;
/// How deeply expressions may be nested.
const DEPTH: u32 = 32;

/// An expression that lines are matched against, in the syntax of the `regex` library: no look-around, no back-references,
/// and so no expression that takes longer than a time in proportion to the text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    source: String,
    regex: Regex,
    lines: bool,
}

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is empty, too long, takes too much room, or is none.
    pub fn new(source: &str) -> Result<Self, QueryError> {
        if source.is_empty() {
            return Err(QueryError::Empty("pattern"));
        }
        if source.len() > LONGEST_CRITERION {
            return Err(QueryError::TooLong("pattern"));
        }
        let built = RegexBuilder::new(source)
            .multi_line(true)
            .size_limit(COMPILED)
            .dfa_size_limit(COMPILED)
            .nest_limit(DEPTH)
            .build();
        let regex = built.map_err(|error| QueryError::Pattern(error.to_string()))?;
        let hir = super::plan::parsed(source);
        let lines = hir.is_none_or(|hir| {
            let looks = hir.properties().look_set();
            looks.contains(regex_syntax::hir::Look::Start)
                || looks.contains(regex_syntax::hir::Look::End)
        });
        Ok(Self {
            source: source.to_owned(),
            regex,
            lines,
        })
    }

    /// Makes the expression that matches these words in any case; `None` if they are too long for one.
    #[must_use]
    pub fn of_words(words: &str) -> Option<Self> {
        Self::new(&format!("(?i){}", regex::escape(words))).ok()
    }

    /// Returns the expression as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Tells whether a line, given without its end, matches.
    #[must_use]
    pub fn is_in(&self, line: &str) -> bool {
        self.regex.is_match(line.as_bytes())
    }

    /// Returns where, from `at` on, a line that may match begins to: every line that matches has such a place in it or
    /// one that begins before it and reaches into it. `None` if no line matches from there on.
    ///
    /// An expression may match over several lines here (`\s`, `[^a]`); whoever asks confirms with [`Self::is_in`] and goes
    /// on at the next line.
    #[must_use]
    pub fn find_at(&self, text: &[u8], at: usize) -> Option<usize> {
        if self.lines {
            // The expression speaks of the start or the end of the text: only line by line has that a meaning.
            return (at < text.len()).then_some(at);
        }
        self.regex.find_at(text, at).map(|found| found.start())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

impl TryFrom<String> for Pattern {
    type Error = QueryError;

    fn try_from(source: String) -> Result<Self, QueryError> {
        Self::new(&source)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.source
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn absurd_expressions_are_refused_in_words() {
        for (source, why) in [
            ("", "empty"),
            ("(", "unclosed"),
            ("a{1000}{1000}", "size limit"),
            ("(?=a)", "look-around"),
            (&"(".repeat(40), "pattern"),
            (&"a".repeat(600), "512"),
        ] {
            let error = Pattern::new(source).unwrap_err().to_string();
            assert!(error.contains(why), "{source}: {error}");
        }
    }

    #[test]
    fn what_is_nasty_elsewhere_takes_no_longer() {
        let pattern = Pattern::new("(a+)+$").unwrap();
        assert!(!pattern.is_in(&format!("{}b", "a".repeat(100_000))));
    }
}
