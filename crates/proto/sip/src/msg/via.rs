//! Via (RFC 3261 20.42, RFC 3581) and CSeq (20.16).

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::lex::{Class, Cursor, Params, is_token, number, trim_text};
use super::text::push_number;
use super::uri::host;
use super::{Invalid, Name};

/// Most Via values with our notes are shorter.
const NOTED: usize = 160;

/// One Via value.
#[derive(Clone, Copy, Debug)]
pub struct Via<'m> {
    /// The transport as written.
    pub transport: &'m str,
    /// The host of sent-by as written.
    pub host: &'m str,
    /// The port of sent-by.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'m>,
}

impl<'m> Via<'m> {
    /// Takes one Via value apart; white space around its parts does not matter.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] if it breaks the grammar or is not of SIP/2.0.
    pub fn parse(text: &'m str) -> Result<Self, Invalid> {
        Self::read(text).ok_or(Invalid::Malformed(Name::Via))
    }

    /// Returns the branch.
    #[must_use]
    pub fn branch(&self) -> Option<&'m str> {
        self.params.value("branch")
    }

    /// Returns the address that the receiver noted.
    #[must_use]
    pub fn received(&self) -> Option<&'m str> {
        self.params.value("received")
    }

    /// Returns the port that the receiver noted: `Some(None)` if the sender asks for it (RFC 3581).
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|value| value.and_then(port))
    }

    /// Returns this value with the sender's address noted (RFC 3261 18.2.1, RFC 3581 4); `None` if nothing changes.
    ///
    /// Notes that the sender made itself are dropped: only its next hop can know.
    #[must_use]
    pub fn noted(&self, source: SocketAddr) -> Option<String> {
        let is_sent_by_source = self.is_sent_by(source.ip());
        let is_asked = self.params.has("rport");
        if !is_asked && is_sent_by_source && !self.params.has("received") {
            return None;
        }
        // Pieces by hand: every answer has this line.
        let mut text = String::with_capacity(NOTED);
        text.push_str("SIP/2.0/");
        text.push_str(self.transport);
        text.push(' ');
        text.push_str(self.host);
        if let Some(port) = self.port {
            text.push(':');
            push_number(&mut text, port.into());
        }
        for (name, value) in self.params.iter() {
            let is_note = ["rport", "received"]
                .iter()
                .any(|note| name.eq_ignore_ascii_case(note));
            if !is_note {
                push_param(&mut text, name, value);
            }
        }
        if is_asked || !is_sent_by_source {
            text.push_str(";received=");
            push_ip(&mut text, source.ip());
        }
        if is_asked {
            text.push_str(";rport=");
            push_number(&mut text, source.port().into());
        }
        Some(text)
    }

    fn is_sent_by(&self, source: IpAddr) -> bool {
        let host = self.host;
        match source {
            IpAddr::V4(source) => host.parse() == Ok(source),
            IpAddr::V6(source) => host
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .is_some_and(|host| host.parse() == Ok(source)),
        }
    }

    fn read(text: &'m str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        cursor.take_all(Class::LWS);
        let is_sip = cursor.take_all(Class::TOKEN).eq_ignore_ascii_case("SIP");
        if !is_sip || !cursor.eat_spaced(b'/') || cursor.take_all(Class::TOKEN) != "2.0" {
            return None;
        }
        if !cursor.eat_spaced(b'/') {
            return None;
        }
        let transport = cursor.take_all(Class::TOKEN);
        let space = cursor.take_all(Class::LWS);
        if transport.is_empty() || space.is_empty() {
            return None;
        }
        let host = host(&mut cursor)?;
        let port = if cursor.eat_spaced(b':') {
            Some(cursor.port()?)
        } else {
            None
        };
        cursor.take_all(Class::LWS);
        if !cursor.eat(b';') && !cursor.rest().is_empty() {
            return None;
        }
        Some(Self {
            transport,
            host,
            port,
            params: Params::new(cursor.rest()),
        })
    }
}

/// The number and method of CSeq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'m> {
    /// The number, below 2^31.
    pub number: u32,
    /// The method as written.
    pub method: &'m str,
}

impl<'m> CSeq<'m> {
    /// Takes a CSeq value apart.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] if it breaks the grammar or the number is 2^31 or more (RFC 3261 8.1.1.5).
    pub fn parse(text: &'m str) -> Result<Self, Invalid> {
        Self::read(text).ok_or(Invalid::Malformed(Name::CSeq))
    }

    fn read(text: &'m str) -> Option<Self> {
        let mut cursor = Cursor::new(trim_text(text));
        let digits = cursor.take_all(Class::TOKEN);
        let number = u32::try_from(number(digits.as_bytes())?)
            .ok()
            .filter(|number| *number < 1 << 31)?;
        let space = cursor.take_all(Class::LWS);
        let method = cursor.rest();
        let is_sound = !space.is_empty() && is_token(method.as_bytes());
        is_sound.then_some(Self { number, method })
    }
}

fn push_param(text: &mut String, name: &str, value: Option<&str>) {
    text.push(';');
    text.push_str(name);
    if let Some(value) = value {
        text.push('=');
        text.push_str(value);
    }
}

fn push_ip(text: &mut String, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    text.push('.');
                }
                push_number(text, octet.into());
            }
        }
        IpAddr::V6(address) => {
            let _ = write!(text, "{address}");
        }
    }
}

fn port(text: &str) -> Option<u16> {
    number(text.as_bytes())
        .and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_via_is_taken_apart() {
        let via = Via::parse(
            "SIP/2.0/TLS dir01.example.com:5061;branch=z9hG4bKx;rport;received=192.0.2.1",
        )
        .unwrap();
        assert_eq!(
            (via.transport, via.host, via.port),
            ("TLS", "dir01.example.com", Some(5061))
        );
        assert_eq!(
            (via.branch(), via.received(), via.rport()),
            (Some("z9hG4bKx"), Some("192.0.2.1"), Some(None))
        );

        let spaced = Via::parse(
            "SIP  / 2.0\r\n / UDP  \t[2001:db8::9] : 5060 ; branch = z9hG4bKy ; rport=7",
        )
        .unwrap();
        assert_eq!(
            (spaced.transport, spaced.host, spaced.port),
            ("UDP", "[2001:db8::9]", Some(5060))
        );
        assert_eq!(
            (spaced.branch(), spaced.rport()),
            (Some("z9hG4bKy"), Some(Some(7)))
        );

        let bare = Via::parse("sip/2.0/udp 192.0.2.2").unwrap();
        assert_eq!(
            (bare.host, bare.port, bare.branch(), bare.rport()),
            ("192.0.2.2", None, None, None)
        );
    }

    #[test]
    fn what_breaks_the_grammar_of_via_is_refused() {
        for bad in [
            "",
            "SIP/2.0/TLS",
            "SIP/2.0/TLS ",
            "SIP/2.0 host",
            "SIP/3.0/TLS host",
            "HTTP/2.0/TLS host",
            "SIP/2.0/T@S host",
            "SIP/2.0/TLS host:port",
            "SIP/2.0/TLS host:0",
            "SIP/2.0/TLS host:70000",
            "SIP/2.0/TLS ho st",
            "SIP/2.0/TLS [::1",
        ] {
            assert_eq!(
                Via::parse(bad).err(),
                Some(Invalid::Malformed(Name::Via)),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_receiver_notes_where_a_request_came_from() {
        let source: SocketAddr = "192.0.2.7:4711".parse().unwrap();
        for (text, noted) in [
            ("SIP/2.0/TLS 192.0.2.7:5061;branch=a", None),
            (
                "SIP/2.0/TLS h:5061;branch=a",
                Some("SIP/2.0/TLS h:5061;branch=a;received=192.0.2.7"),
            ),
            (
                "SIP/2.0/UDP h;rport;branch=a",
                Some("SIP/2.0/UDP h;branch=a;received=192.0.2.7;rport=4711"),
            ),
            (
                "SIP/2.0/TLS 192.0.2.7;branch=a;received=10.0.0.1",
                Some("SIP/2.0/TLS 192.0.2.7;branch=a"),
            ),
            (
                "SIP/2.0/TLS h;x;received=10.0.0.1;y=1",
                Some("SIP/2.0/TLS h;x;y=1;received=192.0.2.7"),
            ),
        ] {
            assert_eq!(
                Via::parse(text).unwrap().noted(source).as_deref(),
                noted,
                "{text}"
            );
        }
        let six: SocketAddr = "[2001:db8::9]:4711".parse().unwrap();
        assert_eq!(
            Via::parse("SIP/2.0/TLS [2001:db8::9]").unwrap().noted(six),
            None
        );
    }

    #[test]
    fn a_cseq_is_a_number_below_two_to_the_31_and_a_method() {
        assert_eq!(
            CSeq::parse("0009 INVITE"),
            Ok(CSeq {
                number: 9,
                method: "INVITE"
            })
        );
        assert_eq!(
            CSeq::parse("2147483647\r\n\tACK").map(|cseq| cseq.number),
            Ok((1 << 31) - 1)
        );
        for bad in [
            "",
            "9",
            "INVITE",
            "INVITE 9",
            "-1 ACK",
            "2147483648 ACK",
            "36893488147419103232 ACK",
            "1 A B",
            "1  ",
        ] {
            assert_eq!(
                CSeq::parse(bad),
                Err(Invalid::Malformed(Name::CSeq)),
                "{bad}"
            );
        }
    }
}
