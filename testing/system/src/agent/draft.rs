//! A message as a test writes it: a start line, header lines in their order, a body. Nothing is checked.

use std::fmt::Display;

/// A message that is being written.
#[derive(Debug, Clone)]
pub struct Draft {
    start: String,
    lines: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Draft {
    /// Begins a message with its start line.
    #[must_use]
    pub fn new(start: impl Into<String>) -> Self {
        Self {
            start: start.into(),
            lines: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Puts another start line.
    #[must_use]
    pub fn start(mut self, line: impl Into<String>) -> Self {
        self.start = line.into();
        self
    }

    /// Adds a header line at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.lines.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a header line above all others.
    #[must_use]
    pub fn first(mut self, name: &str, value: impl Display) -> Self {
        self.lines.insert(0, (name.to_owned(), value.to_string()));
        self
    }

    /// Says this in the first line of a header and drops its further lines; adds the line where there was none.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Display) -> Self {
        let mut value = Some(value.to_string());
        self.lines.retain_mut(|(known, old)| {
            if !known.eq_ignore_ascii_case(name) {
                return true;
            }
            value.take().map(|new| *old = new).is_some()
        });
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Drops all lines of a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.lines
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Gives it a body.
    #[must_use]
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut typed = self.set("Content-Type", content_type);
        typed.body = body.into();
        typed
    }

    /// Returns the first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Returns the values of all lines of a header.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the method of a request; empty for a response.
    #[must_use]
    pub fn method(&self) -> &str {
        let word = self.start.split(' ').next().unwrap_or_default();
        if word.contains('/') { "" } else { word }
    }

    /// Returns the Request-URI.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// Returns the number in CSeq; 0 where there is none.
    #[must_use]
    pub fn number(&self) -> u32 {
        let value = self.get("CSeq").unwrap_or_default();
        let number = value.split(' ').next().unwrap_or_default();
        number.parse().unwrap_or(0)
    }

    /// Writes it. Content-Length is added unless a line says otherwise.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.lines {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.get("Content-Length").is_none() && self.get("l").is_none() {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Draft;

    #[test]
    fn lines_are_set_added_dropped_and_written_in_order() {
        let draft = Draft::new("OPTIONS sip:a@b SIP/2.0")
            .with("Via", "one")
            .with("Via", "two")
            .with("CSeq", "7 OPTIONS")
            .set("Via", "three")
            .first("Route", "<sip:r>")
            .with("X", "y")
            .without("x")
            .body("text/plain", "hi");
        let text = String::from_utf8(draft.bytes()).unwrap();
        assert_eq!(
            text,
            "OPTIONS sip:a@b SIP/2.0\r\nRoute: <sip:r>\r\nVia: three\r\nCSeq: 7 OPTIONS\r\n\
             Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
        );
        assert_eq!(
            (draft.method(), draft.uri(), draft.number()),
            ("OPTIONS", "sip:a@b", 7)
        );
    }
}
