//! Privacy (RFC 3323 4.2, RFC 3325 9.3, RFC 4244 3.3.1).

use crate::msg::lex::{is_token, trim_text};
use crate::msg::{Invalid, Message, Name};

/// What the sender wants hidden, over all lines of Privacy. Without the header nothing is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// `header`: hide what the headers of the path show.
    pub header: bool,
    /// `session`: hide the addresses of the session.
    pub session: bool,
    /// `user`: hide who the user is, in place of the phone.
    pub user: bool,
    /// `id`: keep the asserted identity inside the trust domain.
    pub id: bool,
    /// `history`: keep History-Info inside the trust domain.
    pub history: bool,
    /// `critical`: refuse the request rather than show what shall be hidden.
    pub critical: bool,
    /// `none`: nothing shall be hidden, not even by default.
    pub none: bool,
}

impl Message {
    /// Returns what Privacy asks for; words that are not known are passed over.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] if a word is none, or if `none` stands beside others.
    pub fn privacy(&self) -> Result<Privacy, Invalid> {
        const MALFORMED: Invalid = Invalid::Malformed(Name::Privacy);
        let mut all = Privacy::default();
        let mut words = 0_u8;
        for field in self.all(Name::Privacy) {
            let value = field.text().ok_or(MALFORMED)?;
            // The grammar parts the words by semicolons; some senders write commas.
            for word in value.split([';', ',']).map(trim_text) {
                if !is_token(word.as_bytes()) {
                    return Err(MALFORMED);
                }
                all.note(word);
                words = words.saturating_add(1);
            }
        }
        if all.none && words > 1 {
            return Err(MALFORMED);
        }
        Ok(all)
    }
}

impl Privacy {
    fn note(&mut self, word: &str) {
        let places = [
            ("header", &mut self.header),
            ("session", &mut self.session),
            ("user", &mut self.user),
            ("id", &mut self.id),
            ("history", &mut self.history),
            ("critical", &mut self.critical),
            ("none", &mut self.none),
        ];
        for (name, place) in places {
            *place |= word.eq_ignore_ascii_case(name);
        }
    }
}
