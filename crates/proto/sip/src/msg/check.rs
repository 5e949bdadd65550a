//! What every element verifies before it acts on a message (RFC 3261 8.1.1, 8.2, 16.3).
//!
//! A From without tag is let through: RFC 2543 senders have none, and nothing here depends on it. Header fields that
//! nobody acts on are not looked at, so that a proxy does not refuse what it need not understand.

use super::lex::{is_param, is_token};
use super::scan::{Line, Start};
use super::{Address, CSeq, Invalid, Message, Name, Scheme, Uri, Via};

/// Headers that must be there.
const MANDATORY: [Name; 5] = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];

/// What the check has read: the parts that every element looks at, so that nobody need read them again.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'m> {
    /// The Request-URI; `None` of a response.
    pub uri: Option<Uri<'m>>,
    /// The topmost Via.
    pub via: Via<'m>,
    /// From.
    pub from: Party<'m>,
    /// To.
    pub to: Party<'m>,
    /// Call-ID.
    pub call_id: &'m str,
    /// CSeq.
    pub cseq: CSeq<'m>,
}

/// One end of a request, as From or To names it.
#[derive(Clone, Copy, Debug)]
pub struct Party<'m> {
    /// Who it is.
    pub uri: Uri<'m>,
    /// Its tag.
    pub tag: Option<&'m str>,
}

impl Message {
    /// Checks what must hold before anything is done with the message, and hands on what it has read.
    ///
    /// # Errors
    /// Says the first rule that is broken; a request is answered with [`Invalid::status`], a response dropped.
    pub fn check(&self) -> Result<Parts<'_>, Invalid> {
        let uri = if self.is_request() {
            Some(self.check_uri()?)
        } else {
            None
        };
        self.check_presence()?;
        let via = self.via()?;
        let from = check_party(Name::From, &self.from()?)?;
        let to = check_party(Name::To, &self.to()?)?;
        let call_id = self.call_id()?;
        let cseq = self.cseq()?;
        if let Start::Request { token, .. } = self.start()
            && cseq.method.as_bytes() != token.of(self.bytes())
        {
            return Err(Invalid::CSeqMethod);
        }
        self.max_forwards()?;
        self.expires()?;
        Ok(Parts {
            uri,
            via,
            from,
            to,
            call_id,
            cseq,
        })
    }

    fn check_uri(&self) -> Result<Uri<'_>, Invalid> {
        let uri = Uri::parse(self.uri())?;
        match uri.scheme {
            // Headers have no place in a Request-URI (RFC 3261 19.1.1).
            Scheme::Sip | Scheme::Sips if uri.headers.is_some() => Err(Invalid::Uri),
            Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(uri),
            Scheme::Other => Err(Invalid::Scheme),
        }
    }

    fn check_presence(&self) -> Result<(), Invalid> {
        let mut seen = 0;
        for Line { name, .. } in self.lines() {
            let bit = bit(*name);
            if seen & bit & SINGLE != 0 {
                return Err(Invalid::Repeated(*name));
            }
            seen |= bit;
        }
        let missing = MANDATORY.into_iter().find(|name| seen & bit(*name) == 0);
        missing.map_or(Ok(()), |name| Err(Invalid::Missing(name)))
    }
}

/// Headers that may occur once.
const SINGLE: u128 = bit(Name::From)
    | bit(Name::To)
    | bit(Name::CallId)
    | bit(Name::CSeq)
    | bit(Name::MaxForwards)
    | bit(Name::ContentLength)
    | bit(Name::ContentType)
    | bit(Name::Expires)
    | bit(Name::Event);

/// Every name has a bit of its own: the last of the table is the one for all others.
const _: () = assert!((Name::Other as u8) < 128);

const fn bit(name: Name) -> u128 {
    1 << name as u8
}

/// The URI of From or To must be whole, and there is at most one tag, which is a token.
fn check_party<'m>(name: Name, party: &Address<'m>) -> Result<Party<'m>, Invalid> {
    let uri = Uri::parse(party.uri).map_err(|_| Invalid::Malformed(name))?;
    let mut tag = None;
    for (own, value) in party.params.iter() {
        let is_sound = if own.eq_ignore_ascii_case("tag") {
            let is_first = tag.is_none();
            tag = value;
            is_first && value.is_some_and(|tag| is_token(tag.as_bytes()))
        } else {
            is_param(own, value)
        };
        if !is_sound {
            return Err(Invalid::Malformed(name));
        }
    }
    Ok(Party { uri, tag })
}
