//! A bed in which every machine of its topology runs: certificates, users, the real binary in each namespace.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::thread;
use std::time::Duration;

use base::net::Role;
use thiserror::Error;
use topology::Port;

use super::Bed;
use crate::agent::Doors;
use crate::deployment::{Deployment, DeploymentError, Entrance, User};
use crate::names::Names;
use crate::operator::{Machine, Member, Operator, OperatorError};
use crate::phones::Account;
use crate::tls::{Manner, WireError};
use crate::wait;

/// The users of a bed, two at home in the first Front End pool and two in the last.
const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// How long machines may take to find each other.
const SOON: Duration = Duration::from_secs(60);

/// Why the machines of a bed do not run.
#[derive(Debug, Error)]
pub enum RunningError {
    /// A command of the operator failed.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// A machine did not start.
    #[error("{machine} did not start")]
    Start {
        /// Which.
        machine: String,
        /// Why.
        #[source]
        source: DeploymentError,
    },
    /// The users could not be written down.
    #[error("the list of users could not be written")]
    Users(#[source] std::io::Error),
    /// They run and do not find each other.
    #[error("after {} s this is still missing: {missing}", SOON.as_secs())]
    Apart {
        /// The machines, and what each misses.
        missing: String,
    },
}

/// The machines of a bed, each a process of its own in its namespace.
#[derive(Debug)]
pub struct Running {
    operator: Operator,
    users: Vec<User>,
    machines: BTreeMap<String, Deployment>,
}

impl Running {
    /// Makes certificates and users and starts every machine; returns when all are ready and know the users.
    ///
    /// # Errors
    /// Fails when anything of that does.
    pub fn start(bed: &Bed) -> Result<Self, RunningError> {
        let operator = Operator::of(&bed.folder().join("state"));
        let file = bed.file().display().to_string();
        operator.done(&["certs", "init"], "")?;
        operator.done(&["certs", "issue", &file], "")?;
        let users = import(bed, &operator, &file)?;
        let machines = at_once(bed.machines(), |name| {
            let machine = start(bed, name)?;
            Ok((name.to_owned(), machine))
        });
        let running = Self {
            operator,
            users,
            machines: machines?,
        };
        running.settle()?;
        Ok(running)
    }

    /// Kills every machine and starts it again; returns when all are ready, with connections that are all new.
    ///
    /// # Errors
    /// Fails when one does not start.
    pub fn restart(&mut self, bed: &Bed) -> Result<(), RunningError> {
        let _: Vec<()> = at_once(&mut self.machines, |(name, machine)| {
            let started = bed.at(name).enter(|| machine.restart());
            let failed = |source| RunningError::Start {
                machine: name.clone(),
                source,
            };
            started.map_err(failed)
        })?;
        self.settle()
    }

    /// Waits until every machine knows the users and has found all that it asks after in good health.
    ///
    /// # Errors
    /// Says what is missing when the time is over.
    pub fn settle(&self) -> Result<(), RunningError> {
        self.await_health(&BTreeMap::new())
    }

    /// The same by questions that are put from now on, since answers to earlier ones may still be under way.
    ///
    /// # Errors
    /// Says what is missing when the time is over.
    pub fn settle_anew(&self) -> Result<(), RunningError> {
        let mut asked = BTreeMap::new();
        for machine in self.operator.status()? {
            for member in machine.status.iter().flat_map(|status| &status.health) {
                // One question may be under way.
                let at_least = member.questions + 2;
                asked.insert((machine.machine.clone(), member.member.clone()), at_least);
            }
        }
        self.await_health(&asked)
    }

    /// Waits for so many questions at least, or one.
    fn await_health(&self, asked: &BTreeMap<(String, String), u64>) -> Result<(), RunningError> {
        let mut missing = String::new();
        let all_well = wait::until(SOON, || {
            missing = match self.operator.status() {
                Ok(all) => self.missing(&all, asked),
                Err(error) => error.to_string(),
            };
            missing.is_empty().then_some(())
        });
        all_well.ok_or(RunningError::Apart { missing })
    }

    fn missing(&self, machines: &[Machine], asked: &BTreeMap<(String, String), u64>) -> String {
        let faults = machines.iter().filter_map(|machine| {
            let Some(status) = &machine.status else {
                return Some(format!("{} does not answer", machine.machine));
            };
            let users = status.directory.as_ref().map(|known| known.users);
            if users.is_some_and(|users| users != self.users.len()) {
                return Some(format!("{} knows {users:?} users", machine.machine));
            }
            let is_unwell = |one: &&Member| {
                let who = (machine.machine.clone(), one.member.clone());
                let questions = asked.get(&who).copied().unwrap_or(1);
                one.questions < questions || one.standing != "up" || one.fault.is_some()
            };
            let unwell = status.health.iter().find(is_unwell)?;
            Some(format!(
                "{} of {}: {unwell:?}",
                unwell.member, machine.machine
            ))
        });
        faults.collect::<Vec<_>>().join("; ")
    }

    /// Returns the operator of the deployment.
    #[must_use]
    pub const fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Returns the users.
    #[must_use]
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// Gives access to the process of a machine.
    ///
    /// # Panics
    /// When there is no such machine.
    pub fn machine(&mut self, name: &str) -> &mut Deployment {
        let machine = self.machines.get_mut(name);
        machine.unwrap_or_else(|| panic!("no machine is called {name}"))
    }

    /// Returns the ways in for agents, which ask nobody for names.
    ///
    /// # Errors
    /// Fails when the root certificate cannot be read.
    pub fn doors(&self, bed: &Bed) -> Result<Doors, WireError> {
        let topology = bed.topology();
        let mut names = Names::default();
        let mut outside = Entrance::default();
        for pool in topology.pools() {
            for member in topology.members(pool) {
                let door = pool.external_fqdn.as_ref().zip(member.external);
                if let Some((name, address)) = door {
                    outside.host = name.to_string();
                    names.add(name.as_str(), address);
                } else {
                    names.add(pool.fqdn.as_str(), member.address);
                }
            }
        }
        outside.port = topology.ports().number(Port::EdgeAccess);
        let first = topology.sign_in_pool();
        let inside = Entrance {
            host: first.map(|pool| pool.fqdn.to_string()).unwrap_or_default(),
            port: topology.ports().number(Port::Sip),
        };
        let manner = Manner::of_a_phone(&self.operator.root())?;
        Ok(Doors::new(manner, names, inside, outside))
    }

    /// Returns what a phone of a user needs to sign in at an entrance.
    ///
    /// # Panics
    /// When there is no such user.
    #[must_use]
    pub fn account(&self, user: usize, entrance: &Entrance) -> Account {
        let user = &self.users[user];
        let (name, domain) = user
            .uri
            .trim_start_matches("sip:")
            .split_once('@')
            .expect("a user's address");
        Account {
            user: name.to_owned(),
            domain: domain.to_owned(),
            password: user.password.clone(),
            server: entrance.host.clone(),
            port: entrance.port,
        }
    }
}

/// Does the same for all, each on a thread of its own.
fn at_once<T: Send, U: Send, C: FromIterator<U>>(
    all: impl IntoIterator<Item = T>,
    act: impl Fn(T) -> Result<U, RunningError> + Sync,
) -> Result<C, RunningError> {
    let act = &act;
    thread::scope(|scope| {
        let begin = |one| scope.spawn(move || act(one));
        let begun: Vec<_> = all.into_iter().map(begin).collect();
        let ends = begun.into_iter().map(|one| one.join());
        ends.map(|end| end.expect("a start ends")).collect()
    })
}

fn import(bed: &Bed, operator: &Operator, topology: &str) -> Result<Vec<User>, RunningError> {
    let domain = bed
        .topology()
        .domains()
        .first()
        .map_or("", |name| name.as_str());
    let pools = bed.topology().pools_of(Role::FrontEnd);
    let pools: Vec<&str> = pools.map(|pool| pool.fqdn.as_str()).collect();
    let mut file = String::from("aor,password,pool\n");
    let mut users = Vec::new();
    for (number, name) in USERS.into_iter().enumerate() {
        let pool = if number < 2 {
            pools.first()
        } else {
            pools.last()
        };
        let user = User {
            uri: format!("sip:{name}@{domain}"),
            password: format!("secret-of-{name}"),
        };
        let (uri, password, pool) = (&user.uri, &user.password, pool.copied().unwrap_or_default());
        file.push_str(&format!("{uri},{password},{pool}\n"));
        users.push(user);
    }
    let path = bed.folder().join("users.csv");
    std::fs::write(&path, file).map_err(RunningError::Users)?;
    let path = path.display().to_string();
    operator.done(&["user", "import", &path, "--topology", topology], "")?;
    Ok(users)
}

fn start(bed: &Bed, name: &str) -> Result<Deployment, RunningError> {
    let mut words: Vec<OsString> = vec!["run".into(), bed.file().into()];
    let rest = ["--machine", name, "--workers", "1", "--json"];
    words.extend(rest.map(OsString::from));
    let folder: &Path = bed.folder();
    let started = bed
        .at(name)
        .enter(|| Deployment::start(name, words, folder));
    started.map_err(|source| RunningError::Start {
        machine: name.to_owned(),
        source,
    })
}
