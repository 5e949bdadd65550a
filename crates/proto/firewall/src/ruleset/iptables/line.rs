//! A line of `iptables-save` as words.

use crate::ruleset::fault::LineFault;

/// Cuts a line into words; quotation marks keep blanks together, and a backslash takes a mark as it is.
pub(super) fn words(line: &str) -> Result<Vec<String>, LineFault> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().extend(letters.next()),
            blank if blank.is_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    if quoted {
        return Err(LineFault::OpenQuote);
    }
    words.extend(word);
    Ok(words)
}

/// Takes `[packets:bytes]` off the beginning.
pub(super) fn counted(words: &[String]) -> (Option<u64>, &[String]) {
    let Some((first, rest)) = words.split_first() else {
        return (None, words);
    };
    let inside = first
        .strip_prefix('[')
        .and_then(|word| word.strip_suffix(']'));
    match inside.and_then(|inside| inside.split_once(':')) {
        Some((packets, _)) => (packets.parse().ok(), rest),
        None => (None, words),
    }
}

/// The line as the rule was given.
pub(super) fn without_counters(line: &str) -> &str {
    match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest.trim_start(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_stay_together() {
        let line = r#"[7:420] -A INPUT -m comment --comment "a b \"c" -j DROP"#;
        let words = words(line).unwrap();
        let (counted, rest) = counted(&words);
        assert_eq!(counted, Some(7));
        assert_eq!(rest[4..6], ["--comment", "a b \"c"]);
        assert_eq!(without_counters(line).split(' ').next(), Some("-A"));
        assert_eq!(super::words("-A \"x"), Err(LineFault::OpenQuote));
    }
}
