//! The balancers and the members behind them, each its own process on addresses of one network of loopback.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::wrk::LARGE;
use crate::ours;
use crate::process::Process;

pub(super) const HAPROXY: &str = "haproxy";
const SPLICING: &str = "haproxy, splice-auto";
const OURS: &str = "vestibule";
pub(super) const NAMES: [&str; 3] = [OURS, HAPROXY, SPLICING];

const NGINX: &str = include_str!("../../vip/nginx.conf");
const HAPROXY_CFG: &str = include_str!("../../vip/haproxy.cfg");
/// How long a process may take to listen.
const START: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);

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

/// A network 127.a.b.0/24, a port of it, and a folder.
#[derive(Debug)]
pub(super) struct Place<'a> {
    folder: &'a Path,
    network: [u8; 2],
    port: u16,
    /// Further free ports, for what our topology opens beside the one that is measured.
    others: Vec<u16>,
}

/// Addresses of the network, by their last byte.
const BALANCER: u8 = 5;
const VIP: u8 = 10;
const MEMBERS: [u8; 2] = [11, 12];

impl<'a> Place<'a> {
    pub(super) fn make(folder: &'a Path) -> anyhow::Result<Self> {
        let [.., high, low] = std::process::id().to_be_bytes();
        let held: Vec<TcpListener> = (0..PORTS.len())
            .map(|_| TcpListener::bind("0.0.0.0:0"))
            .collect::<Result<_, _>>()?;
        let ports: Vec<u16> = held
            .iter()
            .map(|one| one.local_addr().map(|at| at.port()))
            .collect::<Result<_, _>>()?;
        let files = folder.join("files");
        fs::create_dir_all(&files)?;
        fs::write(files.join("large"), vec![b'x'; LARGE])?;
        let Some((port, others)) = ports.split_first() else {
            bail!("no port is free");
        };
        Ok(Self {
            folder,
            network: [high | 0x40, low],
            port: *port,
            others: others.to_vec(),
        })
    }

    fn at(&self, host: u8) -> SocketAddr {
        let [high, low] = self.network;
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, high, low, host)), self.port)
    }

    fn fill(&self, text: &str, more: &[(&str, String)]) -> String {
        let [one, two] = MEMBERS.map(|member| self.at(member).to_string());
        let words = [
            ("@FOLDER@", self.folder.display().to_string()),
            ("@MEMBER1@", one),
            ("@MEMBER2@", two),
        ];
        let all = words.iter().chain(more);
        all.fold(text.to_owned(), |text, (word, value)| {
            text.replace(word, value)
        })
    }

    /// Starts the members.
    pub(super) fn members(&self) -> anyhow::Result<Process> {
        let config = self.folder.join("nginx.conf");
        fs::write(&config, self.fill(NGINX, &[]))?;
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(&config).arg("-p").arg(self.folder);
        Process::start("nginx", &mut command, &self.folder.join("nginx.log"))
    }

    /// Starts a balancer; `None` if its program is not there.
    pub(super) async fn start(&self, name: &'static str) -> anyhow::Result<Option<Balancer>> {
        let started = match name {
            OURS => self.ours().await?,
            HAPROXY => self.haproxy(20, "# without splicing")?,
            _ => self.haproxy(21, "option splice-auto")?,
        };
        let Some((mut process, at)) = started else {
            return Ok(None);
        };
        let deadline = Instant::now() + START;
        while TcpStream::connect(at).is_err() {
            process.check()?;
            if Instant::now() >= deadline {
                bail!("{name} does not listen; it said: {}", process.complaints());
            }
            // Not there yet: the next try is the condition, the pause only keeps the tries few.
            sleep(PAUSE).await;
        }
        let companions = if name == OURS {
            self.directors()?
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

    fn haproxy(&self, host: u8, splice: &str) -> anyhow::Result<Option<(Process, SocketAddr)>> {
        let program = Path::new("/usr/sbin/haproxy");
        if fs::metadata(program).is_err() {
            return Ok(None);
        }
        let at = self.at(host);
        let words = [
            ("@ADDRESS@", at.to_string()),
            ("@SPLICE@", splice.to_owned()),
        ];
        let config = self.folder.join(format!("haproxy-{host}.cfg"));
        fs::write(&config, self.fill(HAPROXY_CFG, &words))?;
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(&config);
        let log = self.folder.join(format!("haproxy-{host}.log"));
        Ok(Some((Process::start("haproxy", &mut command, &log)?, at)))
    }

    async fn ours(&self) -> anyhow::Result<Option<(Process, SocketAddr)>> {
        let Some(program) = ours::program()? else {
            return Ok(None);
        };
        let topology = self.folder.join("topology.toml");
        fs::write(&topology, self.topology())?;
        let state = self.folder.join("state");
        for words in [&["certs", "init"][..], &["certs", "issue"]] {
            let mut command = Command::new(&program);
            command.args(words);
            if words.contains(&"issue") {
                command.arg(&topology);
            }
            let output = command.arg("--state").arg(&state).output().await?;
            if !output.status.success() {
                bail!("{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        let mut command = Command::new(&program);
        command
            .arg("run")
            .arg(&topology)
            .args(["--machine", "lb01.load.example"]);
        command.arg("--state").arg(&state);
        let log: PathBuf = self.folder.join("vestibule.log");
        let process = Process::start("vestibule", &mut command, &log)?;
        Ok(Some((process, self.at(VIP))))
    }

    /// The SIP side of the members: without it they are not well, and our balancer gives them nothing.
    fn directors(&self) -> anyhow::Result<Vec<Process>> {
        let Some(program) = ours::program()? else {
            return Ok(Vec::new());
        };
        let run = |machine: &str| {
            let mut command = Command::new(&program);
            command.arg("run").arg(self.folder.join("topology.toml"));
            command.args(["--machine", &format!("{machine}.load.example")]);
            command.arg("--state").arg(self.folder.join("state"));
            let log = self.folder.join(format!("{machine}.log"));
            Process::start("a member", &mut command, &log)
        };
        ["dir01", "dir02"].into_iter().map(run).collect()
    }

    /// A Director pool behind a VIP. The site for those who come by the reverse proxy is measured: it goes where the least
    /// is going on, as HAProxy is told to.
    fn topology(&self) -> String {
        let mut text = String::from("version = 1\ndomains = [\"load.example\"]\n\n[ports]\n");
        let ports = std::iter::once(&self.port).chain(&self.others);
        for (name, number) in PORTS.iter().zip(ports) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} = {number}");
        }
        let vip = self.at(VIP).ip();
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
            ("dir01", "dirpool", MEMBERS[0]),
            ("dir02", "dirpool", MEMBERS[1]),
            ("fe01", "fe01", 30),
            ("rp01", "rp01", 31),
        ];
        for (machine, pool, host) in machines {
            let address = self.at(host).ip();
            let _ = write!(
                text,
                "\n[[machine]]\nfqdn = \"{machine}.load.example\"\npool = \"{pool}.load.example\"\naddress = \"{address}\"\n"
            );
        }
        // The last machine is the reverse proxy, without which nobody comes to that site.
        let _ = writeln!(text, "external = \"{}\"", self.at(32).ip());
        text
    }
}

/// The ports of the file that are chosen; the first is the one that is measured.
const PORTS: [&str; 10] = [
    "web_external_http",
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
