//! A network of loopback, free ports and a folder: where balancers, proxies and what is behind them are put for one run.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::process::Process;

/// How long a process may take to listen.
const START: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a large answer.
pub(crate) const LARGE: usize = 4 << 20;

/// The place of one run.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    folder: &'a Path,
    network: [u8; 2],
    ports: Vec<(&'static str, u16)>,
}

impl<'a> Place<'a> {
    /// Takes a free port for each of these names, which are those of a topology file.
    pub(crate) fn make(folder: &'a Path, names: &[&'static str]) -> anyhow::Result<Self> {
        let [.., high, low] = std::process::id().to_be_bytes();
        let held: Vec<TcpListener> = names
            .iter()
            .map(|_| TcpListener::bind("0.0.0.0:0"))
            .collect::<Result<_, _>>()?;
        let numbers = held.iter().map(|one| one.local_addr().map(|at| at.port()));
        let numbers: Vec<u16> = numbers.collect::<Result<_, _>>()?;
        let files = folder.join("files");
        fs::create_dir_all(&files)?;
        fs::write(files.join("large"), vec![b'x'; LARGE])?;
        Ok(Self {
            folder,
            network: [high | 0x40, low],
            ports: names.iter().copied().zip(numbers).collect(),
        })
    }

    /// An address of the network, by its last byte, and a port by its name.
    pub(crate) fn at(&self, host: u8, port: &str) -> SocketAddr {
        let [high, low] = self.network;
        let found = self.ports.iter().find(|(name, _)| *name == port);
        let number = found.map_or(0, |(_, number)| *number);
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, high, low, host)), number)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The state directory of our machines.
    pub(crate) fn state(&self) -> PathBuf {
        self.file("state")
    }

    /// Puts values for words into a text, the folder among them, and writes it to a file.
    pub(crate) fn write(
        &self,
        name: &str,
        text: &str,
        words: &[(&str, String)],
    ) -> anyhow::Result<PathBuf> {
        let folder = ("@FOLDER@", self.folder.display().to_string());
        let all = std::iter::once(&folder).chain(words);
        let text = all.fold(text.to_owned(), |text, (word, value)| {
            text.replace(word, value)
        });
        let path = self.file(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// The beginning of a topology file: a domain and the ports.
    pub(crate) fn topology_head(&self) -> String {
        let mut text = String::from("version = 1\ndomains = [\"load.example\"]\n\n[ports]\n");
        for (name, number) in &self.ports {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} = {number}");
        }
        text
    }

    /// Machines of a topology file: name, pool and the last byte of the address of each.
    pub(crate) fn machines(&self, machines: &[(&str, &str, u8)]) -> String {
        let mut text = String::new();
        for (machine, pool, host) in machines {
            let address = self.at(*host, "").ip();
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n[[machine]]\nfqdn = \"{machine}.load.example\"\npool = \"{pool}.load.example\"\naddress = \"{address}\"\n"
            );
        }
        text
    }

    /// Makes an authority and all certificates of a topology.
    pub(crate) async fn issue(&self, program: &Path, topology: &Path) -> anyhow::Result<()> {
        for words in [&["certs", "init"][..], &["certs", "issue"]] {
            let mut command = Command::new(program);
            command.args(words);
            if words.contains(&"issue") {
                command.arg(topology);
            }
            let output = command.arg("--state").arg(self.state()).output().await?;
            if !output.status.success() {
                bail!("{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        Ok(())
    }

    /// Runs one machine of a topology.
    pub(crate) fn run(
        &self,
        program: &Path,
        topology: &Path,
        machine: &str,
    ) -> anyhow::Result<Process> {
        let mut command = Command::new(program);
        command.arg("run").arg(topology);
        command.args(["--machine", &format!("{machine}.load.example")]);
        command.arg("--state").arg(self.state());
        let log = self.file(&format!("{machine}.log"));
        Process::start("vestibule", &mut command, &log)
    }

    /// Runs nginx with a configuration.
    pub(crate) fn nginx(&self, config: &Path, log: &str) -> anyhow::Result<Process> {
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(config).arg("-p").arg(self.folder);
        Process::start("nginx", &mut command, &self.file(log))
    }

    /// Runs HAProxy with a configuration.
    pub(crate) fn haproxy(&self, config: &Path, log: &str) -> anyhow::Result<Process> {
        let mut command = Command::new("/usr/sbin/haproxy");
        command.arg("-db").arg("-f").arg(config);
        Process::start("haproxy", &mut command, &self.file(log))
    }
}

/// Waits until somebody listens.
///
/// # Errors
/// The process ends, or nobody does within a time.
pub(crate) async fn until_listening(process: &mut Process, at: SocketAddr) -> anyhow::Result<()> {
    let deadline = Instant::now() + START;
    while TcpStream::connect(at).is_err() {
        process.check().with_context(|| format!("nobody at {at}"))?;
        if Instant::now() >= deadline {
            bail!("nobody listens at {at}; it said: {}", process.complaints());
        }
        // Not there yet: the next try is the condition, the pause only keeps the tries few.
        sleep(PAUSE).await;
    }
    Ok(())
}
