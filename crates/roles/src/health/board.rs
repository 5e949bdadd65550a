//! What is believed of every member: written by one prober, read by anybody at any time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::health::{Input, MemberId, Standing};
use base::net::{Hop, Role};
use base::{Mono, Now};
use logs::{Component, Flags, Level, Value};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use topology::resolve::fronted;
use topology::{Fqdn, PoolView, Port, View, has_sip};
use traces::Recorder;

/// A member that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its pool.
    pub pool: Fqdn,
    /// Its name and where it is asked.
    pub hop: Hop,
    /// Its addresses, on every face.
    pub addresses: Vec<IpAddr>,
    /// Whether it expects to hear from us first whose connection it is, since we pass others on to that port.
    pub is_told: bool,
    /// Its other ports to which we pass connections on; each must take one.
    pub ports: Vec<u16>,
}

/// Hears of each change of a member's standing.
pub type Listener = Box<dyn Fn(&str, Standing) + Send + Sync>;

/// What is believed of the members, in the order in which they were given.
pub struct Board {
    members: Vec<Watched>,
    by_address: BTreeMap<IpAddr, usize>,
    beliefs: Vec<Mutex<Belief>>,
    listener: Option<Listener>,
    recorder: Recorder,
}

#[derive(Clone)]
struct Belief {
    standing: Standing,
    since: Option<Mono>,
    /// What went wrong with the last question, if it did.
    fault: Option<String>,
    questions: u64,
    failures: u64,
}

/// How a member stands, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Its name.
    pub member: String,
    /// Its pool.
    pub pool: String,
    /// Where it is asked.
    pub address: SocketAddr,
    /// `up`, `down` or `draining`.
    pub standing: String,
    /// For how many seconds, if it has changed since the start.
    pub since_s: Option<u64>,
    /// What went wrong with the last question.
    pub fault: Option<String>,
    /// Questions that were answered or given up.
    pub questions: u64,
    /// Those of them that failed.
    pub failures: u64,
}

impl Watched {
    /// Those of whom a machine has to know: a name service of every machine that speaks SIP inside, a balancer of the
    /// members behind its VIPs.
    #[must_use]
    pub fn of(view: &View) -> Vec<Self> {
        let answers_names = view.has_role(Role::Dns);
        let held = |pool: &PoolView| {
            let mut vips = view.listeners.iter().filter_map(|one| one.vip_of.as_ref());
            vips.any(|vip| *vip == pool.pool.fqdn)
        };
        let pools = view.pools.iter().filter(|pool| has_sip(pool.pool.role));
        let pools = pools.filter(|pool| answers_names || held(pool));
        let watched = pools.flat_map(|pool| {
            pool.members.iter().map(|member| Self {
                pool: pool.pool.fqdn.clone(),
                hop: Hop::inside(member.fqdn.as_str(), view.socket(member, Port::Sip)),
                addresses: [member.address]
                    .into_iter()
                    .chain(member.external)
                    .collect(),
                is_told: held(pool) && fronted(&pool.pool, Port::Sip),
                ports: if held(pool) {
                    web_ports(view, pool)
                } else {
                    Vec::new()
                },
            })
        });
        watched.collect()
    }
}

/// The ports of a pool's web sites that its VIP takes.
fn web_ports(view: &View, pool: &PoolView) -> Vec<u16> {
    let mut ports = Vec::new();
    for listener in &view.listeners {
        let is_web = !matches!(listener.port, Port::Sip | Port::InterServer);
        if is_web && listener.vip_of.as_ref() == Some(&pool.pool.fqdn) {
            ports.push(view.ports.number(listener.port));
        }
    }
    ports
}

impl Board {
    /// Begins with these members, all of them up.
    #[must_use]
    pub fn new(members: Vec<Watched>) -> Self {
        let fresh = Belief {
            standing: Standing::Up,
            since: None,
            fault: None,
            questions: 0,
            failures: 0,
        };
        let addresses = members.iter().enumerate();
        let addresses =
            addresses.flat_map(|(at, member)| member.addresses.iter().map(move |one| (*one, at)));
        Self {
            by_address: addresses.collect(),
            beliefs: members.iter().map(|_| Mutex::new(fresh.clone())).collect(),
            members,
            listener: None,
            recorder: Recorder::default(),
        }
    }

    /// Has each change recorded.
    #[must_use]
    pub fn recorded_by(self, recorder: Recorder) -> Self {
        Self { recorder, ..self }
    }

    /// Has somebody hear of each change.
    #[must_use]
    pub fn telling(self, listener: Listener) -> Self {
        Self {
            listener: Some(listener),
            ..self
        }
    }

    /// Returns the members.
    #[must_use]
    pub fn members(&self) -> &[Watched] {
        &self.members
    }

    /// Returns how the member at an address stands; whoever is not asked is up.
    #[must_use]
    pub fn standing(&self, address: IpAddr) -> Standing {
        let member = self.by_address.get(&address).copied();
        let belief = member.and_then(|at| self.belief(MemberId(at)));
        belief.map_or(Standing::Up, |belief| belief.standing)
    }

    /// Returns how every member stands.
    #[must_use]
    pub fn status(&self, now: Now) -> Vec<MemberStatus> {
        let members = self.members.iter().enumerate();
        let status = members.filter_map(|(at, member)| {
            let belief = self.belief(MemberId(at))?.clone();
            Some(MemberStatus {
                member: member.hop.name.to_string(),
                pool: member.pool.to_string(),
                address: member.hop.addr,
                standing: word(belief.standing).to_owned(),
                since_s: belief.since.map(|since| now.mono.since(since).as_secs()),
                fault: belief.fault,
                questions: belief.questions,
                failures: belief.failures,
            })
        });
        status.collect()
    }

    pub(super) fn answered(&self, member: MemberId, fault: Option<String>) {
        if let Some(mut belief) = self.belief(member) {
            belief.questions += 1;
            belief.failures += u64::from(fault.is_some());
            belief.fault = fault;
        }
    }

    pub(super) fn changed(&self, member: MemberId, standing: Standing, now: Now) {
        let (mut before, mut fault) = (Standing::Up, None);
        if let Some(mut belief) = self.belief(member) {
            before = std::mem::replace(&mut belief.standing, standing);
            belief.since = Some(now.mono);
            fault.clone_from(&belief.fault);
        }
        self.tell(member, before, standing, fault);
        if let Some(known) = self.members.get(member.0) {
            tracing::info!(member = %known.hop.name, standing = word(standing), "a server's health has changed");
            if let Some(listener) = &self.listener {
                listener(&known.hop.name, standing);
            }
        }
    }

    fn tell(&self, member: MemberId, before: Standing, after: Standing, fault: Option<String>) {
        let level = match after {
            Standing::Down => Level::Warning,
            Standing::Up | Standing::Draining => Level::Info,
        };
        self.recorder
            .record(Component::Health, level, Flags::DIAG, |record| {
                let known = self.members.get(member.0);
                record.peer_name = known.map(|known| Value::shared(&known.hop.name));
                record.peer = known.map(|known| known.hop.addr);
                record.decision = Some(word(after).into());
                let (before, after) = (word(before), word(after));
                let why = fault.unwrap_or_else(|| match after {
                    "draining" => "it says that it takes nothing new".to_owned(),
                    _ => "it answers".to_owned(),
                });
                record.reason = Some(Value::new(&format!("from {before} to {after}: {why}")));
            });
    }

    fn belief(&self, member: MemberId) -> Option<MutexGuard<'_, Belief>> {
        let belief = self.beliefs.get(member.0)?;
        Some(belief.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A name is answered with the machines that take something new.
impl dns::Health for Board {
    fn is_up(&self, _name: &str, address: IpAddr) -> bool {
        self.standing(address) == Standing::Up
    }
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Up => "up",
        Standing::Down => "down",
        Standing::Draining => "draining",
    }
}

/// Tells a prober what became of members that were used.
#[derive(Clone)]
pub struct Reporter {
    pub(super) board: Arc<Board>,
    pub(super) sender: mpsc::Sender<Input>,
}

impl Reporter {
    /// The member at an address could not be used.
    pub fn failed(&self, address: IpAddr) {
        self.report(address, Input::Failed);
    }

    /// The member at an address was used with success.
    pub fn served(&self, address: IpAddr) {
        self.report(address, Input::Served);
    }

    fn report(&self, address: IpAddr, what: fn(MemberId) -> Input) {
        if let Some(at) = self.board.by_address.get(&address) {
            // A word that is lost costs one failure of many: the prober finds out by itself.
            let _ = self.sender.try_send(what(MemberId(*at)));
        }
    }
}
