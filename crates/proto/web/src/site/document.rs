//! The documents of autodiscover, as JSON and as XML: the same content in two forms.
//!
//! The XML form is what the open client of the original reads: names of elements count, namespaces do not. The JSON form
//! mirrors it. XML is sent to those who ask for its media type, JSON to everybody else.

use http::HeaderMap;
use http::header::ACCEPT;
use serde_json::{Map, Value, json};

use super::config::Server;
use super::text::escape;
use crate::Location;

const XML: &str = "application/vnd.microsoft.rtc.autodiscover+xml";
const JSON: &str = "application/json";

/// What a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Root,
    User,
    Domain,
}

/// A document.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) about: About,
    pub(super) location: Location,
    /// Where SIP is spoken, by the name of the element.
    pub(super) access: Vec<(&'static str, Server)>,
    /// Where to go on, by token; the first that a client knows counts.
    pub(super) links: Vec<(&'static str, String)>,
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Xml,
}

impl Form {
    /// Returns the form that a client asks for: XML if it accepts its media type no less than JSON by name.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT).into_iter();
        let ranges = lines.filter_map(|line| line.to_str().ok());
        let ranges = ranges.flat_map(|line| line.split(','));
        let (mut xml, mut json) = (0, 0);
        for (name, quality) in ranges.map(range) {
            if name.eq_ignore_ascii_case(XML) {
                xml = xml.max(quality);
            } else if name.eq_ignore_ascii_case(JSON) {
                json = json.max(quality);
            }
        }
        if xml > 0 && xml >= json {
            Self::Xml
        } else {
            Self::Json
        }
    }

    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Xml => "application/vnd.microsoft.rtc.autodiscover+xml; v=1",
        }
    }
}

/// A media range and its quality in thousandths (RFC 9110 12.4.2).
fn range(text: &str) -> (&str, u32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let mut quality = parts.filter_map(|part| {
        part.strip_prefix('q')
            .or_else(|| part.strip_prefix('Q'))?
            .strip_prefix('=')
    });
    let thousandths = quality.next().map_or(1000, |text| {
        let digits = text.strip_prefix("0.").unwrap_or(text);
        match text.strip_prefix('1') {
            Some(_) => 1000,
            None => format!("{digits:0<3}").parse().unwrap_or(0),
        }
    });
    (name, thousandths)
}

impl About {
    const fn element(self) -> &'static str {
        match self {
            Self::Root => "Root",
            Self::User => "User",
            Self::Domain => "Domain",
        }
    }
}

impl Document {
    /// Writes the document.
    pub(super) fn write(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Json => self.json(),
            Form::Xml => self.xml(),
        }
    }

    fn json(&self) -> Vec<u8> {
        let mut inner = Map::new();
        for (name, server) in &self.access {
            let value = json!({ "fqdn": &*server.fqdn, "port": server.port.to_string() });
            inner.insert((*name).to_owned(), value);
        }
        let link = |(token, href): &(&str, String)| json!({ "token": token, "href": href });
        let links: Vec<Value> = self.links.iter().map(link).collect();
        inner.insert("Links".to_owned(), links.into());
        let mut outer = Map::new();
        outer.insert("AccessLocation".to_owned(), self.location.access().into());
        outer.insert(self.about.element().to_owned(), inner.into());
        Value::from(outer).to_string().into_bytes()
    }

    fn xml(&self) -> Vec<u8> {
        let element = self.about.element();
        let location = self.location.access();
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
        text.push_str(&format!(
            "<AutodiscoverResponse AccessLocation=\"{location}\"><{element}>"
        ));
        for (name, server) in &self.access {
            let (fqdn, port) = (escape(&server.fqdn), server.port);
            text.push_str(&format!("<{name} fqdn=\"{fqdn}\" port=\"{port}\"/>"));
        }
        for (token, href) in &self.links {
            let href = escape(href);
            text.push_str(&format!("<Link token=\"{token}\" href=\"{href}\"/>"));
        }
        text.push_str(&format!("</{element}></AutodiscoverResponse>\n"));
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let server = Server {
            fqdn: "dirpool01.contoso.net".into(),
            port: 5061,
        };
        Document {
            about: About::User,
            location: Location::Inside,
            access: vec![("SipClientInternalAccess", server)],
            links: vec![("Self", "https://web.contoso.net/root?a=1&b='2'".to_owned())],
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        let json: Value = serde_json::from_slice(&document().write(Form::Json)).unwrap();
        let expected = json!({
            "AccessLocation": "Internal",
            "User": {
                "SipClientInternalAccess": { "fqdn": "dirpool01.contoso.net", "port": "5061" },
                "Links": [{ "token": "Self", "href": "https://web.contoso.net/root?a=1&b='2'" }],
            }
        });
        assert_eq!(json, expected);
        let xml = String::from_utf8(document().write(Form::Xml)).unwrap();
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<AutodiscoverResponse AccessLocation=\"Internal\"><User>\
             <SipClientInternalAccess fqdn=\"dirpool01.contoso.net\" port=\"5061\"/>\
             <Link token=\"Self\" href=\"https://web.contoso.net/root?a=1&amp;b=&#39;2&#39;\"/>\
             </User></AutodiscoverResponse>\n"
        );
    }

    #[test]
    fn xml_goes_to_those_who_ask_for_it() {
        for (accept, form) in [
            (
                "application/vnd.microsoft.rtc.autodiscover+xml;v=1",
                Form::Xml,
            ),
            ("application/vnd.microsoft.rtc.autodiscover+xml", Form::Xml),
            (
                "text/html, application/vnd.microsoft.rtc.autodiscover+xml;q=0.5",
                Form::Xml,
            ),
            (
                "application/json, application/vnd.microsoft.rtc.autodiscover+xml;v=1;q=0.9",
                Form::Json,
            ),
            (
                "application/vnd.microsoft.rtc.autodiscover+xml;q=0",
                Form::Json,
            ),
            ("application/json", Form::Json),
            ("*/*", Form::Json),
            ("", Form::Json),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(Form::wanted(&headers), form, "{accept}");
        }
        assert_eq!(Form::wanted(&HeaderMap::new()), Form::Json);
    }
}
