//! What comes to a packet filter and what gets past it, as the kernel sees it.
//!
//! A table of our own stands before and behind every other filter and changes nothing: whatever begins a connection is
//! written into a set where it comes and into another where it has passed, and these are read back. A packet need not be
//! answered, nor anybody listen, so what a filter lets through is known exactly, for datagrams too; and what has come
//! and has not passed was stopped.
//!
//! Bounds: [`SIZE`] different beginnings of each family in a set; further ones are not written down.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use serde_json::Value;
use topology::flows::Carrier;

use super::Namespace;

/// How much one set remembers.
const SIZE: u32 = 65_536;
/// The families of addresses: name, type in a set, and how a rule calls its header.
const FAMILIES: [[&str; 3]; 2] = [["v4", "ipv4_addr", "ip"], ["v6", "ipv6_addr", "ip6"]];
/// Where packet filters stand.
pub const HOOKS: [&str; 3] = ["input", "forward", "output"];
/// Before and behind every filter: behind connection tracking, which is at -200.
const STAGES: [(&str, i32); 2] = [(COME, -150), (PAST, 500)];
const COME: &str = "come";
const PAST: &str = "past";
const TABLE: &str = "watch";

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
    /// Begins to write down what comes here and what gets past the filters of each hook.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses.
    pub fn watch(&self) -> io::Result<()> {
        let mut text = format!("add table inet {TABLE}\ndelete table inet {TABLE}\n");
        text.push_str(&format!("table inet {TABLE} {{\n"));
        for (stage, priority) in STAGES {
            for hook in HOOKS {
                let mut rules = String::new();
                for [family, kind, ip] in FAMILIES {
                    let set = format!("{stage}_{hook}_{family}");
                    text.push_str(&format!(
                        "set {set} {{ type {kind} . {kind} . inet_proto . inet_service; size {SIZE}; flags dynamic; }}\n"
                    ));
                    rules.push_str(&format!(
                        "meta l4proto {{ tcp, udp }} ct state new \
                         add @{set} {{ {ip} saddr . {ip} daddr . meta l4proto . th dport }}\n"
                    ));
                }
                text.push_str(&format!(
                    "chain {stage}_{hook} {{\ntype filter hook {hook} priority {priority}; policy accept;\n{rules}}}\n"
                ));
            }
        }
        text.push_str("}\n");
        self.load(&text)
    }

    /// Returns what came to a hook.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses.
    pub fn come(&self, hook: &str) -> io::Result<BTreeSet<Beginning>> {
        self.written(COME, hook)
    }

    /// Returns what got past all filters of a hook.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses.
    pub fn past(&self, hook: &str) -> io::Result<BTreeSet<Beginning>> {
        self.written(PAST, hook)
    }

    fn written(&self, stage: &str, hook: &str) -> io::Result<BTreeSet<Beginning>> {
        let all = self.ruleset()?;
        let items = all.get("nftables").and_then(Value::as_array);
        let sets = items
            .into_iter()
            .flatten()
            .filter_map(|item| item.get("set"));
        let begin = format!("{stage}_{hook}_");
        let is_ours = |set: &&Value| {
            let word = |key: &str| set.get(key).and_then(Value::as_str);
            let name = word("name").is_some_and(|name| name.starts_with(&begin));
            name && word("table") == Some(TABLE)
        };
        let elements = sets
            .filter(is_ours)
            .filter_map(|set| set.get("elem")?.as_array());
        Ok(elements.flatten().filter_map(Beginning::read).collect())
    }
}
