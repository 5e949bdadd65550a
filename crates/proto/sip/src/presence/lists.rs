//! Lists of users that a request brings (RFC 4826, RFC 5367): flat, each user once. What would have to be looked up
//! elsewhere, and a list within a list, is refused.

use super::Fault;
use super::xml;
use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};

/// The media type.
pub const TYPE: &str = "application/resource-lists+xml";
/// How many users one list may have.
pub const MAX_ENTRIES: usize = 100;

/// The one encoding that is understood beside none: what zlib writes (RFC 1950).
pub const ENCODING: &str = "deflate";
/// The longest list once it is decompressed.
const MAX_BYTES: usize = 25 << 10;

const LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";

/// Decompresses a list.
///
/// # Errors
/// [`Fault::TooLarge`] beyond our bound, whatever it says it is; [`Fault::Syntax`] if it was not compressed so.
pub fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    decompress_to_vec_zlib_with_limit(bytes, MAX_BYTES).map_err(|error| {
        if error.status == TINFLStatus::HasMoreOutput {
            Fault::TooLarge
        } else {
            Fault::Syntax
        }
    })
}

/// Reads the URIs of a list, each once, in their order.
///
/// # Errors
/// [`Fault`] if it is no flat list within our bounds.
pub fn read(bytes: &[u8]) -> Result<Vec<String>, Fault> {
    let root = xml::read(bytes)?;
    if !root.is(LISTS, "resource-lists") {
        return Err(Fault::Kind);
    }
    let mut uris: Vec<String> = Vec::new();
    for list in root.elements().filter(|element| element.is(LISTS, "list")) {
        for element in list.elements() {
            if ["list", "external", "entry-ref"]
                .iter()
                .any(|kind| element.is(LISTS, kind))
            {
                return Err(Fault::Kind);
            }
            if !element.is(LISTS, "entry") {
                continue;
            }
            let uri = element.attribute("uri").ok_or(Fault::Kind)?;
            if uris.iter().any(|known| known == uri) {
                continue;
            }
            if uris.len() >= MAX_ENTRIES {
                return Err(Fault::TooLarge);
            }
            uris.push(uri.to_owned());
        }
    }
    if uris.is_empty() {
        return Err(Fault::Kind);
    }
    Ok(uris)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(inner: &str) -> String {
        format!("<resource-lists xmlns='{LISTS}'><list>{inner}</list></resource-lists>")
    }

    #[test]
    fn each_user_is_read_once() {
        let text = list(
            "<entry uri='sip:a@x'><display-name>A</display-name></entry><entry uri='sip:b@x'/>\
             <entry uri='sip:a@x'/>",
        );
        assert_eq!(read(text.as_bytes()).unwrap(), ["sip:a@x", "sip:b@x"]);
    }

    #[test]
    fn what_is_no_flat_list_is_refused() {
        for inner in [
            "",
            "<entry/>",
            "<entry uri='sip:a@x'/><list/>",
            "<external anchor='https://x'/>",
            "<entry-ref ref='x'/>",
        ] {
            assert_eq!(read(list(inner).as_bytes()), Err(Fault::Kind), "{inner}");
        }
        let many: String = (0..=MAX_ENTRIES)
            .map(|n| format!("<entry uri='sip:{n}@x'/>"))
            .collect();
        assert_eq!(read(list(&many).as_bytes()), Err(Fault::TooLarge));
    }

    #[test]
    fn a_compressed_list_is_read_within_the_bound() {
        let compress = |bytes: &[u8]| miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6);
        let text = list("<entry uri='sip:a@x'/>");
        assert_eq!(inflate(&compress(text.as_bytes())), Ok(text.into_bytes()));
        let bomb = compress(&vec![b' '; 8 << 20]);
        assert_eq!(inflate(&bomb), Err(Fault::TooLarge));
        assert_eq!(
            inflate(&compress(&vec![b' '; MAX_BYTES + 1])),
            Err(Fault::TooLarge)
        );
        assert!(inflate(&compress(&vec![b' '; MAX_BYTES])).is_ok());
        assert_eq!(inflate(b"<resource-lists/>"), Err(Fault::Syntax));
        let mut torn = compress(b"torn");
        torn.truncate(torn.len() - 3);
        assert_eq!(inflate(&torn), Err(Fault::Syntax));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(inner in "(<(/?(list|entry|external)|!--|a)( uri='[a-z&;:@]{0,5}')?/?>|.){0,12}") {
            let _ = read(list(&inner).as_bytes());
            let _ = read(inner.as_bytes());
            let _ = inflate(inner.as_bytes());
        }
    }
}
