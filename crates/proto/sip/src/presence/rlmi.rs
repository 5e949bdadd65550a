//! What a notification about a list says (RFC 4662 5): which users it has and how their subscriptions are, then a
//! document of each user who has one, as the parts of one body.

use super::pidf;
use super::xml::Element;
use bytes::Bytes;

/// The media type of the first part.
pub const TYPE: &str = "application/rlmi+xml";
/// That of the whole.
pub const WHOLE: &str = "multipart/related";

const RLMI: &str = "urn:ietf:params:xml:ns:rlmi";

/// One user of a list.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Names the user within the list.
    pub number: usize,
    /// As the list says it.
    pub uri: &'a str,
    /// `active`, `pending` or `terminated`.
    pub state: &'static str,
    /// Why it has ended.
    pub reason: Option<&'static str>,
    /// The document.
    pub body: Option<&'a Bytes>,
}

/// Writes a body; `boundary` is letters and digits that nobody outside can foresee. Returns its type and the bytes.
#[must_use]
pub fn write(
    list: &str,
    rows: &[Row<'_>],
    version: u32,
    is_full: bool,
    boundary: &str,
) -> (String, Bytes) {
    let mut root = Element::new(RLMI, "list")
        .with("uri", list)
        .with("version", version.to_string())
        .with("fullState", is_full.to_string());
    for row in rows {
        let mut instance = Element::new(RLMI, "instance")
            .with("id", format!("i{}", row.number))
            .with("state", row.state);
        if let Some(reason) = row.reason {
            instance.set("reason", reason);
        }
        if row.body.is_some() {
            instance.set("cid", format!("e{}@{boundary}", row.number));
        }
        let resource = Element::new(RLMI, "resource").with("uri", row.uri);
        root = root.child(resource.child(instance));
    }
    let mut out = Vec::new();
    let mut part = |id: &str, media_type: &str, bytes: &[u8]| {
        let head = format!(
            "--{boundary}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}@{boundary}>\r\n\
             Content-Type: {media_type};charset=\"UTF-8\"\r\n\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    };
    part("list", TYPE, root.write().as_bytes());
    for row in rows {
        if let Some(body) = row.body {
            part(&format!("e{}", row.number), pidf::TYPE, body);
        }
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    // Linphone takes quotes around the boundary for a part of it, and stops running.
    let whole = format!("{WHOLE};type=\"{TYPE}\";start=\"<list@{boundary}>\";boundary={boundary}");
    (whole, out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_is_a_part_that_its_instance_names() {
        let body = Bytes::from_static(b"<presence/>");
        let row = |number, state, body| Row {
            number,
            uri: "sip:a@x",
            state,
            reason: None,
            body,
        };
        let rows = [row(0, "active", Some(&body)), row(1, "pending", None)];
        let (whole, bytes) = write("sip:rls@x", &rows, 7, false, "b0");
        assert!(whole.contains("start=\"<list@b0>\"") && whole.contains("boundary=b0"));
        let text = std::str::from_utf8(&bytes).unwrap();
        let parts: Vec<_> = text.split("--b0").collect();
        assert_eq!(parts.len(), 4, "{text}");
        assert!(parts[1].contains("version=\"7\"") && parts[1].contains("fullState=\"false\""));
        assert!(parts[1].contains("cid=\"e0@b0\"") && !parts[1].contains("e1@"));
        assert!(parts[2].contains("Content-ID: <e0@b0>\r\n") && parts[2].contains("<presence/>"));
        assert_eq!(parts[3], "--\r\n");
    }
}
