//! `vestibule discover`: why a phone finds its server, or why it does not.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use base::net::{Hop, Transport};
use base::random::Random;
use dns::Data;
use dns::client::{Kind, Question};
use dns::discover::{Leads, Try, order, servers};
use roles::health::options;
use roles::names::ask::ask;
use roles::websites::ask as web_ask;
use runtime::tls::stream::Visitor;
use serde::Serialize;
use topology::Port;

use crate::dns::View;
use crate::output::{Outcome, Output, Table};

/// Where a system names its name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// How long connecting and the handshake, and then the answer, may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// Look for the server of a user as a phone does, and tell each step.
#[derive(clap::Args)]
#[command(after_help = "\
Ends with 1 if no server is found. A phone that has signed in before goes first where it was then.

Example:
  vestibule discover alice@contoso.com                       as this machine would find it
  vestibule discover alice@contoso.com --server 10.0.0.53    by another name server")]
pub(crate) struct Discover {
    /// The user, as user@domain.
    user: String,
    /// Where the phone is; the name server must be one that is asked from there.
    #[arg(long, value_enum, default_value = "inside")]
    from: View,
    /// The name server, as ADDRESS or ADDRESS:PORT; the first of this system if left out.
    #[arg(long, value_name = "ADDRESS")]
    server: Option<String>,
    /// The file of the authorities that the phone believes.
    #[arg(long, value_name = "FILE", default_value = "vestibule-state/ca/ca.pem")]
    ca: PathBuf,
}

/// What one step found.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    kind: &'static str,
    address: Option<SocketAddr>,
    found: String,
    usable: bool,
}

fn read_server(text: &str) -> Option<SocketAddr> {
    let bare = text.parse::<IpAddr>();
    let bare = bare.map(|ip| SocketAddr::new(ip, Port::Dns.default_number()));
    bare.or_else(|_| text.parse()).ok()
}

/// The first name server of this system, as resolv.conf(5) names it.
fn own_server() -> anyhow::Result<SocketAddr> {
    let text = std::fs::read_to_string(RESOLV_CONF)
        .with_context(|| format!("cannot read {RESOLV_CONF}; name a server by --server"))?;
    named_server(&text)
        .with_context(|| format!("{RESOLV_CONF} names no server; name one by --server"))
}

fn named_server(text: &str) -> Option<SocketAddr> {
    let mut servers = text.lines().filter_map(|line| {
        let (word, address) = line.trim().split_once(char::is_whitespace)?;
        read_server(address.trim()).filter(|_| word == "nameserver")
    });
    servers.next()
}

impl Discover {
    /// Tries one name after the other.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let user = self.user.strip_prefix("sip:").unwrap_or(&self.user);
        let (_, domain) = user
            .split_once('@')
            .context("write the user as user@domain")?;
        let server = match &self.server {
            Some(text) => read_server(text).with_context(|| format!("{text} is not an address"))?,
            None => own_server()?,
        };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("the system has no randomness")?;
        let web = match self.from {
            View::Inside => Port::WebHttp,
            View::Outside => Port::PublishedHttp,
        };
        let mut walk = Walk {
            user: user.to_owned(),
            web: web.default_number(),
            domain: domain.to_ascii_lowercase(),
            server,
            visitor: Visitor::believing(&self.ca).context("the authorities cannot be read")?,
            random: Random::new(seed),
            lines: Vec::new(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let result = runtime.block_on(walk.run())?;
        print(&walk.lines, result, self.from, output)
    }
}

struct Walk {
    user: String,
    domain: String,
    /// The port of web services without TLS.
    web: u16,
    server: SocketAddr,
    visitor: Visitor,
    random: Random,
    lines: Vec<Line>,
}

impl Walk {
    async fn run(&mut self) -> anyhow::Result<Option<(String, SocketAddr)>> {
        let ports = [Port::Sip, Port::EdgeAccess].map(Port::default_number);
        for step in order(&self.domain, ports[0], ports[1]) {
            let found = match self.asked(&step.name, step.kind) {
                Ok(found) => found,
                Err(error) => {
                    self.tell(&step, None, format!("the name server: {error}"));
                    continue;
                }
            };
            if step.leads == Leads::Web {
                self.try_web(&step, &found).await;
                continue;
            }
            match servers(&step, &self.domain, &found) {
                Err(why) => self.tell(&step, None, why.to_string()),
                Ok(hosts) => {
                    for (host, port) in hosts {
                        if let Some(address) = self.try_host(&step, &host, port).await {
                            return Ok(Some((host, address)));
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    /// Asks every address of a web service where it leads, and goes on in any case, as phones that speak SIP alone do.
    async fn try_web(&mut self, step: &Try, found: &dns::client::Found) {
        let addresses = found.data.iter().filter_map(|data| match data {
            Data::Address(address) => Some(SocketAddr::new(*address, self.web)),
            Data::Service { .. } | Data::Alias(_) | Data::Text(_) => None,
        });
        let addresses: Vec<SocketAddr> = addresses.collect();
        if addresses.is_empty() {
            self.tell(step, None, format!("{}: nothing of this name", found.code));
        }
        for address in addresses {
            let asked = web_ask::root(address, &step.name, &self.user, PATIENCE).await;
            let text = match asked {
                Ok(link) => format!("a web service: it leads to {link}"),
                Err(error) => format!("a web service: {:#}", anyhow::Error::new(error)),
            };
            self.tell(
                step,
                Some(address),
                format!("{text}; phones that speak SIP alone go on"),
            );
        }
    }

    fn asked(&mut self, name: &str, kind: Kind) -> anyhow::Result<dns::client::Found> {
        let question = Question::new(name, kind, &mut self.random)?;
        Ok(ask(self.server, &question)?)
    }

    /// Tries every address of a host; returns the one that can be used.
    async fn try_host(&mut self, step: &Try, host: &str, port: u16) -> Option<SocketAddr> {
        let mut addresses = Vec::new();
        for kind in [Kind::A, Kind::Aaaa] {
            match self.asked(host, kind) {
                Ok(found) => addresses.extend(found.data.iter().filter_map(|data| match data {
                    Data::Address(address) => Some(SocketAddr::new(*address, port)),
                    Data::Service { .. } | Data::Alias(_) | Data::Text(_) => None,
                })),
                Err(error) => self.tell(step, None, format!("{host}: {error}")),
            }
        }
        if addresses.is_empty() {
            self.tell(step, None, format!("leads to {host}, which has no address"));
        }
        for address in addresses {
            match self.visit(host, address).await {
                Ok(status) => {
                    let text = format!("{host} proves its name and answers OPTIONS with {status}");
                    self.tell(step, Some(address), text);
                    if let Some(last) = self.lines.last_mut() {
                        last.usable = true;
                    }
                    return Some(address);
                }
                Err(why) => self.tell(step, Some(address), format!("{host}: {why:#}")),
            }
        }
        None
    }

    /// Any answer but that of a server in trouble shows that SIP is spoken: what is refused to a stranger differs.
    async fn visit(&mut self, host: &str, address: SocketAddr) -> anyhow::Result<u16> {
        let hop = Hop::inside(host, address);
        let mut stream = self.visitor.connect(&hop, PATIENCE).await?;
        let number = self.random.next_u64();
        let asked = tokio::time::timeout(
            PATIENCE,
            options::ask(&mut stream, host, number, Transport::Tls),
        )
        .await;
        let status = asked.context("OPTIONS is not answered")??;
        anyhow::ensure!(status < 500, "OPTIONS is answered {status}");
        Ok(status)
    }

    fn tell(&mut self, step: &Try, address: Option<SocketAddr>, found: String) {
        self.lines.push(Line {
            name: step.name.clone(),
            kind: step.kind.name(),
            address,
            found,
            usable: false,
        });
    }
}

fn print(
    lines: &[Line],
    result: Option<(String, SocketAddr)>,
    from: View,
    output: &Output,
) -> anyhow::Result<Outcome> {
    if output.is_json() {
        let result = result
            .as_ref()
            .map(|(host, address)| serde_json::json!({ "host": host, "address": address }));
        output
            .json(&serde_json::json!({ "from": from.name(), "steps": lines, "server": result }))?;
    } else {
        let mut table = Table::new(["Step", "Name", "Type", "Address", "Found"]);
        for (number, line) in lines.iter().enumerate() {
            let address = line.address.map(|address| address.to_string());
            table.row([
                (number + 1).to_string(),
                line.name.clone(),
                line.kind.to_owned(),
                address.unwrap_or_default(),
                line.found.clone(),
            ]);
        }
        output.table(&table)?;
        output.line(match &result {
            Some((host, address)) => {
                format!("a phone {} signs in at {host}, {address}", from.name())
            }
            None => format!("a phone {} finds no server", from.name()),
        })?;
    }
    Ok(if result.is_some() {
        Outcome::Done
    } else {
        Outcome::Faults
    })
}

#[cfg(test)]
mod tests {
    use super::{named_server, read_server};

    #[test]
    fn a_name_server_is_an_address_with_or_without_a_port() {
        let read = |text| read_server(text).map(|address| address.to_string());
        assert_eq!(read("10.0.0.53").as_deref(), Some("10.0.0.53:53"));
        assert_eq!(read("10.0.0.53:5353").as_deref(), Some("10.0.0.53:5353"));
        assert_eq!(read("2001:db8::53").as_deref(), Some("[2001:db8::53]:53"));
        assert_eq!(read("dns01"), None);
    }

    #[test]
    fn the_systems_first_name_server_is_found() {
        let text = "# made by hand\nsearch contoso.net\nnameserver dns01\n nameserver\t10.0.0.53\nnameserver 10.0.0.54\n";
        assert_eq!(named_server(text), read_server("10.0.0.53"));
        assert_eq!(named_server("options edns0\n"), None);
    }
}
