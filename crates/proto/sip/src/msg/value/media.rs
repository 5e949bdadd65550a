//! Content-Type, Accept, Content-Disposition and Content-Encoding (RFC 3261 20.1, 20.11, 20.12, 20.15).

use super::{quality, token, token_and_params};
use crate::msg::lex::Cursor;
use crate::msg::{Invalid, Message, Name, Params};

/// A media type.
#[derive(Clone, Copy, Debug)]
pub struct MediaType<'m> {
    /// What stands before the slash, as written.
    pub kind: &'m str,
    /// What stands behind it, as written.
    pub subtype: &'m str,
    /// The parameters.
    pub params: Params<'m>,
}

impl<'m> MediaType<'m> {
    /// Takes a media type apart.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] if it is none.
    pub fn parse(text: &'m str) -> Result<Self, Invalid> {
        Self::read(text).ok_or(Invalid::Malformed(Name::ContentType))
    }

    /// Tells whether this is the type of that name, `application/pidf+xml`, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        name.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    fn read(text: &'m str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        let kind = token(&mut cursor)?;
        if !cursor.eat_spaced(b'/') {
            return None;
        }
        let subtype = token(&mut cursor)?;
        cursor.skip_space();
        if !cursor.eat(b';') && !cursor.rest().is_empty() {
            return None;
        }
        let params = Params::new(cursor.rest());
        Some(Self {
            kind,
            subtype,
            params,
        })
    }
}

/// One element of Accept: a media type in which `*` stands for any, with its preference.
#[derive(Clone, Copy, Debug)]
pub struct MediaRange<'m> {
    /// The range; its parameters include `q`.
    pub media: MediaType<'m>,
    /// The preference in thousandths; 0 refuses.
    pub q: u16,
}

impl MediaRange<'_> {
    /// Tells how exactly this range names the type: 0 not at all, 1 as any, 2 by its kind, 3 by its name.
    fn closeness(&self, kind: &str, subtype: &str) -> u8 {
        let is_kind = self.media.kind.eq_ignore_ascii_case(kind);
        match (self.media.kind, self.media.subtype) {
            ("*", "*") => 1,
            (_, "*") if is_kind => 2,
            (_, own) if is_kind && own.eq_ignore_ascii_case(subtype) => 3,
            _ => 0,
        }
    }
}

impl Message {
    /// Returns Content-Type.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn content_type(&self) -> Result<Option<MediaType<'_>>, Invalid> {
        self.only(Name::ContentType)?
            .map(MediaType::parse)
            .transpose()
    }

    /// Returns each media range of Accept in its order; what breaks the grammar is left out.
    pub fn accept(&self) -> impl Iterator<Item = MediaRange<'_>> {
        self.elements(Name::Accept).filter_map(|element| {
            let media = MediaType::read(element.text()?)?;
            let q = match media.params.value("q") {
                Some(q) => quality(q)?,
                None => 1000,
            };
            Some(MediaRange { media, q })
        })
    }

    /// Tells how much the sender wants this type, in thousandths, 0 if not at all; `None` without an Accept header,
    /// where the default of the method or event package holds. The most exact range decides.
    #[must_use]
    pub fn accepts(&self, name: &str) -> Option<u16> {
        self.get(Name::Accept)?;
        let (kind, subtype) = name.split_once('/')?;
        let closest = self
            .accept()
            .map(|range| (range.closeness(kind, subtype), range.q))
            .filter(|(closeness, _)| *closeness > 0)
            .max();
        Some(closest.map_or(0, |(_, q)| q))
    }

    /// Returns the type of Content-Disposition, and whether one who does not understand it must refuse the message,
    /// which it must unless it says `handling=optional`.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn content_disposition(&self) -> Result<Option<(&str, bool)>, Invalid> {
        let Some(value) = self.only(Name::ContentDisposition)? else {
            return Ok(None);
        };
        let (kind, params) =
            token_and_params(value).ok_or(Invalid::Malformed(Name::ContentDisposition))?;
        let is_required = params
            .value("handling")
            .is_none_or(|handling| !handling.eq_ignore_ascii_case("optional"));
        Ok(Some((kind, is_required)))
    }

    /// Tells whether the body is as its type says: no Content-Encoding other than `identity`.
    #[must_use]
    pub fn is_plainly_encoded(&self) -> bool {
        self.elements(Name::ContentEncoding)
            .all(|element| element.value.eq_ignore_ascii_case(b"identity"))
    }
}
