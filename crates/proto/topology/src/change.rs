//! What follows from one file taking the place of another: for names, for certificates and for listeners.
//!
//! What it means for packet filters is said by `firewall::change`. Lists are in a fixed order: by name, or machines in the
//! order of the new file and then those that are gone.

use std::collections::BTreeMap;

use base::net::Face;

use crate::{CertificateNeed, Fqdn, Listener, Machine, RecordData, Topology};

/// What one topology has that another has not, or has otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Names that lead elsewhere, the inside's first.
    pub records: Vec<RecordChange>,
    /// Certificates of machines.
    pub certificates: Vec<CertificateChange>,
    /// Where machines listen.
    pub listeners: Vec<ListenerChange>,
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordChange {
    /// Who sees it.
    pub face: Face,
    /// The owner's name.
    pub name: String,
    /// What only the old one has.
    pub removed: Vec<RecordData>,
    /// What only the new one has.
    pub added: Vec<RecordData>,
    /// Whether the name leads to something before and after.
    pub is_kept: bool,
}

/// What becomes of a machine's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateChange {
    /// Which machine.
    pub machine: Fqdn,
    /// On which face.
    pub face: Face,
    /// What has to be done.
    pub duty: Duty,
    /// Names that it has to carry from here on.
    pub added: Vec<Fqdn>,
    /// Names that it need not carry any longer.
    pub removed: Vec<Fqdn>,
}

/// What has to be done about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// None was needed: one has to be issued.
    Issue,
    /// It lacks names: another one has to be issued.
    IssueAgain,
    /// It proves names that are not the machine's any longer: another one has to be issued and this one revoked.
    Replace,
    /// None is needed any longer: it has to be revoked.
    Revoke,
}

/// A listener that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerChange {
    /// Which machine.
    pub machine: Fqdn,
    /// As it was; nothing if it opens.
    pub before: Option<Listener>,
    /// As it will be; nothing if it closes.
    pub after: Option<Listener>,
}

impl Change {
    /// Tells whether nothing follows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.certificates.is_empty() && self.listeners.is_empty()
    }
}

impl Topology {
    /// Says what follows when another topology takes the place of this one.
    #[must_use]
    pub fn change_to(&self, new: &Self) -> Change {
        let mut change = Change {
            records: records(self, new),
            ..Change::default()
        };
        let gone = self.machines().iter();
        let gone = gone.filter(|machine| new.machine(machine.fqdn.as_str()).is_none());
        for machine in new.machines().iter().chain(gone) {
            let name = machine.fqdn.as_str();
            let (before, after) = (self.machine(name), new.machine(name));
            certificates(self, before, new, after, &mut change);
            listeners(self, before, new, after, &mut change);
        }
        change
    }
}

fn records(old: &Topology, new: &Topology) -> Vec<RecordChange> {
    let leads = |topology: &Topology| {
        let mut found: BTreeMap<(Face, String), Vec<RecordData>> = BTreeMap::new();
        for record in topology.records() {
            let key = (record.face, record.name);
            found.entry(key).or_default().push(record.data);
        }
        found
    };
    let (old, new) = (leads(old), leads(new));
    let mut all: Vec<&(Face, String)> = old.keys().chain(new.keys()).collect();
    all.sort();
    all.dedup();
    let change = |key: &(Face, String)| {
        let data = |of: &BTreeMap<_, Vec<RecordData>>| of.get(key).cloned().unwrap_or_default();
        let (before, after) = (data(&old), data(&new));
        RecordChange {
            face: key.0,
            name: key.1.clone(),
            removed: only(&before, &after),
            added: only(&after, &before),
            is_kept: !before.is_empty() && !after.is_empty(),
        }
    };
    let changes = all.into_iter().map(change);
    changes
        .filter(|change| !change.removed.is_empty() || !change.added.is_empty())
        .collect()
}

/// Those of one list that another has not, in their order.
fn only<T: Clone + PartialEq>(these: &[T], others: &[T]) -> Vec<T> {
    let own = these.iter().filter(|one| !others.contains(one));
    own.cloned().collect()
}

fn certificates(
    old: &Topology,
    before: Option<&Machine>,
    new: &Topology,
    after: Option<&Machine>,
    change: &mut Change,
) {
    let needs = |topology: &Topology, machine: Option<&Machine>| {
        machine.map_or(Vec::new(), |machine| topology.certificates(machine))
    };
    let (old, new) = (needs(old, before), needs(new, after));
    let Some(machine) = after.or(before) else {
        return;
    };
    for face in [Face::Inside, Face::Outside] {
        let of = |needs: &[CertificateNeed]| needs.iter().find(|need| need.face == face).cloned();
        let (before, after) = (of(&old), of(&new));
        let names = |need: &Option<CertificateNeed>| {
            need.as_ref().map_or(Vec::new(), |need| need.names.clone())
        };
        let added = only(&names(&after), &names(&before));
        let removed = only(&names(&before), &names(&after));
        let is_renamed =
            before.as_ref().map(|it| &it.subject) != after.as_ref().map(|it| &it.subject);
        let duty = match (&before, &after) {
            (None, None) => continue,
            (None, Some(_)) => Duty::Issue,
            (Some(_), None) => Duty::Revoke,
            _ if !removed.is_empty() => Duty::Replace,
            _ if !added.is_empty() || is_renamed => Duty::IssueAgain,
            _ => continue,
        };
        change.certificates.push(CertificateChange {
            machine: machine.fqdn.clone(),
            face,
            duty,
            added,
            removed,
        });
    }
}

fn listeners(
    old: &Topology,
    before: Option<&Machine>,
    new: &Topology,
    after: Option<&Machine>,
    change: &mut Change,
) {
    let all = |topology: &Topology, machine: Option<&Machine>| {
        machine.map_or(Vec::new(), |machine| topology.listeners(machine))
    };
    let (old, new) = (all(old, before), all(new, after));
    let Some(machine) = after.or(before) else {
        return;
    };
    let at = |listener: &Listener| (listener.address, listener.transport);
    let same_in =
        |list: &[Listener], one: &Listener| list.iter().find(|other| at(other) == at(one)).cloned();
    let mut note = |before: Option<Listener>, after: Option<Listener>| {
        if before != after {
            change.listeners.push(ListenerChange {
                machine: machine.fqdn.clone(),
                before,
                after,
            });
        }
    };
    for one in &old {
        note(Some(one.clone()), same_in(&new, one));
    }
    for one in new.iter().filter(|one| same_in(&old, one).is_none()) {
        note(None, Some(one.clone()));
    }
}
