//! Names that only the processes of one test resolve, without touching the machine's own tables.
//!
//! A client may also ask a name service alone ([`Resolver::Server`]), as one does that is told nothing but its domain.
//!
//! Clients differ. Linphone's resolver reads `/etc/hosts` first: it runs in a mount namespace where that file is ours
//! ([`Resolver::command`]). Baresip asks the server in its configuration and nothing else: a small name server on a free
//! loopback port answers it ([`Names::serve`]).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

use crate::zone::Zone;

/// Where a client gets its addresses from.
#[derive(Debug, Clone, Copy)]
pub enum Resolver<'a> {
    /// A table of ours; where to sign in is written in the client's configuration.
    Table(&'a Names),
    /// The name service at this address, on the usual port; it also says where to sign in.
    Server(Ipv4Addr),
}

/// A table of names and their addresses, in the order they are to be tried.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeMap<String, Vec<IpAddr>>);

impl Names {
    /// Adds an address to a name.
    pub fn add(&mut self, name: &str, address: impl Into<IpAddr>) {
        self.0
            .entry(name.to_ascii_lowercase())
            .or_default()
            .push(address.into());
    }

    /// Returns the addresses of a name; none when the name is not in the table.
    #[must_use]
    pub fn addresses(&self, name: &str) -> &[IpAddr] {
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
                zone.host(name, *address);
            }
        }
        Ok(zone)
    }

    fn hosts(&self) -> String {
        let all = self.0.iter();
        let lines = all.flat_map(|(name, addresses)| {
            let line = move |address| format!("{address} {name}\n");
            addresses.iter().map(line)
        });
        lines.collect()
    }
}

impl Resolver<'_> {
    /// Writes the files that replace `/etc/hosts` and `/etc/resolv.conf`, and returns a command that runs `program`
    /// in a mount namespace where they do. Needs root.
    ///
    /// # Errors
    /// Fails when the files cannot be written.
    pub fn command(self, program: &Path, folder: &Path) -> io::Result<Command> {
        let (hosts, server) = match self {
            // A name that is not in the table must not be asked for outside of the machine.
            Self::Table(names) => (names.hosts(), Ipv4Addr::LOCALHOST),
            Self::Server(server) => (String::new(), server),
        };
        std::fs::write(
            folder.join("hosts"),
            format!("127.0.0.1 localhost\n{hosts}"),
        )?;
        std::fs::write(folder.join("resolv.conf"), format!("nameserver {server}\n"))?;
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
