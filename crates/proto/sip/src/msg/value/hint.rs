//! What is said about why: Reason (RFC 3326) and Warning (RFC 3261 20.43).

use super::{digits, quoted, token_and_params};
use crate::msg::lex::{Cursor, number};
use crate::msg::{Message, Name, Params};

/// One value of Reason.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'m> {
    /// Whose numbers the cause is of, as written: `SIP`, `Q.850`.
    pub protocol: &'m str,
    /// The parameters.
    pub params: Params<'m>,
}

impl<'m> Reason<'m> {
    /// Returns the cause; `None` if there is none or it is no number of 16 bits.
    #[must_use]
    pub fn cause(&self) -> Option<u16> {
        u16::try_from(number(self.params.value("cause")?.as_bytes())?).ok()
    }

    /// Returns the text for people.
    #[must_use]
    pub fn text(&self) -> Option<&'m str> {
        self.params.value("text")
    }
}

/// One value of Warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning<'m> {
    /// Three digits.
    pub code: u16,
    /// Who warns: a host or a pseudonym, as written.
    pub agent: &'m str,
    /// The text, escapes as they are.
    pub text: &'m str,
}

impl Message {
    /// Returns each value of Reason in its order; what breaks the grammar is left out.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'_>> {
        self.elements(Name::Reason).filter_map(|element| {
            let (protocol, params) = token_and_params(element.text()?)?;
            Some(Reason { protocol, params })
        })
    }

    /// Returns each value of Warning in its order; what breaks the grammar is left out.
    pub fn warnings(&self) -> impl Iterator<Item = Warning<'_>> {
        self.elements(Name::Warning)
            .filter_map(|element| warning(element.text()?))
    }
}

fn warning(value: &str) -> Option<Warning<'_>> {
    let mut cursor = Cursor::new(value);
    let code = u16::try_from(digits(&mut cursor)?).ok()?;
    if !(100..1000).contains(&code) || !cursor.eat(b' ') {
        return None;
    }
    let (agent, _) = cursor.rest().split_once(' ')?;
    cursor.take(agent.len() + 1);
    let text = quoted(&mut cursor)?;
    (!agent.is_empty() && cursor.rest().is_empty()).then_some(Warning { code, agent, text })
}
