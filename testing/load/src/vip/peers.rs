//! The balancers and the members behind them, each its own process on addresses of one network of loopback.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::process::Command;

use crate::ours;
use crate::place::{Place, until_listening};
use crate::process::Process;

pub(super) const HAPROXY: &str = "haproxy";
const SPLICING: &str = "haproxy, splice-auto";
const OURS: &str = "vestibule";
pub(super) const NGINX: &str = "nginx stream";
pub(super) const NAMES: [&str; 4] = [OURS, HAPROXY, SPLICING, NGINX];

const SITES: &str = include_str!("../../vip/nginx.conf");
const STREAM: &str = include_str!("../../vip/nginx-stream.conf");
/// What Debian keeps apart from nginx itself.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";
const HAPROXY_CFG: &str = include_str!("../../vip/haproxy.cfg");

/// The ports of the topology file; the first is the one that is measured.
pub(super) const PORTS: [&str; 10] = [
    MEASURED,
    "web_external_https",
    "web_http",
    "web_https",
    "sip",
    "inter_server",
    "log_command",
    "log_search",
    "log_tail",
    "metrics",
];
/// The site for those who come by the reverse proxy: it goes where the least is going on, as HAProxy is told to.
const MEASURED: &str = "web_external_http";
/// The web ports of a member, all of which must take connections before our balancer takes it for well.
const WEB: [&str; 4] = [MEASURED, "web_external_https", "web_http", "web_https"];

/// Addresses of the network, by their last byte.
const BALANCER: u8 = 5;
const VIP: u8 = 10;
const MEMBERS: [(&str, u8); 2] = [("dir01", 11), ("dir02", 12)];

/// A balancer under measurement.
#[derive(Debug)]
pub(super) struct Balancer {
    pub(super) name: &'static str,
    process: Process,
    at: SocketAddr,
    /// What it needs to do its work; not measured.
    companions: Vec<Process>,
}

impl Balancer {
    pub(super) const fn address(&self) -> SocketAddr {
        self.at
    }

    /// The processor time that it has used so far.
    pub(super) fn used(&self) -> std::io::Result<Duration> {
        self.process.tree().used()
    }

    pub(super) async fn stop(self) {
        self.process.stop().await;
        for companion in self.companions {
            companion.stop().await;
        }
    }
}

/// Starts the members.
pub(super) fn members(place: &Place<'_>) -> anyhow::Result<Process> {
    let addresses = MEMBERS
        .iter()
        .flat_map(|(_, host)| WEB.map(|port| place.at(*host, port)));
    let listens: String = addresses
        .map(|at| format!("        listen {at} proxy_protocol backlog=4096;\n"))
        .collect();
    let config = place.write("nginx.conf", SITES, &[("@LISTENS@", listens)])?;
    place.nginx(&config, "nginx.log")
}

/// Starts a balancer; `None` if its program is not there.
pub(super) async fn start(
    place: &Place<'_>,
    name: &'static str,
) -> anyhow::Result<Option<Balancer>> {
    let started = match name {
        OURS => ours(place).await?,
        HAPROXY => haproxy(place, 20, "# without splicing")?,
        NGINX => nginx(place, 22)?,
        _ => haproxy(place, 21, "option splice-auto")?,
    };
    let Some((mut process, at)) = started else {
        return Ok(None);
    };
    until_listening(&mut process, at).await?;
    let companions = if name == OURS {
        well(place)?
    } else {
        Vec::new()
    };
    Ok(Some(Balancer {
        name,
        process,
        at,
        companions,
    }))
}

fn haproxy(
    place: &Place<'_>,
    host: u8,
    splice: &str,
) -> anyhow::Result<Option<(Process, SocketAddr)>> {
    if fs::metadata("/usr/sbin/haproxy").is_err() {
        return Ok(None);
    }
    let at = place.at(host, MEASURED);
    let mut words = addresses(place, at).to_vec();
    words.push(("@SPLICE@", splice.to_owned()));
    let config = place.write(&format!("haproxy-{host}.cfg"), HAPROXY_CFG, &words)?;
    let process = place.haproxy(&config, &format!("haproxy-{host}.log"))?;
    Ok(Some((process, at)))
}

fn nginx(place: &Place<'_>, host: u8) -> anyhow::Result<Option<(Process, SocketAddr)>> {
    if fs::metadata(MODULE).is_err() {
        return Ok(None);
    }
    let at = place.at(host, MEASURED);
    let mut words = addresses(place, at).to_vec();
    words.push(("@MODULE@", MODULE.to_owned()));
    let config = place.write("nginx-stream.conf", STREAM, &words)?;
    Ok(Some((place.nginx(&config, "nginx-stream.log")?, at)))
}

/// Where a peer listens, and where its members are.
fn addresses(place: &Place<'_>, at: SocketAddr) -> [(&'static str, String); 3] {
    let member = |at: usize| {
        let member = MEMBERS.get(at).map(|(_, host)| place.at(*host, MEASURED));
        member.map(|at| at.to_string()).unwrap_or_default()
    };
    [
        ("@ADDRESS@", at.to_string()),
        ("@MEMBER1@", member(0)),
        ("@MEMBER2@", member(1)),
    ]
}

async fn ours(place: &Place<'_>) -> anyhow::Result<Option<(Process, SocketAddr)>> {
    let Some(program) = ours::program()? else {
        return Ok(None);
    };
    let topology = place.write("topology.toml", &topology(place), &[])?;
    place.issue(&program, &topology).await?;
    let process = place.run(&program, &topology, "lb01")?;
    Ok(Some((process, place.at(VIP, MEASURED))))
}

/// The SIP side of the members: without it they are not well, and our balancer gives them nothing.
fn well(place: &Place<'_>) -> anyhow::Result<Vec<Process>> {
    let run = |(name, host): &(&str, u8)| {
        let tls = place
            .state()
            .join(format!("machines/{name}.load.example/tls"));
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["well", "--at", &place.at(*host, "sip").to_string()]);
        command.arg("--certificate").arg(tls.join("cert.pem"));
        command.arg("--key").arg(tls.join("key.pem"));
        Process::start(
            "a member",
            &mut command,
            &place.file(&format!("{name}.log")),
        )
    };
    MEMBERS.iter().map(run).collect()
}

/// A Director pool behind a VIP.
fn topology(place: &Place<'_>) -> String {
    let mut text = place.topology_head();
    let vip = place.at(VIP, MEASURED).ip();
    let _ = write!(
        text,
        "\n[[pool]]\nfqdn = \"dirpool.load.example\"\nrole = \"director\"\nload_balancing = \"dns+hlb\"\nvip = \"{vip}\"\n\
         web = {{ internal = \"webdir.load.example\", external = \"webext.load.example\" }}\n\
         \n[[pool]]\nfqdn = \"fe01.load.example\"\nrole = \"front_end\"\n\
         \n[[pool]]\nfqdn = \"lb01.load.example\"\nrole = \"load_balancer\"\n\
         \n[[pool]]\nfqdn = \"rp01.load.example\"\nrole = \"reverse_proxy\"\n"
    );
    let machines = [
        ("lb01", "lb01", BALANCER),
        ("dir01", "dirpool", 11),
        ("dir02", "dirpool", 12),
        ("fe01", "fe01", 30),
        ("rp01", "rp01", 31),
    ];
    text.push_str(&place.machines(&machines));
    // The last machine is the reverse proxy, without which nobody comes to that site.
    let _ = writeln!(text, "external = \"{}\"", place.at(32, MEASURED).ip());
    text
}
