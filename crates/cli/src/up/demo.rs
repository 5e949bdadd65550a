//! Users for trials, in a deployment that has none.
//!
//! Their passwords follow from a secret in the state directory, so that each start can print them while only verifiers
//! are stored. One that was changed is not printed.

use anyhow::{Context as _, bail};
use base::net::Role;
use directory::{Aor, PoolName};
use pki::State;
use roles::directory_admin::{Admin, ListedUser, NewUser, UserReply, UserRequest};
use roles::machine::Running;
use runtime::clock::Clock;
use runtime::disk;
use sip::token::Key;
use topology::{Fqdn, Topology};

use crate::output::Output;
use crate::serve::Machines;
use crate::user::verifiers;

const NAMES: [(&str, &str); 3] = [("alice", "Alice"), ("bob", "Bob"), ("carol", "Carol")];
const SECRET: &str = "demo.key";

/// A user whose password is printed.
#[derive(serde::Serialize)]
pub(super) struct DemoUser {
    /// The address, with `sip:`.
    #[serde(rename = "uri")]
    pub(super) aor: String,
    /// The password.
    pub(super) password: String,
    /// The home pool.
    pub(super) home: String,
}

impl DemoUser {
    /// Returns the part before the `@`.
    pub(super) fn name(&self) -> &str {
        let aor = self.aor.strip_prefix("sip:").unwrap_or(&self.aor);
        aor.split('@').next().unwrap_or(aor)
    }
}

/// Makes the users if there are none at all, and returns those of them who can sign in and whose password is still ours.
pub(super) fn users(
    machines: &Machines,
    topology: &Topology,
    state: &State,
    output: &Output,
) -> anyhow::Result<Vec<DemoUser>> {
    let Some(admin) = machines.running().iter().find_map(Running::admin) else {
        return Ok(Vec::new());
    };
    let Some(domain) = topology
        .domains()
        .first()
        .filter(|_| super::has_users(topology))
    else {
        return Ok(Vec::new());
    };
    let secret = secret(state)?;
    let pools: Vec<&Fqdn> = topology
        .pools_of(Role::FrontEnd)
        .map(|pool| &pool.fqdn)
        .collect();
    let UserReply::Users { users: known, .. } = list(admin) else {
        bail!("the directory cannot be read")
    };
    let is_empty = known.is_empty();
    let strays = strays(&known, topology);
    if let Some(first) = strays.first() {
        output.complain(format!(
            "users whose home pool is not in this topology cannot sign in: {}, as {} in {};\n\
             `vestibule user move USER --pool FQDN` gives them another home",
            strays.len(),
            first.aor,
            first.home
        ))?;
    }
    let mut made = Vec::new();
    for ((user, name), home) in NAMES.into_iter().zip(pools.iter().cycle()) {
        let aor = Aor::parse(&format!("{user}@{domain}"))?;
        let password = password(&secret, aor.as_str());
        if is_empty {
            add(admin, topology, &aor, name, home, &password)?;
        } else if !known.iter().any(|one| one.aor == aor) || strays.iter().any(|one| one.aor == aor)
        {
            continue;
        }
        if is_password(admin, topology, &aor, &password) {
            let home = admin
                .users()
                .find(aor.as_str())
                .map(|user| user.home.as_str().to_owned())
                .unwrap_or_default();
            made.push(DemoUser {
                aor: aor.as_str().to_owned(),
                password,
                home,
            });
        }
    }
    Ok(made)
}

/// Users whose home another topology had.
fn strays<'a>(known: &'a [ListedUser], topology: &Topology) -> Vec<&'a ListedUser> {
    let has = |pool: &str| {
        topology
            .pools_of(Role::FrontEnd)
            .any(|one| one.fqdn == *pool)
    };
    known
        .iter()
        .filter(|user| !has(user.home.as_str()))
        .collect()
}

fn list(admin: &Admin) -> UserReply {
    admin.handle(
        Clock::start().wall(),
        UserRequest::List {
            after: None,
            limit: 1000,
        },
    )
}

fn add(
    admin: &Admin,
    topology: &Topology,
    aor: &Aor,
    name: &str,
    home: &Fqdn,
    password: &str,
) -> anyhow::Result<()> {
    let user = NewUser {
        aor: aor.clone(),
        display_name: name.to_owned(),
        home: PoolName::parse(home.as_str())?,
        verifiers: verifiers(password, aor, topology),
    };
    match admin.handle(Clock::start().wall(), UserRequest::Add(user)) {
        UserReply::Done => Ok(()),
        UserReply::Refused(refusal) => Err(refusal).context("a user for trials was refused"),
        UserReply::Imported(_) | UserReply::Users { .. } | UserReply::Contacts(_) => {
            bail!("the directory answered something else")
        }
    }
}

fn is_password(admin: &Admin, topology: &Topology, aor: &Aor, password: &str) -> bool {
    let Some(user) = admin.users().find(aor.as_str()) else {
        return false;
    };
    let ours = verifiers(password, aor, topology);
    user.verifiers.iter().any(|kept| {
        ours.iter()
            .any(|one| one.algorithm == kept.algorithm() && one.ha1 == kept.ha1())
    })
}

fn password(secret: &[u8; 32], aor: &str) -> String {
    format!(
        "{:016x}",
        Key::derive(secret, "demo password").checksum(&[aor.as_bytes()])
    )
}

fn secret(state: &State) -> anyhow::Result<[u8; 32]> {
    let path = state.root().join(SECRET);
    if path
        .try_exists()
        .with_context(|| format!("cannot look for {}", path.display()))?
    {
        let bytes = disk::read_private(&path)?;
        return bytes
            .try_into()
            .map_err(|_| anyhow::anyhow!("{} does not hold 32 bytes; remove it", path.display()));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no random numbers")?;
    disk::write_private(&path, &bytes)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(bytes)
}
