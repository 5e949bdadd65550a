//! A byte stream: cut anywhere it gives the same messages, the framer holds no more than its limit, and it ends.
//!
//! The first byte seeds the cuts, the rest is the stream.

use bytes::Bytes;
use sip::msg::{Frame, FrameError, Framer, Limits, datagram};

/// Small, so that the bounds are met.
const LIMITS: Limits = Limits {
    head: 1024,
    headers: 24,
    body: 2048,
    message: 3072,
};

/// Frames the bytes whole and cut and compares.
///
/// # Panics
/// When a property does not hold.
pub fn run(bytes: &[u8]) {
    let Some((seed, stream)) = bytes.split_first() else {
        return;
    };
    let whole = frames(std::iter::once(stream));
    let mut state = u32::from(*seed);
    let mut rest = stream;
    let cuts = std::iter::from_fn(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let len = usize::from(state.to_be_bytes()[0] % 61) + 1;
        let (now, later) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        rest = later;
        (!now.is_empty()).then_some(now)
    });
    let cut = frames(cuts);
    assert_eq!(whole, cut, "cut anywhere it says the same");
    let _ = datagram(Bytes::copy_from_slice(stream), &LIMITS);
}

/// What a stream gave, without lone line ends: a ping that comes in halves is reported as one of them first.
fn frames<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<String>, Option<FrameError>) {
    let mut framer = Framer::new();
    let mut all = Vec::new();
    for piece in pieces {
        let before = framer.pending();
        framer.push(Bytes::copy_from_slice(piece));
        loop {
            match framer.next(&LIMITS) {
                Ok(Some(Frame::Pong)) => {}
                Ok(Some(frame)) => all.push(told(&frame)),
                Ok(None) => break,
                Err(error) => return (all, Some(error)),
            }
        }
        let most = LIMITS.message.max(before) + piece.len();
        assert!(framer.pending() <= most, "no more waits than may");
        assert!(
            framer.pending() <= LIMITS.message,
            "an unfinished message is within its limit"
        );
    }
    (all, None)
}

fn told(frame: &Frame) -> String {
    match frame {
        Frame::Ping => "ping".to_owned(),
        Frame::Pong => "pong".to_owned(),
        Frame::Message(message) => format!("{:?}", message.bytes()),
        Frame::Garbled {
            error,
            reply,
            fatal,
        } => format!("{error:?} {reply:?} {fatal}"),
    }
}
