//! XML as a small tree with namespaces resolved: enough for the documents of presence, and no more.
//!
//! Document types, processing instructions and entities beyond the five of XML are refused, so that nothing expands.
//! Comments are dropped. Prefixes are not kept: a document is written with prefixes of our own, all of them declared at
//! the root. Bounds: the bytes of a document, how deep it nests, how many elements and attributes it has.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The longest document that is read.
const MAX_BYTES: usize = 25 << 10;
/// How deep elements may nest; PIDF with all of RPID stays below ten.
const MAX_DEPTH: usize = 16;
/// Elements and attributes together.
const MAX_PARTS: usize = 1_000;

/// The prefixes of RFC 4479 and RFC 4480.
const KNOWN: [(&str, &str); 2] = [
    ("urn:ietf:params:xml:ns:pidf:data-model", "dm"),
    ("urn:ietf:params:xml:ns:pidf:rpid", "rpid"),
];

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Why a document is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not XML.
    #[error("not well-formed XML")]
    Syntax,
    /// It has a document type, an entity or an instruction.
    #[error("XML with more than elements and text")]
    Forbidden,
    /// It is too long, too deep or has too many parts.
    #[error("XML beyond our bounds")]
    TooLarge,
    /// It is another kind of document than was announced.
    #[error("not the document that was announced")]
    Kind,
}

/// A name: the namespace, empty if there is none, and the part behind the colon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) space: String,
    pub(super) local: String,
}

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: Name,
    pub(super) attributes: Vec<(Name, String)>,
    pub(super) nodes: Vec<Node>,
}

/// What is inside an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    pub(super) fn new(space: &str, local: &str) -> Self {
        let name = Name {
            space: space.to_owned(),
            local: local.to_owned(),
        };
        Self {
            name,
            ..Self::default()
        }
    }

    #[must_use]
    pub(super) fn with(mut self, attribute: &str, value: impl Into<String>) -> Self {
        self.set(attribute, value);
        self
    }

    #[must_use]
    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.nodes.push(Node::Text(text.into()));
        self
    }

    #[must_use]
    pub(super) fn child(mut self, child: Self) -> Self {
        self.nodes.push(Node::Element(child));
        self
    }

    /// Sets an attribute without a namespace.
    pub(super) fn set(&mut self, attribute: &str, value: impl Into<String>) {
        let name = Name {
            space: String::new(),
            local: attribute.to_owned(),
        };
        self.attributes.retain(|(known, _)| *known != name);
        self.attributes.push((name, value.into()));
    }

    pub(super) fn is(&self, space: &str, local: &str) -> bool {
        self.name.space == space && self.name.local == local
    }

    pub(super) fn attribute(&self, local: &str) -> Option<&str> {
        let plain = |(name, _): &&(Name, String)| name.space.is_empty() && name.local == local;
        self.attributes
            .iter()
            .find(plain)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub(super) fn find(&self, space: &str, local: &str) -> Option<&Self> {
        self.elements().find(|element| element.is(space, local))
    }

    /// Returns the text directly inside, without the space around it.
    pub(super) fn own_text(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect::<String>().trim().to_owned()
    }

    /// Writes a document. The root's namespace is the default one; the others have the prefixes that their RFCs use,
    /// since there are phones that look for these.
    pub(super) fn write(&self) -> String {
        let mut prefixes = Prefixes::default();
        self.gather(&mut prefixes);
        prefixes.0.remove(&self.name.space);
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.put(&mut out, &prefixes, &self.name.space, true);
        out.push('\n');
        out
    }

    fn gather(&self, prefixes: &mut Prefixes) {
        prefixes.add(&self.name.space);
        for (name, _) in &self.attributes {
            prefixes.add(&name.space);
        }
        self.elements().for_each(|element| element.gather(prefixes));
    }

    fn put(&self, out: &mut String, prefixes: &Prefixes, default: &str, is_root: bool) {
        let tag = prefixes.name(&self.name);
        let _ = write!(out, "<{tag}");
        if is_root {
            if !default.is_empty() {
                let _ = write!(out, " xmlns=\"{}\"", escape(default));
            }
            for (space, prefix) in &prefixes.0 {
                let _ = write!(out, " xmlns:{prefix}=\"{}\"", escape(space.as_str()));
            }
        }
        for (name, value) in &self.attributes {
            let name = prefixes.name(name);
            let _ = write!(out, " {name}=\"{}\"", escape(value.as_str()));
        }
        if self.nodes.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for node in &self.nodes {
            match node {
                Node::Element(element) => element.put(out, prefixes, default, false),
                Node::Text(text) => out.push_str(&escape(text.as_str())),
            }
        }
        let _ = write!(out, "</{tag}>");
    }
}

/// Namespaces and how they are called in a document.
#[derive(Default)]
struct Prefixes(BTreeMap<String, String>);

impl Prefixes {
    fn add(&mut self, space: &str) {
        if space.is_empty() || space == XML || self.0.contains_key(space) {
            return;
        }
        let known = KNOWN.iter().find(|(known, _)| *known == space);
        let prefix = match known {
            Some((_, prefix)) => (*prefix).to_owned(),
            None => format!("n{}", self.0.len()),
        };
        self.0.insert(space.to_owned(), prefix);
    }

    fn name(&self, name: &Name) -> String {
        match self.0.get(&name.space) {
            Some(prefix) => format!("{prefix}:{}", name.local),
            None if name.space == XML => format!("xml:{}", name.local),
            None => name.local.clone(),
        }
    }
}

/// Reads a document.
///
/// # Errors
/// [`Fault`] says which rule it breaks.
pub(super) fn read(bytes: &[u8]) -> Result<Element, Fault> {
    if bytes.len() > MAX_BYTES {
        return Err(Fault::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Syntax)?;
    let mut builder = Builder::default();
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(|_| Fault::Syntax)? {
            Event::Start(start) => builder.open(&start)?,
            Event::Empty(start) => {
                builder.open(&start)?;
                builder.close()?;
            }
            Event::End(_) => builder.close()?,
            Event::Text(text) => builder.text(&text.xml10_content())?,
            Event::CData(text) => builder.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|_| Fault::Syntax)?;
                match character {
                    Some(character) => builder.text(character.encode_utf8(&mut [0; 4]))?,
                    None => builder.text(predefined(&reference.xml10_content())?)?,
                }
            }
            Event::Comment(_) | Event::Decl(_) => {}
            Event::PI(_) | Event::DocType(_) => return Err(Fault::Forbidden),
            Event::Eof => return builder.finish(),
        }
    }
}

fn predefined(name: &str) -> Result<&'static str, Fault> {
    match name {
        "amp" => Ok("&"),
        "lt" => Ok("<"),
        "gt" => Ok(">"),
        "quot" => Ok("\""),
        "apos" => Ok("'"),
        _ => Err(Fault::Forbidden),
    }
}

/// Puts a tree together from what the reader meets.
#[derive(Default)]
struct Builder {
    open: Vec<Element>,
    /// Prefixes and what they mean, with the depth at which they were declared; the last counts.
    spaces: Vec<(usize, String, String)>,
    root: Option<Element>,
    parts: usize,
}

impl Builder {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), Fault> {
        self.count()?;
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault::TooLarge);
        }
        if self.root.is_some() {
            return Err(Fault::Syntax);
        }
        let depth = self.open.len() + 1;
        let mut plain = Vec::new();
        for attribute in start.attributes() {
            self.count()?;
            let attribute = attribute.map_err(|_| Fault::Syntax)?;
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Explicit1_0)
                .map_err(|_| Fault::Forbidden)?
                .into_owned();
            let key = attribute.key.into_inner();
            if key == "xmlns" {
                self.spaces.push((depth, String::new(), value));
            } else if let Some(prefix) = key.strip_prefix("xmlns:") {
                self.spaces.push((depth, prefix.to_owned(), value));
            } else {
                plain.push((key.to_owned(), value));
            }
        }
        let mut element = Element {
            name: self.resolve(start.name().into_inner(), true)?,
            ..Element::default()
        };
        for (key, value) in plain {
            element.attributes.push((self.resolve(&key, false)?, value));
        }
        self.has_place(&element)?;
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let depth = self.open.len();
        self.spaces.retain(|(declared, ..)| *declared < depth);
        let element = self.open.pop().ok_or(Fault::Syntax)?;
        match self.open.last_mut() {
            Some(parent) => parent.nodes.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        let allowed = |c: char| c >= ' ' || matches!(c, '\t' | '\n' | '\r');
        if !text.chars().all(allowed) {
            return Err(Fault::Syntax);
        }
        match self.open.last_mut() {
            Some(element) => match element.nodes.last_mut() {
                Some(Node::Text(before)) => before.push_str(text),
                Some(Node::Element(_)) | None => element.nodes.push(Node::Text(text.to_owned())),
            },
            None if text.trim().is_empty() => {}
            None => return Err(Fault::Syntax),
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(Fault::TooLarge);
        }
        Ok(())
    }

    fn resolve(&self, name: &str, is_element: bool) -> Result<Name, Fault> {
        let (prefix, local) = match name.split_once(':') {
            Some((prefix, local)) => (prefix, local),
            None => ("", name),
        };
        let sound = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let begins = |c: char| c.is_alphabetic() || c == '_';
        if !local.starts_with(begins) || !local.chars().all(sound) {
            return Err(Fault::Syntax);
        }
        let space = if prefix.is_empty() && !is_element {
            String::new()
        } else if prefix == "xml" {
            XML.to_owned()
        } else {
            let meant = self
                .spaces
                .iter()
                .rev()
                .find(|(_, known, _)| known == prefix);
            match meant {
                Some((.., space)) => space.clone(),
                None if prefix.is_empty() => String::new(),
                None => return Err(Fault::Syntax),
            }
        };
        let local = local.to_owned();
        Ok(Name { space, local })
    }

    /// What could not be written again as it was meant is refused: an element outside of any namespace, and an attribute
    /// in that of the root.
    fn has_place(&self, element: &Element) -> Result<(), Fault> {
        let Some(root) = self.open.first() else {
            return Ok(());
        };
        let space = &root.name.space;
        let outside = element.name.space.is_empty() && !space.is_empty();
        let qualified = |(name, _): &(Name, String)| !space.is_empty() && name.space == *space;
        if outside || element.attributes.iter().any(qualified) {
            return Err(Fault::Kind);
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, Fault> {
        if self.open.is_empty() {
            self.root.ok_or(Fault::Syntax)
        } else {
            Err(Fault::Syntax)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_keeps_its_meaning_with_prefixes_of_ours() {
        let text = "<?xml version='1.0'?><p xmlns='urn:a' xmlns:r='urn:r' x='1 &lt; 2'><!-- no -->\
                    <r:q r:y='&#65;'>a &amp; b<![CDATA[<c>]]></r:q><e xml:lang='de'/></p>";
        let read_once = read(text.as_bytes()).unwrap();
        let quality = read_once.find("urn:r", "q").unwrap();
        assert_eq!(quality.own_text(), "a & b<c>");
        assert_eq!(quality.attributes[0].1, "A");
        assert_eq!(read_once.attribute("x"), Some("1 < 2"));
        let again = read(read_once.write().as_bytes()).unwrap();
        assert_eq!(read_once, again);
    }

    #[test]
    fn what_expands_nests_or_ends_early_is_refused() {
        let deep = "<a>".repeat(17) + &"</a>".repeat(17);
        let wide = format!("<a>{}</a>", "<b/>".repeat(1_001));
        let cases = [
            ("", Fault::Syntax),
            ("<a>", Fault::Syntax),
            ("<a></b>", Fault::Syntax),
            ("<a/><b/>", Fault::Syntax),
            ("<a x='1' x='2'/>", Fault::Syntax),
            ("<p:a/>", Fault::Syntax),
            ("text", Fault::Syntax),
            ("<a>&bomb;</a>", Fault::Forbidden),
            ("<a x='&bomb;'/>", Fault::Forbidden),
            ("<a xmlns='urn:a'><b xmlns=''/></a>", Fault::Kind),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", Fault::Forbidden),
            ("<?php x?><a/>", Fault::Forbidden),
            (&deep, Fault::TooLarge),
            (&wide, Fault::TooLarge),
        ];
        for (text, fault) in cases {
            assert_eq!(read(text.as_bytes()), Err(fault), "{text:.60}");
        }
        assert_eq!(read(&vec![b' '; MAX_BYTES + 1]), Err(Fault::TooLarge));
    }
}
