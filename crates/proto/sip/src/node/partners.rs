//! What each partner may take of this node, and what it took.
//!
//! Requests are measured by a bucket that a second fills; connections are counted. A partner by any of its domains is
//! one partner, named by the first.
//!
//! Bounds: [`MAX_PARTNERS`] are told apart; in open federation those beyond share one measure.

use super::stats::PartnerStats;
use crate::config::Config;
use base::Mono;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const MAX_PARTNERS: usize = 256;
/// What all partners are called that are one too many.
const OTHERS: &str = "(others)";

/// Which way a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

#[derive(Default)]
struct Measure {
    /// Requests left in this second, and when the second began.
    left: u32,
    since: Option<Mono>,
    flows: usize,
}

/// All partners of a node.
#[derive(Default)]
pub(super) struct Partners {
    all: BTreeMap<Arc<str>, (Measure, PartnerStats)>,
}

impl Partners {
    /// Counts a request.
    pub(super) fn count(&mut self, config: &Config, domain: &str, way: Way) {
        let Some((_, stats)) = self.entry(config, domain) else {
            return;
        };
        match way {
            Way::In => stats.received += 1,
            Way::Out => stats.sent += 1,
        }
    }

    /// Tells whether a partner may send one more request in this second, and counts it either way.
    pub(super) fn admits(&mut self, config: &Config, domain: &str, now: Mono) -> bool {
        let Some(allowed) = config.partner(domain).map(|partner| partner.requests) else {
            return false;
        };
        self.count(config, domain, Way::In);
        let Some((measure, stats)) = self.entry(config, domain) else {
            return false;
        };
        let over = |since: Mono| since.after(Duration::from_secs(1)) <= now;
        if measure.since.is_none_or(over) {
            measure.since = Some(now);
            measure.left = allowed;
        }
        if let Some(left) = measure.left.checked_sub(1) {
            measure.left = left;
            return true;
        }
        stats.refused += 1;
        false
    }

    /// Takes note of a connection; false if it is one too many.
    pub(super) fn opened(&mut self, config: &Config, domain: &str) -> bool {
        let allowed = config.partner(domain).map_or(0, |one| one.connections);
        let Some((measure, stats)) = self.entry(config, domain) else {
            return false;
        };
        measure.flows += 1;
        stats.flows = measure.flows;
        let fits = measure.flows <= allowed;
        if !fits {
            stats.refused += 1;
        }
        fits
    }

    /// A connection is gone.
    pub(super) fn closed(&mut self, config: &Config, domain: &str) {
        if let Some((measure, stats)) = self.entry(config, domain) {
            measure.flows = measure.flows.saturating_sub(1);
            stats.flows = measure.flows;
        }
    }

    /// Returns what was counted, by partner.
    pub(super) fn stats(&self) -> BTreeMap<Arc<str>, PartnerStats> {
        let all = self.all.iter();
        all.map(|(name, (_, stats))| (Arc::clone(name), *stats))
            .collect()
    }

    fn entry(&mut self, config: &Config, domain: &str) -> Option<&mut (Measure, PartnerStats)> {
        config.federation.as_ref()?;
        let is_room = self.all.len() < MAX_PARTNERS || self.all.contains_key(domain);
        let name = if is_room { domain } else { OTHERS };
        Some(self.all.entry(Arc::from(name)).or_default())
    }
}
