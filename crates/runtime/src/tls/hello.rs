//! The name that a client calls, read from its hello before there is a session.
//!
//! Whether a certificate is asked for is settled when a session is made, so a listener that decides by the name in the
//! hello (server_name, RFC 6066 section 3) has to read it first. It is read by the library's own acceptor on a copy of
//! the bytes: what is seen here is what the session will see, which then begins with the same bytes, untouched.
//!
//! This is not the place to refuse anybody. A hello that is malformed, too long or not TLS at all counts as one without
//! a name; the session that follows finds the fault and sends the alert.
//!
//! Bounds: a hello of more than 16 KiB, with the heads of its records, counts as one without a name. A part is read
//! anew whenever more has arrived.

use std::sync::Arc;

use rustls::server::{Acceptor, ClientHello};

/// What a server of ours says in its hello (ALPN, RFC 7301) to be asked for its certificate, whatever name it calls.
/// Listeners choose no protocol, so whoever does not know the word is not disturbed.
pub(crate) const SERVER_PROTOCOL: &[u8] = b"x-vestibule-server";

/// The most bytes of a hello. Real ones have 200 to 2,000, also with post-quantum keys.
const MAX_HELLO: usize = 16 << 10;

/// The names of a listener under which clients are not asked for a certificate.
///
/// Many phones cannot deal with a request for a certificate: some ask their user for one. Where a certificate is
/// optional, whoever calls one of these names is therefore not asked for any and is a client. Servers of ours say what
/// they are and are asked. So is whoever calls no name of the listener. Without names everyone is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientNames(Arc<[String]>);

impl ClientNames {
    /// Tells whether this is one of the names, in whatever case.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Tells whether there are no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>> FromIterator<N> for ClientNames {
    fn from_iter<I: IntoIterator<Item = N>>(names: I) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }
}

/// What is known of a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// More of it has to arrive.
    Partial,
    /// It is complete and says that a server of ours calls ([`SERVER_PROTOCOL`]).
    Server,
    /// It is complete and has this name.
    Named(String),
    /// It has no name, or it is not a hello that a session would take.
    Nameless,
}

/// Reads the first bytes of a connection as far as they have arrived.
pub(crate) fn read(bytes: &[u8]) -> Hello {
    let (mut bytes, is_too_long) = match bytes.split_at_checked(MAX_HELLO) {
        Some((front, _)) => (front, true),
        None => (bytes, false),
    };
    let mut acceptor = Acceptor::default();
    while !bytes.is_empty() {
        if acceptor.read_tls(&mut bytes).is_err() {
            return Hello::Nameless;
        }
    }
    match acceptor.accept() {
        Ok(Some(accepted)) => of(&accepted.client_hello()),
        Ok(None) if !is_too_long => Hello::Partial,
        Ok(None) | Err(_) => Hello::Nameless,
    }
}

fn of(hello: &ClientHello<'_>) -> Hello {
    let mut protocols = hello.alpn().into_iter().flatten();
    if protocols.any(|protocol| protocol == SERVER_PROTOCOL) {
        return Hello::Server;
    }
    let name = hello.server_name();
    name.map_or(Hello::Nameless, |name| Hello::Named(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::crypto::aws_lc_rs;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// The head of a record: its type, its version and the length of what follows (RFC 8446 section 5.1).
    const HEAD: usize = 5;

    #[test]
    fn the_name_is_that_of_the_hello_and_of_it_alone() {
        let named = Hello::Named("pool.example.com".to_owned());
        let mut bytes = hello("pool.example.com", true);
        assert_eq!(read(&bytes), named);
        bytes.extend_from_slice(&[20, 3, 3, 0, 1, 1]);
        assert_eq!(read(&bytes), named, "with a record behind it");
        assert_eq!(read(&hello("pool.example.com", false)), Hello::Nameless);
        assert_eq!(read(&hello("192.0.2.1", true)), Hello::Nameless);
    }

    #[test]
    fn a_server_says_that_it_is_one() {
        let mut config = client(true);
        config.alpn_protocols = vec![b"h2".to_vec(), SERVER_PROTOCOL.to_vec()];
        assert_eq!(
            read(&first_bytes(config, "pool.example.com")),
            Hello::Server
        );
        let mut config = client(true);
        config.alpn_protocols = vec![b"sip/2".to_vec()];
        let other = read(&first_bytes(config, "pool.example.com"));
        assert_eq!(other, Hello::Named("pool.example.com".to_owned()));
    }

    #[test]
    fn what_is_no_hello_has_no_name_and_is_not_waited_for() {
        let mut broken = hello("pool.example.com", true);
        // The type of the handshake message: a finished, which nobody begins with.
        broken[HEAD] = 20;
        let oversized = [22, 3, 1, 0xff, 0xff, 1];
        for bytes in [
            &broken,
            &b"OPTIONS sip:example.com SIP/2.0\r\n"[..],
            &[0; 64],
            &oversized,
        ] {
            assert_eq!(read(bytes), Hello::Nameless, "{bytes:?}");
        }
        assert_eq!(read(&[]), Hello::Partial);
    }

    #[test]
    fn an_endless_hello_is_waited_for_up_to_the_bound() {
        let unfinished = endless(MAX_HELLO);
        assert_eq!(read(&unfinished[..MAX_HELLO - 1]), Hello::Partial);
        assert_eq!(read(&unfinished), Hello::Nameless);
    }

    proptest! {
        #[test]
        fn a_hello_may_come_in_records_and_parts_of_any_size(size in 1_usize..600) {
            let whole = in_records(&hello("sip.example.com", true), size);
            prop_assert_eq!(read(&whole), Hello::Named("sip.example.com".to_owned()));
            for end in 0..whole.len() {
                prop_assert_eq!(read(&whole[..end]), Hello::Partial, "{} bytes", end);
            }
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
            let _any_answer_will_do = read(&bytes);
        }

        #[test]
        fn no_damaged_hello_is_too_odd(at in 0_usize..200, byte: u8, cut in 0_usize..400) {
            let mut bytes = hello("pool.example.com", true);
            bytes[at] = byte;
            bytes.truncate(cut);
            let _any_answer_will_do = read(&bytes);
        }
    }

    /// Makes what a client sends first.
    fn hello(name: &str, has_name: bool) -> Vec<u8> {
        first_bytes(client(has_name), name)
    }

    fn client(has_name: bool) -> ClientConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.enable_sni = has_name;
        config
    }

    fn first_bytes(config: ClientConfig, name: &str) -> Vec<u8> {
        let name = name.to_owned().try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    /// Spreads the hello of a single record over records of this size.
    fn in_records(hello: &[u8], size: usize) -> Vec<u8> {
        let piece = |piece: &[u8]| {
            let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
            [&[22, 3, 1], &length[..], piece].concat()
        };
        hello[HEAD..].chunks(size).flat_map(piece).collect()
    }

    /// Makes so many bytes of a hello that goes on behind them.
    fn endless(length: usize) -> Vec<u8> {
        let mut message = vec![1, 0, 0xff, 0xf0];
        message.resize(length, 0);
        let mut bytes = in_records(&[&[0; HEAD], &message[..]].concat(), 1 << 10);
        bytes.truncate(length);
        bytes
    }
}
