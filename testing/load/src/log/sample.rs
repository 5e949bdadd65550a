//! Records as a Front End has them: a thousand bytes of SIP with random branches, tags and addresses, a hundred thousand
//! users, five requests and their answers. The n-th is the same in every run.

use std::fmt::Write as _;

use logs::{Component, Correlation, Direction, Flags, Level, Record, Text, Time};

/// The time of the first record.
pub(super) const START: u64 = 1_790_000_000_000_000;
/// Microseconds between two records: ten thousand a second.
pub(super) const STEP: u64 = 100;
/// A word that one record has, in its middle: what is looked for when a rare word is.
pub(super) const RARE: &str = "zebrafinch";
/// A word that all have, and one that none has but whose parts are everywhere.
pub(super) const COMMON: &str = "transport=tls";
pub(super) const NOWHERE: &str = "alice.nowhere@example.com";
/// A pattern that only the rare word's line matches, and of which no four bytes in a row are fixed.
pub(super) const FEW_FIXED: &str = "\\(z[a-z]+;";

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: u64) -> u64 {
        (self.next() >> 8) % most
    }

    /// Letters, digits, `-` and `_`, as in tokens.
    fn token(&mut self, length: usize) -> String {
        const SIGNS: &[u8; 64] =
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        let sign = |_| {
            SIGNS
                .get(usize::try_from(self.below(64)).unwrap_or(0))
                .copied()
        };
        (0..length).filter_map(sign).map(char::from).collect()
    }
}

/// The Call-ID of the n-th record.
pub(super) fn call_id(number: u64) -> String {
    let mut dice = Dice(number | 1 << 60);
    format!("{:016x}{:016x}", dice.next(), dice.next())
}

/// The n-th record.
pub(super) fn record(number: u64, count: u64) -> Record {
    let mut dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (from, to) = (dice.below(100_000), dice.below(100_000));
    let peer = format!(
        "10.{}.{}.{}:{}",
        dice.below(4),
        dice.below(250),
        dice.below(250),
        1024 + dice.below(60_000)
    );
    let methods = ["INVITE", "REGISTER", "BYE", "ACK", "OPTIONS"];
    let method = methods
        .get(usize::try_from(dice.below(5)).unwrap_or(0))
        .copied()
        .unwrap_or("BYE");
    let level = if number % 5000 == 77 {
        Level::Error
    } else {
        Level::Info
    };
    let mut record = Record::new(
        Time(START + number * STEP),
        "fe01.load.example".into(),
        Component::SipStack,
        level,
        Flags::PROTOCOL,
    );
    record.correlation = Some(Correlation(dice.next()));
    record.flow = Some(logs::Flow(dice.below(90_000)));
    record.direction = Some(Direction::In);
    record.peer = peer.parse().ok();
    record.local = "10.0.0.21:5061".parse().ok();
    record.call_id = Some(call_id(number).as_str().into());
    record.from = Some(format!("sip:user{from}@load.example").as_str().into());
    record.to = Some(format!("sip:user{to}@load.example").as_str().into());
    record.request = record.to.clone();
    record.method = Some(method.into());
    record.text = Text::new(&message(&mut dice, method, from, to, &peer, number, count));
    record
}

fn message(
    dice: &mut Dice,
    method: &str,
    from: u64,
    to: u64,
    peer: &str,
    number: u64,
    count: u64,
) -> String {
    let mut text = String::with_capacity(1200);
    let rare = if number == count / 2 { RARE } else { "linux" };
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{method} sip:user{to}@load.example SIP/2.0\n\
         Via: SIP/2.0/TLS 10.0.0.11:5061;branch=z9hG4bK{};alias\n\
         Via: SIP/2.0/TLS {peer};branch=z9hG4bK-{:016x};rport\nMax-Forwards: 69\n\
         Record-Route: <sip:{}@edge01.load.example:5061;transport=tls;lr>\n\
         From: \"User {from}\" <sip:user{from}@load.example>;tag={:010x}\n\
         To: <sip:user{to}@load.example>\nCall-ID: {}\nCSeq: {} {method}\n\
         Contact: <sip:user{from}@{peer};transport=tls;ob>;+sip.instance=\"<urn:uuid:{:08x}-{:04x}-4abc-8def-{:012x}>\"\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, REFER, UPDATE, PRACK\n\
         Supported: outbound, path, gruu, replaces, timer, 100rel\nUser-Agent: Phone/5.2.{} ({rare}; x86_64)\n\
         P-Asserted-Identity: <sip:user{from}@load.example>\nContent-Type: application/sdp\nContent-Length: {}\n",
        dice.token(16),
        dice.next(),
        dice.token(40),
        dice.below(1 << 40),
        call_id(number),
        1 + dice.below(30),
        dice.below(1 << 32),
        dice.below(1 << 16),
        dice.below(1 << 48),
        dice.below(10),
        dice.below(900),
    );
    text
}
