//! A place with a reverse proxy, the addresses of a Director pool and a Front End, and sites of a test's own there.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use system::block::Block;
use system::deployment::Deployment;
use system::operator::Operator;
use system::tls::{Manner, PATIENCE, Wire};
use system::web::backend::Backend;
use system::web::curl::{Answer, Curl, CurlError};

pub(super) const RP: &str = "rp.contoso.net";
/// The name of the Directors' external site.
pub(super) const DIRECTORS: &str = "webdirexternal.contoso.com";
/// That of the Front End's.
pub(super) const FRONT_END: &str = "webexternal.contoso.com";
pub(super) const MEET: &str = "meet.contoso.com";
pub(super) const DISCOVER: &str = "lyncdiscover.contoso.com";
const HTTP: u16 = 10_080;
const HTTPS: u16 = 10_443;

/// The proxy and what is behind it.
pub(super) struct Place {
    folder: tempfile::TempDir,
    block: Block,
    operator: Operator,
    proxy: Option<Deployment>,
}

impl Place {
    /// Makes certificates; nothing runs yet.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let block = Block::take();
        let operator = Operator::of(&folder.path().join("state"));
        let file = folder.path().join("topology.toml");
        std::fs::write(&file, topology(&block)).unwrap();
        operator.done(&["certs", "init"], "").unwrap();
        let words = ["certs", "issue", file.to_str().unwrap()];
        operator.done(&words, "").unwrap();
        Self {
            folder,
            block,
            operator,
            proxy: None,
        }
    }

    /// The same with the proxy running.
    pub(super) fn running() -> Self {
        let mut place = Self::new();
        let file = place.folder.path().join("topology.toml");
        let words = [
            "run".into(),
            file.into(),
            "--machine".into(),
            RP.into(),
            "--json".into(),
        ];
        let started = Deployment::start(RP, words.into(), place.folder.path());
        place.proxy = Some(started.unwrap());
        place
    }

    /// A site over TLS at a machine of the topology.
    pub(super) fn site(&self, machine: &'static str) -> Backend {
        let identity = self.operator.identity(&format!("{machine}.contoso.net"));
        Backend::start(machine, self.inside(machine, 4443), Some(&identity))
    }

    /// A site without TLS.
    pub(super) fn plain_site(&self, machine: &'static str) -> Backend {
        Backend::start(machine, self.inside(machine, 8080), None)
    }

    pub(super) fn inside(&self, machine: &str, port: u16) -> SocketAddr {
        let last = match machine {
            "dir01" => 11,
            "dir02" => 12,
            _ => 21,
        };
        SocketAddr::new(IpAddr::V4(self.block.address(last)), port)
    }

    pub(super) fn https(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.block.address(3)), HTTPS)
    }

    pub(super) fn http(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.block.address(3)), HTTP)
    }

    pub(super) fn operator(&self) -> &Operator {
        &self.operator
    }

    /// A browser that knows where the names are published.
    pub(super) fn browser(&self) -> Curl {
        let browser = Curl::believing(&self.operator.root());
        let names = [DIRECTORS, FRONT_END, MEET, DISCOVER, "unknown.contoso.com"];
        names.into_iter().fold(browser, |browser, name| {
            let browser = browser.knowing(name, self.https());
            browser.knowing(name, self.http())
        })
    }

    /// Fetches a path of a name over TLS.
    pub(super) fn get(&self, words: &[&str], name: &str, path: &str) -> Result<Answer, CurlError> {
        let url = format!("https://{name}:{HTTPS}{path}");
        self.browser().fetch(words, &url)
    }

    /// The same without TLS.
    pub(super) fn get_plainly(&self, name: &str, path: &str) -> Answer {
        let url = format!("http://{name}:{HTTP}{path}");
        self.browser().fetch(&[], &url).unwrap()
    }

    /// A connection over TLS, on which a test says what it likes.
    pub(super) fn wire(&self, name: &str) -> Wire {
        let manner = Manner::of_a_phone(&self.operator.root()).unwrap();
        Wire::connect(&manner, self.https(), name).unwrap()
    }

    /// Says something over TLS and returns all that comes until the proxy closes.
    pub(super) fn say(&self, bytes: &[u8]) -> String {
        let mut wire = self.wire(DIRECTORS);
        wire.send(bytes).unwrap();
        let (heard, _) = wire.drain(Instant::now() + PATIENCE).unwrap();
        String::from_utf8_lossy(&heard).into_owned()
    }

    /// What the proxy has counted under a name.
    pub(super) fn counted(&self, name: &str) -> u64 {
        let published = self.operator.report(RP).unwrap().unwrap().published;
        published.unwrap().counted[name]
    }
}

fn topology(block: &Block) -> String {
    let at = |last| block.address(last);
    let machines = [
        ("dir01", "dirs", 11),
        ("dir02", "dirs", 12),
        ("fe", "fe", 21),
    ];
    let machines: String = machines
        .into_iter()
        .map(|(name, pool, last)| {
            let address = at(last);
            format!(
                "[[machine]]\nfqdn = \"{name}.contoso.net\"\npool = \"{pool}.contoso.net\"\naddress = \"{address}\"\n"
            )
        })
        .collect();
    format!(
        "version = 1\ndomains = [\"contoso.com\"]\nclient_networks = [\"127.0.0.0/8\"]\n\
         [ports]\npublished_http = {HTTP}\npublished_https = {HTTPS}\n\
         [[pool]]\nfqdn = \"dirs.contoso.net\"\nrole = \"director\"\nload_balancing = \"dns\"\n\
         web = {{ internal = \"webdir.contoso.net\", external = \"{DIRECTORS}\" }}\n\
         [[pool]]\nfqdn = \"fe.contoso.net\"\nrole = \"front_end\"\ndirectory = true\n\
         web = {{ internal = \"web.contoso.net\", external = \"{FRONT_END}\" }}\n\
         [[pool]]\nfqdn = \"{RP}\"\nrole = \"reverse_proxy\"\n\
         [[machine]]\nfqdn = \"{RP}\"\npool = \"{RP}\"\naddress = \"{}\"\nexternal = \"{}\"\n{machines}",
        at(2),
        at(3),
    )
}
