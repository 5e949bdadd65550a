//! What another topology file means: for rules, names, certificates and listeners; as text and as data.

use base::net::{Face, Transport};
use firewall::change::{ChainChange, Change as RuleChange, Kind};
use firewall::plan::{Admit, Plan, Rate};
use serde_json::{Value, json};
use topology::change::{CertificateChange, Change, Duty, ListenerChange, RecordChange};
use topology::{Listener, RecordData, Topology};

use super::plan::{admit_json, ports, ranges};
use crate::output::Output;

/// Everything that follows from one file taking the place of another.
pub(crate) struct Consequences {
    rules: RuleChange,
    others: Change,
}

impl Consequences {
    /// Compares two topologies.
    pub(crate) fn of(old: &Topology, new: &Topology) -> Self {
        Self {
            rules: RuleChange::between(&Plan::of(old), &Plan::of(new)),
            others: old.change_to(new),
        }
    }

    /// Tells whether nothing follows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.others.is_empty()
    }

    /// Prints what follows, and by which command it is done.
    pub(crate) fn print(&self, output: &Output) -> anyhow::Result<()> {
        if self.is_empty() {
            return output.line("Nothing follows for rules, names, certificates and listeners.");
        }
        let sections = [
            (
                "Rules: `vestibule firewall apply` at each of these places",
                self.rules(),
            ),
            (
                "Names: name services of ours answer so after a restart; others need `vestibule dns export`",
                self.names(),
            ),
            ("Certificates: `vestibule certs`", self.certificates()),
            (
                "Listeners: these machines open and close them when they are restarted",
                self.listeners(),
            ),
        ];
        let told = sections.into_iter().filter(|(_, lines)| !lines.is_empty());
        for (head, lines) in told {
            output.line(head)?;
            lines
                .into_iter()
                .try_for_each(|line| output.line(format!("  {line}")))?;
        }
        Ok(())
    }

    fn rules(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for at in &self.rules.places {
            lines.push(match at.kind {
                Kind::Added => format!("{} is new", at.place),
                Kind::Removed => format!("{} is gone", at.place),
                Kind::Changed => at.place.to_string(),
            });
            lines.extend(at.chains.iter().flat_map(chain));
        }
        lines
    }

    fn names(&self) -> Vec<String> {
        self.others.records.iter().map(record).collect()
    }

    fn certificates(&self) -> Vec<String> {
        self.others.certificates.iter().map(certificate).collect()
    }

    fn listeners(&self) -> Vec<String> {
        self.others.listeners.iter().map(listener).collect()
    }

    /// Returns the same for programs.
    pub(crate) fn json(&self) -> Value {
        let place = |at: &firewall::change::PlaceChange| {
            let chains: Vec<Value> = at.chains.iter().map(chain_json).collect();
            json!({ "place": at.place, "kind": at.kind, "chains": chains })
        };
        let others = &self.others;
        json!({
            "rules": self.rules.places.iter().map(place).collect::<Vec<Value>>(),
            "records": others.records.iter().map(record_json).collect::<Vec<Value>>(),
            "certificates": others.certificates.iter().map(certificate_json).collect::<Vec<Value>>(),
            "listeners": others.listeners.iter().map(listener_json).collect::<Vec<Value>>(),
        })
    }
}

fn chain(chain: &ChainChange) -> Vec<String> {
    let way = chain.direction.name();
    let begins = chain
        .begins
        .iter()
        .map(|one| format!("  + {way}, {}", admit(one)));
    let ends = chain
        .ends
        .iter()
        .map(|one| format!("  - {way}, {}", admit(one)));
    let rates = chain.rates.iter().map(|one| {
        format!(
            "  ~ {way}, {}: {} a source, before {}",
            admit(&one.admit),
            rate(one.admit.rate),
            rate(one.before)
        )
    });
    begins.chain(ends).chain(rates).collect()
}

fn admit(admit: &Admit) -> String {
    format!(
        "flow {}: from {} to {}, {}",
        admit.flow,
        ranges(&admit.sources).join(", "),
        ranges(&admit.destinations).join(", "),
        ports(admit)
    )
}

fn rate(rate: Option<Rate>) -> String {
    rate.map_or_else(
        || "without bound".to_owned(),
        |rate| format!("{}/s", rate.per_second),
    )
}

fn chain_json(chain: &ChainChange) -> Value {
    let all = |admits: &[Admit]| admits.iter().map(admit_json).collect::<Vec<Value>>();
    let rates = chain
        .rates
        .iter()
        .map(|one| json!({ "admit": admit_json(&one.admit), "before": one.before }));
    json!({
        "direction": chain.direction,
        "begins": all(&chain.begins),
        "ends": all(&chain.ends),
        "rates": rates.collect::<Vec<Value>>(),
    })
}

const fn face(face: Face) -> &'static str {
    roles::machine::face_name(face)
}

fn record(change: &RecordChange) -> String {
    let data = |all: &[RecordData]| all.iter().map(data).collect::<Vec<String>>().join(", ");
    let (removed, added) = (data(&change.removed), data(&change.added));
    let sign = match (change.is_kept, change.added.is_empty()) {
        (true, _) => "~",
        (false, true) => "-",
        (false, false) => "+",
    };
    let what = match (removed.is_empty(), added.is_empty()) {
        (false, false) => format!("{added} for {removed}"),
        (true, _) if change.is_kept => format!("also {added}"),
        (true, _) => added,
        (false, true) if change.is_kept => format!("without {removed}"),
        (false, true) => removed,
    };
    format!("{sign} {}, {}: {what}", face(change.face), change.name)
}

fn data(data: &RecordData) -> String {
    match data {
        RecordData::Address(address) => address.to_string(),
        RecordData::Service {
            priority,
            weight,
            port,
            target,
        } => format!("SRV {priority} {weight} {port} {target}"),
    }
}

fn record_json(change: &RecordChange) -> Value {
    let data = |all: &[RecordData]| all.iter().map(data).collect::<Vec<String>>();
    json!({
        "face": face(change.face),
        "name": change.name,
        "removed": data(&change.removed),
        "added": data(&change.added),
    })
}

fn certificate(change: &CertificateChange) -> String {
    let list = |names: &[topology::Fqdn]| {
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        names.join(", ")
    };
    let (added, removed) = (list(&change.added), list(&change.removed));
    let what = match change.duty {
        Duty::Issue => format!("issue one for {added}"),
        Duty::IssueAgain if added.is_empty() => "issue it anew: its subject is another".to_owned(),
        Duty::IssueAgain => format!("issue it anew, with {added}"),
        Duty::Replace if added.is_empty() => {
            format!("revoke it and issue it anew, without {removed}")
        }
        Duty::Replace => format!("revoke it and issue it anew, with {added}, without {removed}"),
        Duty::Revoke => format!("revoke it: nobody needs it any longer ({removed})"),
    };
    format!("{}, {}: {what}", change.machine, face(change.face))
}

fn certificate_json(change: &CertificateChange) -> Value {
    let duty = match change.duty {
        Duty::Issue => "issue",
        Duty::IssueAgain => "issue_again",
        Duty::Replace => "replace",
        Duty::Revoke => "revoke",
    };
    json!({
        "machine": change.machine,
        "face": face(change.face),
        "duty": duty,
        "added": change.added,
        "removed": change.removed,
    })
}

fn listener(change: &ListenerChange) -> String {
    let at = |one: &Listener| {
        let flows: Vec<String> = one.flows.iter().map(ToString::to_string).collect();
        format!(
            "{} {} (flow {})",
            transport(one.transport),
            one.address,
            flows.join(", ")
        )
    };
    let machine = &change.machine;
    match (&change.before, &change.after) {
        (None, Some(after)) => format!("+ {machine}: {}", at(after)),
        (Some(before), None) => format!("- {machine}: {}", at(before)),
        (_, after) => {
            let after = after.as_ref().map(at).unwrap_or_default();
            format!("~ {machine}: {after} lets in others than before")
        }
    }
}

fn listener_json(change: &ListenerChange) -> Value {
    let (kind, one) = match (&change.before, &change.after) {
        (None, one) => ("opens", one),
        (one, None) => ("closes", one),
        (_, one) => ("changes", one),
    };
    json!({
        "machine": change.machine,
        "change": kind,
        "address": one.as_ref().map(|one| one.address),
        "transport": one.as_ref().map(|one| transport(one.transport)),
        "flows": one.as_ref().map(|one| &one.flows),
    })
}

const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Tls => "TLS",
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
    }
}
