//! Presence documents: PIDF (RFC 3863), with what the data model and RPID add passing through (RFC 4479, RFC 4480).
//!
//! A user's document is composed of what each of their endpoints has published: all tuples and devices, and the person
//! of the newest publication, since a user is one person. Ids are made unique, the entity becomes the user. Who is
//! registered and publishes nothing has one open tuple; who is not has one that is closed.

use super::Fault;
use super::xml::{self, Element, Node};
use bytes::Bytes;

/// The media type.
pub const TYPE: &str = "application/pidf+xml";

const PIDF: &str = "urn:ietf:params:xml:ns:pidf";
const MODEL: &str = "urn:ietf:params:xml:ns:pidf:data-model";

/// A published document, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(Element);

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Fault`] if it is no PIDF within our bounds.
    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let root = xml::read(bytes)?;
        if !root.is(PIDF, "presence") || root.attribute("entity").is_none() {
            return Err(Fault::Kind);
        }
        let tuples = || root.elements().filter(|element| element.is(PIDF, "tuple"));
        let sound = |tuple: &Element| {
            tuple.attribute("id").is_some() && tuple.find(PIDF, "status").is_some()
        };
        if !tuples().all(sound) {
            return Err(Fault::Kind);
        }
        Ok(Self(root))
    }

    /// Returns the user whom the document is about, as it is written.
    #[must_use]
    pub fn entity(&self) -> &str {
        self.0.attribute("entity").unwrap_or_default()
    }

    /// Tells whether both have a tuple of the same id.
    #[must_use]
    pub fn shares(&self, other: &Self) -> bool {
        let mut ids = self.tuple_ids();
        ids.any(|id| other.tuple_ids().any(|other| other == id))
    }

    fn tuple_ids(&self) -> impl Iterator<Item = &str> {
        let tuples = self.0.elements();
        let tuples = tuples.filter(|element| element.is(PIDF, "tuple"));
        tuples.filter_map(|tuple| tuple.attribute("id"))
    }

    /// Tells whether any tuple is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let basic = |tuple: &Element| {
            let status = tuple.find(PIDF, "status")?;
            Some(status.find(PIDF, "basic")?.own_text())
        };
        self.0
            .elements()
            .filter(|element| element.is(PIDF, "tuple"))
            .any(|tuple| basic(tuple).as_deref() == Some("open"))
    }
}

/// Composes the document of a user (`sip:user@host`) from the publications that are alive, oldest first.
#[must_use]
pub fn compose(user: &str, published: &[&Document], registered: bool) -> Bytes {
    let mut root = Element::new(PIDF, "presence").with("entity", user);
    let newest_person = published
        .iter()
        .rposition(|document| document.0.find(MODEL, "person").is_some());
    let mut others = Vec::new();
    for (at, Document(document)) in published.iter().enumerate() {
        for element in document.elements() {
            if element.is(MODEL, "person") && newest_person != Some(at) {
                continue;
            }
            let mut element = element.clone();
            if published.len() > 1
                && let Some(id) = element.attribute("id")
            {
                let id = format!("{id}.{at}");
                element.set("id", id);
            }
            if element.is(PIDF, "tuple") {
                forget_unknown_basic(&mut element);
                root.nodes.push(Node::Element(element));
            } else {
                others.push(Node::Element(element));
            }
        }
    }
    // RFC 3863 4.4: tuples come before everything else, and some phones read no document that has them otherwise.
    root.nodes.append(&mut others);
    if published.is_empty() {
        let basic = if registered { "open" } else { "closed" };
        let status = Element::new(PIDF, "status").child(Element::new(PIDF, "basic").text(basic));
        let mut tuple = Element::new(PIDF, "tuple").with("id", "user").child(status);
        if registered {
            tuple = tuple.child(Element::new(PIDF, "contact").text(user));
        }
        root = root.child(tuple);
    }
    root.write().into()
}

/// Takes a `basic` out of a tuple that is neither `open` nor `closed`, the only two there are (RFC 3863 4.1.4): phones
/// that check refuse the whole document for it.
fn forget_unknown_basic(tuple: &mut Element) {
    let is_unknown = |node: &Node| {
        matches!(node, Node::Element(basic) if basic.is(PIDF, "basic")
            && !matches!(basic.own_text().trim(), "open" | "closed"))
    };
    for node in &mut tuple.nodes {
        if let Node::Element(status) = node
            && status.is(PIDF, "status")
        {
            status.nodes.retain(|child| !is_unknown(child));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: &str, basic: &str, person: &str) -> Document {
        let text = format!(
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:d='urn:ietf:params:xml:ns:pidf:data-model' \
             entity='pres:a@b'><tuple id='{id}'><status><basic>{basic}</basic></status></tuple>\
             <d:person id='p'><d:note>{person}</d:note></d:person></presence>"
        );
        Document::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn all_tuples_and_the_newest_person_make_the_document() {
        let (old, new) = (document("t", "closed", "old"), document("t", "open", "new"));
        assert!(!old.is_open() && new.is_open());
        let whole = compose("sip:a@b", &[&old, &new], false);
        let whole = Document::read(&whole).unwrap();
        assert_eq!(whole.entity(), "sip:a@b");
        let ids: Vec<_> = whole
            .0
            .elements()
            .map(|e| e.attribute("id").unwrap())
            .collect();
        assert_eq!(ids, ["t.0", "t.1", "p.1"]);
        assert!(whole.is_open());
        let person = whole.0.find(MODEL, "person").unwrap();
        assert_eq!(person.find(MODEL, "note").unwrap().own_text(), "new");
    }

    #[test]
    fn who_publishes_nothing_is_open_while_registered() {
        for registered in [true, false] {
            let alone = Document::read(&compose("sip:a@b", &[], registered)).unwrap();
            assert_eq!(alone.is_open(), registered);
        }
    }

    #[test]
    fn what_is_no_presence_is_refused() {
        for text in [
            "<presence entity='a'/>",
            "<presence xmlns='urn:ietf:params:xml:ns:pidf'/>",
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'><tuple id='t'/></presence>",
            "<watcherinfo xmlns='urn:ietf:params:xml:ns:pidf' entity='a'/>",
        ] {
            assert_eq!(Document::read(text.as_bytes()), Err(Fault::Kind), "{text}");
        }
    }

    #[test]
    fn tuples_come_first_and_a_basic_that_is_neither_open_nor_closed_is_left_out() {
        let (one, two) = (document("t1", "unknown", "a"), document("t2", "open", "b"));
        let whole = compose("sip:a@b", &[&one, &two], true);
        let text = String::from_utf8(whole.to_vec()).unwrap();
        assert!(!text.contains("unknown"), "{text}");
        assert!(
            text.rfind("<tuple").unwrap() < text.find("person").unwrap(),
            "{text}"
        );
    }
}
