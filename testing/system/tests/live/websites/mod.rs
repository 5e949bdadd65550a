//! The web sites of Directors and Front Ends, asked with Debian's curl, by the VIP and directly.

mod discovery;
mod health;
mod hostile;
mod requests;
mod sign_in;

use std::net::SocketAddr;

use serde_json::Value;
use system::web::curl::{Answer, Curl, CurlError};

use super::site::{DIR01, FE01, FE02, Site};

pub(super) const LB01: &str = "lb01.contoso.net";
pub(super) const RP01: &str = "rp01.contoso.net";
/// The names of the reference topology, and who serves them.
pub(super) const WEB: &str = "webdir.contoso.net";
pub(super) const WEB_OUTSIDE: &str = "webdirexternal.contoso.com";
pub(super) const ROOT: &str = "/Autodiscover/AutodiscoverService.svc/root";

/// Rows of the flow table.
pub(super) mod row {
    pub(crate) const EXTERNAL_PLAIN: u8 = 1;
    pub(crate) const EXTERNAL: u8 = 2;
    pub(crate) const INTERNAL_PLAIN: u8 = 4;
    pub(crate) const INTERNAL: u8 = 5;
    pub(crate) const FRONT_END_EXTERNAL: u8 = 11;
    pub(crate) const PUBLISHED: u8 = 16;
    pub(crate) const FRONT_END: u8 = 23;
}

/// Where a machine serves a row with a protocol.
pub(super) fn at(site: &Site, machine: &str, row: u8, protocol: &str) -> SocketAddr {
    let report = site.report(machine);
    let serves = |listener: &&system::operator::Listener| {
        listener.open && listener.flows.contains(&row) && listener.protocol == protocol
    };
    let found = report.listeners.iter().find(serves);
    found
        .unwrap_or_else(|| panic!("{machine} does not serve row {row}"))
        .address
}

/// Asks one address after the other, whatever names stand in the links.
#[derive(Clone)]
pub(super) struct Asker {
    curl: Curl,
    words: Vec<String>,
}

impl Asker {
    pub(super) fn of(site: &Site) -> Self {
        Self {
            curl: Curl::believing(&site.operator().root()),
            words: Vec::new(),
        }
    }

    /// The same with more words on the command line.
    pub(super) fn with(&self, words: &[&str]) -> Self {
        let mut more = self.clone();
        more.words.extend(words.iter().map(ToString::to_string));
        more
    }

    /// Asks for an address; the connection goes to `at`, whatever the address says.
    pub(super) fn ask(&self, at: SocketAddr, address: &str) -> Result<Answer, CurlError> {
        let there = format!("::{}:{}", at.ip(), at.port());
        let mut words = vec!["--connect-to", &there];
        words.extend(self.words.iter().map(String::as_str));
        self.curl.fetch(&words, address)
    }
}

/// Looks into an answer.
pub(super) trait Look {
    /// The body; null if it is no JSON.
    fn json(&self) -> Value;
    /// A header, or nothing.
    fn head(&self, name: &str) -> &str;
}

impl Look for Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    fn head(&self, name: &str) -> &str {
        self.header(name).unwrap_or_default()
    }
}

/// A client of the sites, inside or outside, that finds its way by the host of each address.
pub(super) struct Client {
    curl: Asker,
    plain: SocketAddr,
    director: SocketAddr,
    homes: [SocketAddr; 2],
}

impl Client {
    /// Inside: Directors by the VIP, Front Ends directly.
    pub(super) fn inside(site: &Site) -> Self {
        Self {
            curl: Asker::of(site),
            plain: at(site, LB01, row::INTERNAL_PLAIN, "HTTP"),
            director: at(site, LB01, row::INTERNAL, "HTTPS"),
            homes: [FE01, FE02].map(|home| at(site, home, row::FRONT_END, "HTTPS")),
        }
    }

    /// Outside, as a reverse proxy would pass its requests on.
    pub(super) fn outside(site: &Site) -> Self {
        Self {
            curl: Asker::of(site),
            plain: at(site, LB01, row::EXTERNAL_PLAIN, "HTTP"),
            director: at(site, LB01, row::EXTERNAL, "HTTPS"),
            homes: [FE01, FE02].map(|home| at(site, home, row::FRONT_END_EXTERNAL, "HTTPS")),
        }
    }

    /// Outside, by the reverse proxy, which goes on by the VIP or to the Front Ends.
    pub(super) fn published(site: &Site) -> Self {
        let proxy = at(site, RP01, row::PUBLISHED, "HTTPS");
        Self {
            curl: Asker::of(site),
            plain: at(site, RP01, row::PUBLISHED, "HTTP"),
            director: proxy,
            homes: [proxy; 2],
        }
    }

    pub(super) fn with(&self, words: &[&str]) -> Self {
        Self {
            curl: self.curl.with(words),
            ..*self
        }
    }

    pub(super) fn ask(&self, address: &str) -> Answer {
        let at = match host(address) {
            _ if address.starts_with("http:") => self.plain,
            name if name.starts_with("fepool01") => self.homes[0],
            name if name.starts_with("fepool02") => self.homes[1],
            _ => self.director,
        };
        self.curl.ask(at, address).unwrap()
    }
}

pub(super) fn host(address: &str) -> &str {
    let (_, rest) = address.split_once("://").unwrap();
    rest.split(['/', ':']).next().unwrap()
}

/// The link of a token in a document.
pub(super) fn link(page: &Answer, token: &str) -> Option<String> {
    let document = page.json();
    let about = document
        .as_object()?
        .iter()
        .find(|(name, _)| *name != "AccessLocation")?
        .1;
    let links = about["Links"].as_array()?;
    let found = links.iter().find(|link| link["token"] == token)?;
    found["href"].as_str().map(str::to_owned)
}

/// Everything that a client does until it knows where to sign in; returns each answer on the way.
pub(super) fn discover(client: &Client, start: &str, user: &str, password: &str) -> Vec<Answer> {
    let mut answers = vec![client.ask(start)];
    let mut ticket = String::new();
    while let Some(next) = answers
        .last()
        .and_then(|last| link(last, "Redirect").or_else(|| link(last, "User")))
    {
        assert!(answers.len() < 12, "it goes round in circles: {answers:?}");
        let bearer = format!("X-MS-WebTicket: opaque={ticket}");
        let mut page = client.with(&["--header", &bearer]).ask(&next);
        if page.status == 401 {
            let url = page.head("x-ms-webticketurl").to_owned();
            let credentials = format!("{user}:{password}");
            let issued = client
                .with(&["--request", "POST", "--user", &credentials])
                .ask(&url);
            assert_eq!(issued.status, 200, "{issued:?}");
            ticket = issued.json()["access_token"].as_str().unwrap().to_owned();
            let bearer = format!("X-MS-WebTicket: opaque={ticket}");
            answers.push(page);
            page = client.with(&["--header", &bearer]).ask(&next);
        }
        assert_eq!(page.status, 200, "{next}: {page:?}");
        answers.push(page);
    }
    answers
}

/// What the last document says of where to sign in.
pub(super) fn access(answers: &[Answer], name: &str) -> Value {
    let last = answers.last().map(Look::json).unwrap_or_default();
    last["User"][name].clone()
}

/// The machines that a test of one whole process needs nothing else from.
pub(super) const DIRECTOR: &str = DIR01;
