//! What a reverse proxy tells of itself.

use std::collections::BTreeMap;

use runtime::metrics::{Kind, Page};
use serde::{Deserialize, Serialize};

use crate::publishing::Counted;

/// What came by a reverse proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyStatus {
    /// Connections from outside that are open.
    pub connections: u64,
    /// Everything that it counts, by name.
    pub counted: BTreeMap<String, u64>,
}

type Figure = (String, Kind, &'static str, u64);

/// Its own counters, those of connections from outside and those of connections to the inside.
fn figures(counted: &Counted) -> Vec<Figure> {
    let sets = [
        ("", counted.proxy.each()),
        ("outside_", counted.outside.each()),
        ("inside_", counted.inside.each()),
    ];
    let named = sets.into_iter().flat_map(|(prefix, set)| {
        let full = move |(name, kind, help, value)| (format!("{prefix}{name}"), kind, help, value);
        set.into_iter().map(full)
    });
    named.collect()
}

/// The same for `vestibule status`.
pub(super) fn status(counted: &Counted) -> ProxyStatus {
    let figures = figures(counted).into_iter();
    let counted: BTreeMap<_, _> = figures.map(|(name, _, _, value)| (name, value)).collect();
    ProxyStatus {
        connections: counted.get("outside_open").copied().unwrap_or_default(),
        counted,
    }
}

/// The same for a monitoring system.
pub(super) fn write(counted: &Counted, machine: &str, page: &mut Page) {
    for (name, kind, help, value) in figures(counted) {
        let name = format!("vestibule_proxy_{name}");
        page.metric(&name, kind, help)
            .value(&name, &[("machine", machine)], value);
    }
}
