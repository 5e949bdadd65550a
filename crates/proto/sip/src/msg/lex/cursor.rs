//! Reading a value from left to right.

use super::{Class, is_lws, number};

/// Reads a text from its beginning, part by part.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'m> {
    text: &'m str,
}

impl<'m> Cursor<'m> {
    pub(crate) const fn new(text: &'m str) -> Self {
        Self { text }
    }

    /// Returns what was not read.
    pub(crate) const fn rest(&self) -> &'m str {
        self.text
    }

    /// Takes that many bytes; nothing if they end within a letter.
    pub(crate) fn take(&mut self, len: usize) -> &'m str {
        let (taken, rest) = self.text.split_at_checked(len).unwrap_or(("", self.text));
        self.text = rest;
        taken
    }

    /// Takes the bytes of this class, of which there may be none.
    pub(crate) fn take_all(&mut self, class: Class) -> &'m str {
        self.take(class.span(self.text.as_bytes()))
    }

    /// Takes this byte, if it is next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.text.as_bytes().first() == Some(&byte);
        if is_next {
            self.take(1);
        }
        is_next
    }

    /// Takes this byte and white space around it, if it is next.
    pub(crate) fn eat_spaced(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_next = self.eat(byte);
        self.skip_space();
        is_next
    }

    /// Skips white space, of which there is mostly none.
    pub(crate) fn skip_space(&mut self) {
        if self.text.bytes().next().is_some_and(is_lws) {
            self.take_all(Class::LWS);
        }
    }

    /// Takes a port with one to many digits that is neither zero nor too great.
    pub(crate) fn port(&mut self) -> Option<u16> {
        let digits = self.text.bytes().take_while(u8::is_ascii_digit).count();
        let port = number(self.take(digits).as_bytes())?;
        u16::try_from(port).ok().filter(|port| *port != 0)
    }
}
