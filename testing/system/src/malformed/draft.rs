//! An INVITE in order, and the ways to spoil it, in bytes: what is wrong may be no text.

/// An INVITE in pieces.
#[derive(Debug, Clone)]
pub(super) struct Invite {
    start: Vec<u8>,
    lines: Vec<(&'static str, Vec<u8>)>,
    end: &'static [u8],
    body: Vec<u8>,
}

impl Invite {
    /// An INVITE of a stranger to a user of a domain.
    pub(super) fn to(domain: &str) -> Self {
        let lines = [
            (
                "Via",
                "SIP/2.0/TLS spoiled.invalid;branch=z9hG4bKspoiled;rport".to_owned(),
            ),
            (
                "From",
                format!("\"Mallory\" <sip:mallory@{domain}>;tag=spoiled"),
            ),
            ("To", format!("<sip:victim@{domain}>")),
            ("Call-ID", "spoiled@spoiled.invalid".to_owned()),
            ("CSeq", "1 INVITE".to_owned()),
            ("Max-Forwards", "70".to_owned()),
            (
                "Contact",
                "<sip:mallory@spoiled.invalid;transport=tls>".to_owned(),
            ),
            ("User-Agent", "spoiler".to_owned()),
            ("Subject", "spoiled".to_owned()),
            ("Content-Length", "0".to_owned()),
        ];
        Self {
            start: format!("INVITE sip:victim@{domain} SIP/2.0").into_bytes(),
            lines: lines
                .map(|(name, value)| (name, value.into_bytes()))
                .to_vec(),
            end: b"\r\n",
            body: Vec::new(),
        }
    }

    pub(super) fn start(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.start = line.into();
        self
    }

    /// Says this in a header.
    pub(super) fn says(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        match self.lines.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.lines.insert(0, (name, value)),
        }
        self
    }

    /// Adds a line, whatever is there already.
    pub(super) fn adds(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.lines.insert(1, (name, value.into()));
        self
    }

    pub(super) fn lacks(mut self, name: &str) -> Self {
        self.lines.retain(|(known, _)| *known != name);
        self
    }

    /// Ends its lines otherwise.
    pub(super) fn ends(mut self, end: &'static [u8]) -> Self {
        self.end = end;
        self
    }

    /// Gives it a body and says its true length.
    pub(super) fn body(self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut typed = self
            .says("Content-Type", kind)
            .says("Content-Length", body.len().to_string());
        typed.body = body;
        typed
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.start.clone();
        bytes.extend_from_slice(self.end);
        for (name, value) in &self.lines {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(self.end);
        }
        bytes.extend_from_slice(self.end);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
