//! Frames of HTTP/2, written by hand as no client would send them (RFC 9113 4.1 and 6).

const DATA_MAX: usize = 16_384;

/// Kinds of frames.
mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const CONTINUATION: u8 = 9;
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The head of a GET of `/health`: fields of the static table, and literals that nobody keeps (RFC 7541 6).
fn head(host: &str) -> Vec<u8> {
    // :method GET, :scheme https
    let mut block = vec![0x82, 0x87];
    for (index, value) in [(1, host), (4, "/health")] {
        block.extend_from_slice(&[index, u8::try_from(value.len()).unwrap()]);
        block.extend_from_slice(value.as_bytes());
    }
    block
}

/// What a client says first.
pub(crate) fn hello() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend_from_slice(&frame(kind::SETTINGS, 0, 0, &[]));
    bytes
}

/// Requests that are taken back in the next frame (CVE-2023-44487).
pub(crate) fn resets(host: &str, count: u32) -> Vec<u8> {
    let head = head(host);
    let one = |number| {
        let stream = 2 * number + 1;
        let asked = frame(kind::HEADERS, END_STREAM | END_HEADERS, stream, &head);
        [asked, frame(kind::RST_STREAM, 0, stream, &CANCEL)].concat()
    };
    (0..count).flat_map(one).collect()
}

/// A head that goes on and on.
pub(crate) fn continuations(host: &str, count: u32) -> Vec<u8> {
    let mut bytes = frame(kind::HEADERS, END_STREAM, 1, &head(host));
    let field = [b"\0\x06x-more\x7f\x01".as_slice(), &[b'a'; 128]].concat();
    for _ in 0..count {
        bytes.extend_from_slice(&frame(kind::CONTINUATION, 0, 1, &field));
    }
    bytes
}

/// Settings that each want an acknowledgement.
pub(crate) fn settings(count: usize) -> Vec<u8> {
    let mut bytes = frame(kind::SETTINGS, 0, 0, &[]).repeat(count);
    // What no peer may send ends it in any case.
    bytes.extend_from_slice(&frame(kind::SETTINGS, 0, 1, &[]));
    bytes
}

/// A stream whose number is lower than one before.
pub(crate) fn backwards(host: &str) -> Vec<u8> {
    let head = head(host);
    let ask = |stream| frame(kind::HEADERS, END_STREAM | END_HEADERS, stream, &head);
    [ask(5), ask(4)].concat()
}

/// A frame larger than was agreed.
pub(crate) fn large() -> Vec<u8> {
    frame(kind::DATA, 0, 1, &[0; DATA_MAX + 1])
}

/// The reason of the last goodbye among frames, if there is one.
pub(crate) fn goodbye(mut bytes: &[u8]) -> Option<u32> {
    let mut reason = None;
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let Some((payload, rest)) = rest.split_at_checked(usize::try_from(length).unwrap()) else {
            break;
        };
        if head[3] == kind::GOAWAY {
            reason = payload
                .get(4..8)
                .map(|code| u32::from_be_bytes(code.try_into().unwrap()));
        }
        bytes = rest;
    }
    reason
}
