//! The proxies and the sites behind them, each its own process on addresses of one network of loopback.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::ours;
use crate::place::{Place, until_listening};
use crate::process::Process;

const OURS: &str = "vestibule";
pub(super) const HAPROXY: &str = "haproxy";
pub(super) const NGINX: &str = "nginx";
pub(super) const NAMES: [&str; 3] = [OURS, HAPROXY, NGINX];
/// The name that clients call, which is that of the sites too.
pub(super) const NAME: &str = "webext.load.example";

const SITES: &str = include_str!("../../web/sites.conf");
const NGINX_CONF: &str = include_str!("../../web/nginx.conf");
const HAPROXY_CFG: &str = include_str!("../../web/haproxy.cfg");

/// The ports of the topology file.
pub(super) const PORTS: [&str; 12] = [
    PUBLISHED,
    SITE,
    "published_http",
    "web_external_http",
    "web_http",
    "web_https",
    "sip",
    "inter_server",
    "log_command",
    "log_search",
    "log_tail",
    "metrics",
];
const PUBLISHED: &str = "published_https";
const SITE: &str = "web_external_https";

/// Addresses of the network, by their last byte.
const PROXY: u8 = 3;
const MEMBERS: [u8; 2] = [11, 12];

/// A proxy under measurement.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) name: &'static str,
    process: Process,
    at: SocketAddr,
}

impl Proxy {
    pub(super) const fn at(&self) -> SocketAddr {
        self.at
    }

    /// The processor time that it has used so far.
    pub(super) fn used(&self) -> std::io::Result<Duration> {
        self.process.tree().used()
    }

    pub(super) async fn stop(self) {
        self.process.stop().await;
    }
}

/// What has to be there before anything starts.
#[derive(Debug)]
pub(super) struct Prepared {
    program: PathBuf,
    topology: PathBuf,
}

/// Writes the topology and makes all certificates.
pub(super) async fn prepare(place: &Place<'_>) -> anyhow::Result<Prepared> {
    let program = ours::program()?.context("the product is not built beside this program")?;
    let topology = place.write("topology.toml", &topology(place), &[])?;
    place.issue(&program, &topology).await?;
    // HAProxy wants chain and key in one file.
    let tls = place.state().join("machines/rp01.load.example/tls-outside");
    let [chain, key] = ["cert.pem", "key.pem"].map(|file| fs::read_to_string(tls.join(file)));
    fs::write(place.file("outside.pem"), chain? + &key?)?;
    Ok(Prepared { program, topology })
}

/// What is put into configurations.
fn words(place: &Place<'_>, at: SocketAddr) -> Vec<(&'static str, String)> {
    let state = |path: &str| place.state().join(path).display().to_string();
    let [one, two] = MEMBERS.map(|host| place.at(host, SITE).to_string());
    vec![
        ("@ADDRESS@", at.to_string()),
        ("@MEMBER1@", one),
        ("@MEMBER2@", two),
        ("@NAME@", NAME.to_owned()),
        ("@CA@", state("ca/ca.pem")),
        ("@INSIDE@", state("machines/dir01.load.example/tls")),
        ("@OUTSIDE@", state("machines/rp01.load.example/tls-outside")),
    ]
}

/// Starts the sites.
pub(super) async fn sites(place: &Place<'_>) -> anyhow::Result<Process> {
    let [first, _] = MEMBERS.map(|host| place.at(host, SITE));
    let config = place.write("sites.conf", SITES, &words(place, first))?;
    let mut process = place.nginx(&config, "sites.log")?;
    until_listening(&mut process, first).await?;
    Ok(process)
}

/// Starts a proxy; `None` if its program is not there.
pub(super) async fn start(
    place: &Place<'_>,
    prepared: &Prepared,
    name: &'static str,
) -> anyhow::Result<Option<Proxy>> {
    let (program, host) = match name {
        OURS => (prepared.program.as_path(), PROXY),
        HAPROXY => ("/usr/sbin/haproxy".as_ref(), 20),
        _ => ("/usr/sbin/nginx".as_ref(), 21),
    };
    if fs::metadata(program).is_err() {
        return Ok(None);
    }
    let at = place.at(host, PUBLISHED);
    let words = words(place, at);
    let mut process = match name {
        OURS => place.run(program, &prepared.topology, "rp01")?,
        HAPROXY => {
            let config = place.write("haproxy.cfg", HAPROXY_CFG, &words)?;
            place.haproxy(&config, "haproxy.log")?
        }
        _ => {
            let config = place.write("nginx.conf", NGINX_CONF, &words)?;
            place.nginx(&config, "nginx.log")?
        }
    };
    until_listening(&mut process, at).await?;
    Ok(Some(Proxy { name, process, at }))
}

/// A Director pool of two whose name has both addresses, and the reverse proxy.
fn topology(place: &Place<'_>) -> String {
    let mut text = place.topology_head();
    let _ = write!(
        text,
        "\n[limits]\nconnections_per_source = 100000\nhandshakes_per_source = 100000\n\
         \n[[pool]]\nfqdn = \"dirpool.load.example\"\nrole = \"director\"\nload_balancing = \"dns\"\n\
         web = {{ internal = \"webdir.load.example\", external = \"{NAME}\" }}\n\
         \n[[pool]]\nfqdn = \"fe01.load.example\"\nrole = \"front_end\"\n\
         \n[[pool]]\nfqdn = \"rp01.load.example\"\nrole = \"reverse_proxy\"\n"
    );
    let machines = [
        ("dir01", "dirpool", 11),
        ("dir02", "dirpool", 12),
        ("fe01", "fe01", 30),
        ("rp01", "rp01", 2),
    ];
    text.push_str(&place.machines(&machines));
    // The last machine is the reverse proxy.
    let _ = writeln!(text, "external = \"{}\"", place.at(PROXY, SITE).ip());
    text
}
