//! Headers that name another dialog or a provisional response: Replaces (RFC 3891), Join (RFC 3911), Target-Dialog
//! (RFC 4538), RAck and RSeq (RFC 3262).

use super::{digits, token};
use crate::msg::lex::{Class, Cursor, cut, is_token, trim_text};
use crate::msg::{Invalid, Message, Name, Params};

/// A dialog, as seen by whoever receives the header.
#[derive(Clone, Copy, Debug)]
pub struct DialogId<'m> {
    /// The Call-ID.
    pub call_id: &'m str,
    /// The parameters.
    pub params: Params<'m>,
}

impl<'m> DialogId<'m> {
    /// Takes the value of Replaces, Join or Target-Dialog apart.
    #[must_use]
    pub fn parse(text: &'m str) -> Option<Self> {
        let (call_id, params) = cut(text, b';');
        let call_id = trim_text(call_id);
        let is_word = call_id
            .bytes()
            .all(|byte| (0x21..0x7f).contains(&byte) && byte != b',');
        (is_word && !call_id.is_empty()).then(|| Self {
            call_id,
            params: Params::new(params.unwrap_or_default()),
        })
    }

    /// Returns the tag of the receiver; `to-tag`, or `local-tag` as Target-Dialog calls it.
    #[must_use]
    pub fn local_tag(&self) -> Option<&'m str> {
        self.params
            .value("to-tag")
            .or_else(|| self.params.value("local-tag"))
    }

    /// Returns the tag of its peer; `from-tag`, or `remote-tag` as Target-Dialog calls it.
    #[must_use]
    pub fn remote_tag(&self) -> Option<&'m str> {
        self.params
            .value("from-tag")
            .or_else(|| self.params.value("remote-tag"))
    }

    /// Tells whether only a dialog that was not answered yet shall be replaced.
    #[must_use]
    pub fn is_early_only(&self) -> bool {
        self.params.has("early-only")
    }
}

/// The RAck header: which provisional response a PRACK acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'m> {
    /// The number in RSeq.
    pub response: u32,
    /// The number in CSeq.
    pub number: u32,
    /// The method in CSeq, as written.
    pub method: &'m str,
}

impl Message {
    /// Returns the dialog that Replaces names.
    ///
    /// # Errors
    /// [`Invalid::Malformed`], also without both tags, or [`Invalid::Repeated`].
    pub fn replaces(&self) -> Result<Option<DialogId<'_>>, Invalid> {
        self.dialog(Name::Replaces)
    }

    /// Returns the dialog that Join names.
    ///
    /// # Errors
    /// [`Invalid::Malformed`], also without both tags, or [`Invalid::Repeated`].
    pub fn join(&self) -> Result<Option<DialogId<'_>>, Invalid> {
        self.dialog(Name::Join)
    }

    /// Returns the dialog that Target-Dialog names.
    ///
    /// # Errors
    /// [`Invalid::Malformed`], also without both tags, or [`Invalid::Repeated`].
    pub fn target_dialog(&self) -> Result<Option<DialogId<'_>>, Invalid> {
        self.dialog(Name::TargetDialog)
    }

    /// Returns RAck.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn rack(&self) -> Result<Option<RAck<'_>>, Invalid> {
        self.whole(Name::RAck, |value| {
            let mut cursor = Cursor::new(value);
            let response = digits(&mut cursor)?;
            let is_parted = !cursor.take_all(Class::LWS).is_empty();
            let number = digits(&mut cursor)?;
            let is_parted = is_parted && !cursor.take_all(Class::LWS).is_empty();
            let method = token(&mut cursor)?;
            (is_parted && cursor.rest().is_empty()).then_some(RAck {
                response,
                number,
                method,
            })
        })
    }

    /// Returns RSeq.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn rseq(&self) -> Result<Option<u32>, Invalid> {
        self.whole(Name::RSeq, |value| {
            let mut cursor = Cursor::new(value);
            let number = digits(&mut cursor)?;
            cursor.rest().is_empty().then_some(number)
        })
    }

    fn dialog(&self, name: Name) -> Result<Option<DialogId<'_>>, Invalid> {
        let has_tag = |tag: Option<&str>| tag.is_some_and(|tag| is_token(tag.as_bytes()));
        self.whole(name, |value| {
            DialogId::parse(value)
                .filter(|dialog| has_tag(dialog.local_tag()) && has_tag(dialog.remote_tag()))
        })
    }
}
