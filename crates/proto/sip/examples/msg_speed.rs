//! Prints what parsing and forwarding cost, for profiling:
//! `cargo run --release -p sip --example msg_speed [rounds [line]]`, where `line` is the text of the only line to measure.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for developers, not a core"
)]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use sip::msg::{Frame, Framer, Limits, Message, Name};

const REGISTER: &[u8] = include_bytes!("../testdata/register.sip");
const INVITE: &[u8] = include_bytes!("../testdata/invite.sip");

fn main() {
    let rounds = std::env::args().nth(1).map_or(400_000, |rounds| {
        rounds.parse().expect("a number of rounds")
    });
    let register = Bytes::from_static(REGISTER);
    let invite = Bytes::from_static(INVITE);
    let limits = Limits::CLIENT;
    measure(rounds, "REGISTER parse", || {
        Message::parse(register.clone(), &limits).expect("the sample is sound")
    });
    measure(rounds, "REGISTER parse + core headers", || {
        let message = Message::parse(register.clone(), &limits).expect("the sample is sound");
        let branch = message
            .via()
            .ok()
            .and_then(|via| via.branch().map(str::len));
        let tag = message
            .from()
            .ok()
            .and_then(|from| from.tag().map(str::len));
        let to = message.to().ok().map(|to| to.uri.len());
        let cseq = message.cseq().ok().map(|cseq| cseq.number);
        black_box((branch, tag, to, cseq, message.call_id().ok().map(str::len)));
        message
    });
    measure(rounds, "REGISTER parse + check", || {
        let message = Message::parse(register.clone(), &limits).expect("the sample is sound");
        black_box(message.check().is_ok());
        message
    });
    measure(rounds, "INVITE parse", || {
        Message::parse(invite.clone(), &limits).expect("the sample is sound")
    });
    measure(rounds, "INVITE parse + forward", || {
        forward(&invite, &limits)
    });
    measure(rounds, "INVITE frame + check + forward", || {
        let mut framer = Framer::new();
        framer.push(invite.clone());
        let Ok(Some(Frame::Message(message))) = framer.next(&limits) else {
            unreachable!("the sample is one whole message")
        };
        black_box(message.check().is_ok());
        changed(&message)
    });
}

fn forward(bytes: &Bytes, limits: &Limits) -> Bytes {
    changed(&Message::parse(bytes.clone(), limits).expect("the sample is sound"))
}

fn changed(message: &Message) -> Bytes {
    let hops = message.max_forwards().ok().flatten().unwrap_or(70);
    let mut edit = message.edit();
    edit.push(
        Name::Via,
        "SIP/2.0/TLS dir01.example.com:5061;branch=z9hG4bK-d1-0123456789abcdef;alias",
    );
    edit.set(Name::MaxForwards, hops.saturating_sub(1));
    edit.pop(Name::Route);
    edit.write()
}

fn measure<T>(rounds: u32, what: &str, mut work: impl FnMut() -> T) {
    if std::env::args().nth(2).is_some_and(|only| only != what) {
        return;
    }
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(work());
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(rounds));
    }
    println!("{what:32} {:7.0} ns  {:9.0} /s", best * 1e9, 1.0 / best);
}
