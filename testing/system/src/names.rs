//! Names that only the processes of one test resolve, without touching the machine's own tables.
//!
//! Clients differ. Linphone's resolver reads `/etc/hosts` first: it runs in a mount namespace where that file is ours
//! ([`Names::command`]). Baresip asks the server in its configuration and nothing else: a small name server on a free
//! loopback port answers it ([`Names::serve`]).

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use crate::zone::Zone;

/// A table of names and their addresses, in the order they are to be tried.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeMap<String, Vec<Ipv4Addr>>);

impl Names {
    /// Adds an address to a name.
    pub fn add(&mut self, name: &str, address: Ipv4Addr) {
        self.0
            .entry(name.to_ascii_lowercase())
            .or_default()
            .push(address);
    }

    /// Returns the addresses of a name; none when the name is not in the table.
    #[must_use]
    pub fn addresses(&self, name: &str) -> &[Ipv4Addr] {
        self.0
            .get(&name.to_ascii_lowercase())
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Starts a name server that has these names and nothing else.
    ///
    /// # Errors
    /// Fails when the address cannot be bound.
    pub fn serve(&self, at: Ipv4Addr) -> io::Result<Zone> {
        let zone = Zone::start(at)?;
        for (name, addresses) in &self.0 {
            for address in addresses {
                zone.host(name, (*address).into());
            }
        }
        Ok(zone)
    }

    /// Writes the files that replace `/etc/hosts` and `/etc/resolv.conf`, and returns a command that runs `program`
    /// in a mount namespace where they do. Needs root.
    ///
    /// # Errors
    /// Fails when the files cannot be written.
    pub fn command(&self, program: &Path, folder: &Path) -> io::Result<Command> {
        let mut hosts = String::from("127.0.0.1 localhost\n");
        for (name, addresses) in &self.0 {
            for address in addresses {
                hosts.push_str(&format!("{address} {name}\n"));
            }
        }
        std::fs::write(folder.join("hosts"), hosts)?;
        // A name that is not in the table must not be asked for outside of the machine.
        std::fs::write(folder.join("resolv.conf"), "nameserver 127.0.0.1\n")?;
        let enter = "mount --bind \"$0/hosts\" /etc/hosts && \
                     mount --bind \"$0/resolv.conf\" /etc/resolv.conf && exec \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", enter])
            .arg(folder)
            .arg(program);
        Ok(command)
    }
}
