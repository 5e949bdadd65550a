//! What gets past a packet filter, as the kernel behind it sees it.
//!
//! A table of our own stands behind every other filter of the hook and changes nothing: whatever begins a connection and
//! has come so far is written into a set, which is read back. A packet need not be answered, nor anybody listen, so
//! what a filter lets through is known exactly, for datagrams too.
//!
//! Bounds: [`SIZE`] different beginnings of each family; further ones are not written down.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use serde_json::Value;
use topology::flows::Carrier;

use super::Namespace;

/// How much one place remembers.
const SIZE: u32 = 65_536;
/// The sets, one for each family of addresses.
const SETS: [[&str; 3]; 2] = [["v4", "ipv4_addr", "ip"], ["v6", "ipv6_addr", "ip6"]];
const TABLE: &str = "inet watch";

/// The beginning of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Beginning {
    /// Who opens.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// By what.
    pub carrier: Carrier,
    /// On which port.
    pub port: u16,
}

impl Beginning {
    fn read(element: &Value) -> Option<Self> {
        let parts = element.get("concat")?.as_array()?;
        let [source, destination, carrier, port] = parts.as_slice() else {
            return None;
        };
        let address = |value: &Value| value.as_str()?.parse().ok();
        Some(Self {
            source: address(source)?,
            destination: address(destination)?,
            carrier: match carrier.as_str()? {
                "tcp" => Carrier::Tcp,
                "udp" => Carrier::Udp,
                _ => return None,
            },
            port: port.as_u64()?.try_into().ok()?,
        })
    }
}

impl Namespace {
    /// Begins to write down what begins here and got past all filters of the hook `input`.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses.
    pub fn watch(&self) -> io::Result<()> {
        let mut text = format!("add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n");
        let mut rules = String::new();
        for [name, kind, ip] in SETS {
            text.push_str(&format!(
                "set {name} {{ type {kind} . {kind} . inet_proto . inet_service; size {SIZE}; flags dynamic; }}\n"
            ));
            rules.push_str(&format!(
                "meta l4proto {{ tcp, udp }} ct state new \
                 add @{name} {{ {ip} saddr . {ip} daddr . meta l4proto . th dport }}\n"
            ));
        }
        text.push_str("chain input { type filter hook input priority 500; policy accept;\n");
        text.push_str(&rules);
        text.push_str("}\n}\n");
        self.load(&text)
    }

    /// Returns what was written down.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses.
    pub fn seen(&self) -> io::Result<BTreeSet<Beginning>> {
        let all = self.ruleset()?;
        let items = all.get("nftables").and_then(Value::as_array);
        let sets = items
            .into_iter()
            .flatten()
            .filter_map(|item| item.get("set"));
        let ours = sets.filter(|set| set.get("table").and_then(Value::as_str) == Some("watch"));
        let elements = ours.filter_map(|set| set.get("elem")?.as_array());
        Ok(elements.flatten().filter_map(Beginning::read).collect())
    }
}
