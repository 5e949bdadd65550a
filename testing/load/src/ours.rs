//! Our own server: a small deployment on loopback, one process per machine, of which the one at work is measured.
//!
//! Everything is made new for the run: topology, private authority, certificates, users. A Director alone knows no
//! user, so the Front End that masters the directory runs beside it, unmeasured; a second Front End pool exists in the
//! topology only, so that a redirect names a home and its backup. Addresses and ports are free ones.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustls::pki_types::ServerName;
use tokio::process::Command;

use crate::peer::{DOMAIN, PASSWORD, Server, USERS};
use crate::phone::{Target, Work};
use crate::process::Process;
use crate::tls;

const DIRECTOR: &str = "dir01.load.example";
const FRONT_END: &str = "fe01.load.example";

/// The ports that the two machines open, by their names in the file.
const PORTS: [&str; 10] = [
    "sip",
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

/// Starts the machine that does this work; `None` if the program was not built.
///
/// # Errors
/// It was built and does not start.
pub(crate) async fn start(work: Work, below: &Path) -> anyhow::Result<Option<Server>> {
    let Some(program) = program()? else {
        return Ok(None);
    };
    let directory = below.join(format!("vestibule-{work:?}"));
    fs::create_dir_all(&directory)?;
    let deployment = Deployment::make(program, directory).await?;
    let front_end = deployment.run(FRONT_END)?;
    let (process, companions, host) = match work {
        Work::Redirect => (deployment.run(DIRECTOR)?, vec![front_end], 1),
        Work::Register => (front_end, Vec::new(), 2),
        Work::Echo(_) => return Ok(None),
    };
    let pool = if work == Work::Redirect {
        "dirpool01"
    } else {
        "fepool01"
    };
    let target = Target {
        addr: SocketAddr::new(deployment.address(host), deployment.sip),
        name: ServerName::try_from(format!("{pool}.{DOMAIN}"))?,
        tls: tls::client(&deployment.state().join("ca/ca.pem"))?,
        domain: DOMAIN.to_owned(),
        password: PASSWORD.to_owned(),
    };
    let server = Server {
        process,
        companions,
        target,
    };
    server
        .ready(work)
        .await
        .map(Some)
        .context("vestibule does not get ready")
}

/// The program is built by the same command into the same directory as this one.
fn program() -> anyhow::Result<Option<PathBuf>> {
    let program = std::env::current_exe()?.with_file_name("vestibule");
    Ok(fs::metadata(&program).is_ok().then_some(program))
}

/// A topology with its state directory.
#[derive(Debug)]
struct Deployment {
    program: PathBuf,
    directory: PathBuf,
    /// The network 127.a.b.0/24 that the machines live in.
    network: [u8; 2],
    sip: u16,
}

impl Deployment {
    async fn make(program: PathBuf, directory: PathBuf) -> anyhow::Result<Self> {
        let [.., high, low] = std::process::id().to_be_bytes();
        let ports = free_ports()?;
        let sip = *ports.first().context("SIP is the first port")?;
        let made = Self {
            program,
            directory,
            network: [high | 0x40, low],
            sip,
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
        let pools = [
            ("dirpool01", "director", ""),
            (
                "fepool01",
                "front_end",
                "backup = \"fepool02.load.example\"\n",
            ),
            ("fepool02", "front_end", ""),
        ];
        for (pool, role, more) in pools {
            let _ = write!(
                text,
                "\n[[pool]]\nfqdn = \"{pool}.{DOMAIN}\"\nrole = \"{role}\"\n{more}"
            );
        }
        let machines = [
            (DIRECTOR, "dirpool01"),
            (FRONT_END, "fepool01"),
            ("fe02.load.example", "fepool02"),
        ];
        for (host, (machine, pool)) in (1..).zip(machines) {
            let address = self.address(host);
            let _ = write!(
                text,
                "\n[[machine]]\nfqdn = \"{machine}\"\npool = \"{pool}.{DOMAIN}\"\naddress = \"{address}\"\n"
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

    /// Starts one machine.
    fn run(&self, machine: &str) -> anyhow::Result<Process> {
        let mut command = Command::new(&self.program);
        command
            .arg("run")
            .arg(self.topology())
            .args(["--machine", machine]);
        command.arg("--state").arg(self.state());
        Process::start(
            "vestibule",
            &mut command,
            &self.directory.join(format!("{machine}.log")),
        )
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
