//! A small deployment on loopback, made new for a run: topology, private authority, certificates, users.
//!
//! It has an Edge, a Director and a Front End that may run; a second Front End pool exists in the topology only, so that
//! a redirect names a home and its backup. Addresses and ports are free ones.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::bail;
use rustls::pki_types::ServerName;
use tokio::process::Command;

use crate::peer::{DOMAIN, PASSWORD, USERS};
use crate::process::Process;

/// A machine of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    /// Where phones outside come in.
    Edge,
    /// Who knows the users.
    Director,
    /// Where they are registered; it masters the directory of users too.
    FrontEnd,
}

/// The addresses inside, within the network.
const DIRECTOR: u8 = 1;
const FRONT_END: u8 = 2;
const EDGE: u8 = 4;
/// The Edge's address outside, within the network.
const OUTSIDE: u8 = 9;

/// The ports that these machines open, by their names in the file.
const PORTS: [&str; 11] = [
    "sip",
    "edge_access",
    "inter_server",
    "web_http",
    "web_https",
    "web_external_http",
    "web_external_https",
    "log_command",
    "log_search",
    "log_tail",
    "metrics",
];

impl Machine {
    const fn fqdn(self) -> &'static str {
        match self {
            Self::Edge => "edge01.load.example",
            Self::Director => "dir01.load.example",
            Self::FrontEnd => "fe01.load.example",
        }
    }
}

/// A topology with its state directory.
#[derive(Debug)]
pub(crate) struct Deployment {
    program: PathBuf,
    directory: PathBuf,
    /// The network 127.a.b.0/24 that the machines live in.
    network: [u8; 2],
    sip: u16,
    edge_access: u16,
    metrics: u16,
}

impl Deployment {
    /// Makes one below a directory.
    ///
    /// # Errors
    /// The program cannot make what it needs.
    pub(crate) async fn make(program: PathBuf, directory: PathBuf) -> anyhow::Result<Self> {
        let [.., high, low] = std::process::id().to_be_bytes();
        let ports = free_ports()?;
        let &[sip, edge_access, .., metrics] = ports.as_slice() else {
            bail!("two ports are phones', and the last is for metrics");
        };
        let made = Self {
            program,
            directory,
            network: [high | 0x40, low],
            sip,
            edge_access,
            metrics,
        };
        fs::write(made.topology(), made.text(&ports))?;
        fs::write(made.users(), users())?;
        made.command(&["certs", "init"], &[]).await?;
        made.command(&["certs", "issue"], &[&made.topology()])
            .await?;
        made.command(
            &["user", "import", "--topology"],
            &[&made.topology(), &made.users()],
        )
        .await?;
        Ok(made)
    }

    /// Where phones reach a machine, and by which name.
    ///
    /// # Errors
    /// Never for these names.
    pub(crate) fn door(
        &self,
        machine: Machine,
    ) -> anyhow::Result<(SocketAddr, ServerName<'static>)> {
        let (host, port, name) = match machine {
            Machine::Director => (DIRECTOR, self.sip, "dirpool01"),
            Machine::FrontEnd => (FRONT_END, self.sip, "fepool01"),
            Machine::Edge => (OUTSIDE, self.edge_access, "sip"),
        };
        let name = ServerName::try_from(format!("{name}.{DOMAIN}"))?;
        Ok((SocketAddr::new(self.address(host), port), name))
    }

    /// Where a machine tells its metrics.
    pub(crate) fn page(&self, machine: Machine) -> SocketAddr {
        let host = match machine {
            Machine::Director => DIRECTOR,
            Machine::FrontEnd => FRONT_END,
            Machine::Edge => EDGE,
        };
        SocketAddr::new(self.address(host), self.metrics)
    }

    /// Writes down which scenarios a machine finds running when it starts.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub(crate) fn trace(&self, machine: Machine, scenarios: &str) -> anyhow::Result<()> {
        let folder = self.state().join("machines").join(machine.fqdn());
        let folder = folder.join("traces");
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join("scenarios.json"), scenarios)?)
    }

    /// The certificate of the authority that all machines' certificates are from.
    pub(crate) fn authority(&self) -> PathBuf {
        self.state().join("ca/ca.pem")
    }

    /// Starts one machine.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn run(&self, machine: Machine) -> anyhow::Result<Process> {
        let name = machine.fqdn();
        let mut command = Command::new(&self.program);
        command.arg("run").arg(self.topology());
        command.args(["--machine", name]);
        command.arg("--state").arg(self.state());
        let log = self.directory.join(format!("{name}.log"));
        Process::start("vestibule", &mut command, &log)
    }

    fn topology(&self) -> PathBuf {
        self.directory.join("topology.toml")
    }

    fn users(&self) -> PathBuf {
        self.directory.join("users.csv")
    }

    fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    fn address(&self, host: u8) -> IpAddr {
        let [high, low] = self.network;
        IpAddr::V4(Ipv4Addr::new(127, high, low, host))
    }

    fn text(&self, ports: &[u16]) -> String {
        let mut text = format!(
            "version = 1\ndomains = [\"{DOMAIN}\"]\nclient_networks = [\"127.0.0.0/8\"]\n\n[ports]\n"
        );
        for (name, number) in PORTS.iter().zip(ports) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} = {number}");
        }
        let backup = format!("backup = \"fepool02.{DOMAIN}\"\n");
        let pools = [
            ("dirpool01", "director", ""),
            ("fepool01", "front_end", backup.as_str()),
            ("fepool02", "front_end", ""),
            ("edge01", "edge", ""),
        ];
        for (pool, role, more) in pools {
            let _ = write!(
                text,
                "\n[[pool]]\nfqdn = \"{pool}.{DOMAIN}\"\nrole = \"{role}\"\n{more}"
            );
        }
        let outside = format!("external = \"{}\"\n", self.address(OUTSIDE));
        let machines = [
            (Machine::Director.fqdn(), "dirpool01", ""),
            (Machine::FrontEnd.fqdn(), "fepool01", ""),
            ("fe02.load.example", "fepool02", ""),
            (Machine::Edge.fqdn(), "edge01", outside.as_str()),
        ];
        for (host, (machine, pool, more)) in (1..).zip(machines) {
            let address = self.address(host);
            let _ = write!(
                text,
                "\n[[machine]]\nfqdn = \"{machine}\"\npool = \"{pool}.{DOMAIN}\"\naddress = \"{address}\"\n{more}"
            );
        }
        text
    }

    /// Runs one short command of the program to its end.
    async fn command(&self, words: &[&str], files: &[&Path]) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .args(files)
            .arg("--state")
            .arg(self.state())
            .kill_on_drop(true);
        let output = command.output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "vestibule {} ended with {}: {said}",
                words.join(" "),
                output.status
            );
        }
        Ok(())
    }
}

/// Numbers that are free on every loopback address; they are held together so that they differ.
fn free_ports() -> anyhow::Result<Vec<u16>> {
    let held: Vec<TcpListener> = PORTS
        .iter()
        .map(|_| TcpListener::bind("0.0.0.0:0"))
        .collect::<Result<_, _>>()?;
    let ports: Result<_, _> = held
        .iter()
        .map(|one| one.local_addr().map(|at| at.port()))
        .collect();
    Ok(ports?)
}

fn users() -> String {
    let mut text = "aor,password,name,pool\n".to_owned();
    for number in 0..USERS {
        let _ = writeln!(
            text,
            "load{number}@{DOMAIN},{PASSWORD},Load Phone {number},fepool01.{DOMAIN}"
        );
    }
    text
}
