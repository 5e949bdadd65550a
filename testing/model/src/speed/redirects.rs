//! Signed REGISTERs at a Director, which answers each 301 to the home pool.

use super::Lone;
use crate::deployment::{PASSWORD, user};
use crate::machines::{DOMAIN, MACHINES, Machine};
use base::net::{FlowId, WorkerId};
use base::random::Random;
use bytes::Bytes;
use directory::Algorithm;
use sip::auth::{Nonces, Proof, ha1, response};
use std::time::Duration;

const DIRECTOR: &Machine = &MACHINES[1];

/// A Director with one phone.
pub struct Redirects {
    lone: Lone,
    phone: FlowId,
    nonce: String,
    secret: String,
    made: u32,
}

impl Default for Redirects {
    fn default() -> Self {
        let users = [user("alice", "fepool01.contoso.net")];
        let mut lone = Lone::new(DIRECTOR, users);
        let phone = FlowId::accepted(WorkerId(0), 1);
        lone.connect(phone);
        // As the Director's own, whose secret this is.
        let secret = [DIRECTOR.pool.len() as u8; 32];
        let nonces = Nonces::new(secret, Duration::from_secs(300)).of_run(1);
        Self {
            nonce: nonces.mint(lone.now.wall, &mut Random::new([1; 32])),
            secret: ha1(Algorithm::Sha256, "alice", DOMAIN, PASSWORD),
            lone,
            phone,
            made: 0,
        }
    }
}

impl Redirects {
    /// The node's time on all of them.
    pub const fn spent(&self) -> Duration {
        self.lone.spent
    }

    /// The bytes that the node took in for all of them.
    pub const fn taken_in(&self) -> usize {
        self.lone.taken_in
    }

    /// One REGISTER of 18 header lines with the next nonce count, and its 301.
    pub fn register(&mut self) {
        self.made += 1;
        let request = self.request();
        let answer = self.lone.say(self.phone, self.phone, request);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("SIP/2.0 301 "), "{text}");
    }

    fn request(&self) -> Bytes {
        let Self {
            nonce,
            secret,
            made,
            ..
        } = self;
        let count = format!("{made:08x}");
        let proof = Proof {
            nonce,
            quality: Some((&count, "0a4f113b", "auth")),
            method: "REGISTER",
            uri: "sip:contoso.com",
        };
        let proven = response(Algorithm::Sha256, secret, &proof);
        format!(
            "REGISTER sip:{DOMAIN} SIP/2.0\r\n\
             Via: SIP/2.0/TLS 192.0.2.1:5;branch=z9hG4bK{made:08x}-5f3a;rport\r\n\
             Max-Forwards: 70\r\n\
             From: \"Alice\" <sip:alice@{DOMAIN}>;tag=a73kszlfl\r\n\
             To: \"Alice\" <sip:alice@{DOMAIN}>\r\n\
             Call-ID: 8f3c1d52-77aa-4d0e-9b1c-000000000001@192.0.2.1\r\n\
             CSeq: {made} REGISTER\r\n\
             Contact: <sip:alice@192.0.2.1:5;transport=tls>;expires=3600;\
             +sip.instance=\"<urn:uuid:00000000-0000-4000-8000-000000000001>\"\r\n\
             User-Agent: Example Deskphone 410/5.9.6.2335 (24:00:00:000001)\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER\r\n\
             Allow-Events: talk, hold, conference, presence, dialog, message-summary\r\n\
             Supported: path, outbound, gruu, replaces, timer\r\n\
             Accept: application/sdp, application/pidf+xml\r\n\
             Accept-Encoding: identity\r\n\
             Accept-Language: en, ko;q=0.8\r\n\
             Organization: Example Office\r\n\
             Expires: 3600\r\n\
             Authorization: Digest username=\"alice\", realm=\"{DOMAIN}\", nonce=\"{nonce}\", \
             uri=\"sip:{DOMAIN}\", algorithm=SHA-256, qop=auth, nc={count}, cnonce=\"0a4f113b\", \
             response=\"{proven}\"\r\n\
             Content-Length: 0\r\n\r\n"
        )
        .into()
    }
}
