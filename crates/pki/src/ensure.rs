//! Everything a deployment needs, made where it is missing, outdated or wrong, and left alone where it is right.
//!
//! A certificate that another authority signed is never replaced: someone installed it on purpose. What is wrong with
//! it is returned instead ([`Done::LeftForeign`]).

use std::collections::BTreeMap;
use std::path::PathBuf;

use base::net::Face;
use time::OffsetDateTime;

use crate::ca::{Ca, Issued, MACHINE_VALIDITY, Order};
use crate::error::Error;
use crate::files;
use crate::install::Installed;
use crate::layout::{self, Secret, State};
use crate::pool_key::PoolKey;
use crate::verdict::{Finding, Need};
use crate::{names, pem};

/// Machines that share a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolNeed {
    /// The pool's FQDN, or another name for the group.
    pub pool: String,
    /// Which key.
    pub secret: Secret,
    /// The FQDNs of its members.
    pub members: Vec<String>,
}

/// Something that was done, or deliberately left.
#[derive(Debug)]
pub enum Done {
    /// The authority was made.
    CaMade,
    /// A certificate was issued and installed.
    Issued {
        /// For which machine.
        machine: String,
        /// For which face.
        face: Face,
        /// Why.
        why: Why,
    },
    /// A certificate of another authority was found and left, though there is something to say about it.
    LeftForeign {
        /// On which machine.
        machine: String,
        /// For which face.
        face: Face,
        /// What there is to say.
        findings: Vec<Finding>,
    },
    /// An operator's certificate was issued.
    OperatorIssued {
        /// For whom.
        operator: String,
        /// Why.
        why: Why,
    },
    /// An operator's certificate is of another authority and was left, though there is something to say about it.
    OperatorLeft {
        /// Whose.
        operator: String,
        /// What there is to say.
        findings: Vec<Finding>,
    },
    /// A new revocation list was made.
    CrlRenewed,
    /// A new key was made for a pool.
    PoolKeyMade {
        /// Which pool.
        pool: String,
    },
    /// A member was given the key of its pool.
    PoolKeyGiven {
        /// Which pool.
        pool: String,
        /// Which member.
        machine: String,
    },
}

/// Why a certificate was issued.
#[derive(Debug)]
pub enum Why {
    /// It was asked for, whatever the state of the old one.
    Asked,
    /// The old one was revoked.
    Revoked,
    /// The old one was missing, wrong or about to expire; the first of what there was to say.
    Found(Finding),
}

/// Makes whatever is missing or wrong: the authority (under `ca_name`), certificates, the revocation list and pool
/// keys. Doing it again at once does nothing.
///
/// # Errors
/// The first that occurs; what was done before stays done, and doing it again continues.
pub fn ensure(
    state: &State,
    ca_name: &str,
    needs: &[Need],
    pools: &[PoolNeed],
    now: OffsetDateTime,
) -> Result<Vec<Done>, Error> {
    let mut done = Vec::new();
    let mut ca = match Ca::open(&state.ca()) {
        Err(Error::NoCa { .. }) => {
            done.push(Done::CaMade);
            Ca::init(&state.ca(), ca_name, now)?
        }
        opened => opened?,
    };
    for need in needs {
        done.extend(ensure_one(state, &mut ca, need, now)?);
    }
    if distribute_crl(state, &mut ca, now)? {
        done.push(Done::CrlRenewed);
    }
    done.extend(ensure_pool_keys(state, pools)?);
    Ok(done)
}

/// Issues every needed certificate anew, except those of another authority, and makes a new revocation list.
///
/// # Errors
/// As [`ensure()`]; there must be an authority already.
pub fn renew_all(state: &State, needs: &[Need], now: OffsetDateTime) -> Result<Vec<Done>, Error> {
    let mut ca = Ca::open(&state.ca())?;
    let mut done = Vec::new();
    for need in needs {
        let there = Installed::read(state, &need.machine, need.face)?;
        done.push(if is_foreign(&ca, &there) {
            left(need, there.check(need, now))
        } else {
            issue(state, &mut ca, need, there.ca, Why::Asked, now)?
        });
    }
    ca.publish_crl(now)?;
    distribute_crl(state, &mut ca, now)?;
    done.push(Done::CrlRenewed);
    Ok(done)
}

/// Copies the authority's revocation list, renewed if it is old, to every machine and operator whose certificate is
/// the authority's; says whether it was renewed.
///
/// # Errors
/// When a file cannot be read or written.
pub fn distribute_crl(state: &State, ca: &mut Ca, now: OffsetDateTime) -> Result<bool, Error> {
    let (crl, renewed) = ca.crl(now)?;
    for dir in installed_dirs(state)? {
        let cert = files::if_there(files::read_public(&dir.join("cert.pem")))?;
        let is_ours = cert.is_some_and(|cert| signed_by(ca, &cert));
        let path = dir.join("crl.pem");
        if is_ours && files::if_there(files::read_public(&path))?.as_ref() != Some(&crl) {
            files::write_public(&path, &crl)?;
        }
    }
    Ok(renewed)
}

fn ensure_one(
    state: &State,
    ca: &mut Ca,
    need: &Need,
    now: OffsetDateTime,
) -> Result<Option<Done>, Error> {
    let there = Installed::read(state, &need.machine, need.face)?;
    let findings = there.check(need, now);
    if is_foreign(ca, &there) {
        return Ok((!findings.is_empty()).then(|| left(need, findings)));
    }
    match reason(ca, &there, findings) {
        Some(why) => issue(state, ca, need, there.ca, why, now).map(Some),
        None => Ok(None),
    }
}

/// Says why a certificate of this authority is to be issued anew, if it is.
pub(crate) fn reason(ca: &Ca, there: &Installed, findings: Vec<Finding>) -> Option<Why> {
    let is_revoked = there
        .info()
        .is_some_and(|info| ca.has_revoked(&info.serial));
    if is_revoked {
        return Some(Why::Revoked);
    }
    // An old revocation list is replaced by itself and is no reason for a new certificate.
    let matters = |finding: &Finding| !matches!(finding, Finding::OldCrl { .. });
    findings.into_iter().find(matters).map(Why::Found)
}

fn issue(
    state: &State,
    ca: &mut Ca,
    need: &Need,
    trusted: Option<String>,
    why: Why,
    now: OffsetDateTime,
) -> Result<Done, Error> {
    let order = Order {
        machine: &need.machine,
        names: &need.names,
        validity: MACHINE_VALIDITY,
    };
    let issued = ca.issue(&order, now)?;
    let fresh = fresh(ca, issued, trusted, now)?;
    fresh.write(state, &need.machine, need.face)?;
    Ok(Done::Issued {
        machine: need.machine.clone(),
        face: need.face,
        why,
    })
}

/// Returns what to install of a certificate just issued, beside the authorities trusted so far.
pub(crate) fn fresh(
    ca: &mut Ca,
    issued: Issued,
    trusted: Option<String>,
    now: OffsetDateTime,
) -> Result<Installed, Error> {
    // A bundle that trusts more than this authority was made so by hand and is kept.
    let bundle = trusted
        .filter(|bundle| ca.is_in(bundle))
        .unwrap_or_else(|| ca.ca_pem().to_owned());
    Ok(Installed {
        cert: Some(issued.signed.chain_pem),
        key: Some(issued.key_pem),
        ca: Some(bundle),
        crl: Some(ca.crl(now)?.0),
    })
}

fn left(need: &Need, findings: Vec<Finding>) -> Done {
    Done::LeftForeign {
        machine: need.machine.clone(),
        face: need.face,
        findings,
    }
}

/// Tells whether a certificate is installed that can be read and that this authority did not sign.
pub(crate) fn is_foreign(ca: &Ca, there: &Installed) -> bool {
    there.info().is_some()
        && !there
            .cert
            .as_deref()
            .is_some_and(|cert| signed_by(ca, cert))
}

fn signed_by(ca: &Ca, cert: &str) -> bool {
    pem::certificates(cert).is_ok_and(|all| all.first().is_some_and(|leaf| ca.has_signed(leaf)))
}

/// Lists the certificate directories of all machines and operators, in the order of their names.
fn installed_dirs(state: &State) -> Result<Vec<PathBuf>, Error> {
    let faces = [Face::Inside, Face::Outside];
    let machines = files::list(&state.machines())?.into_iter();
    let machines =
        machines.flat_map(|machine| faces.map(|face| machine.join(layout::tls_dir(face))));
    let operators = files::list(&state.operators())?.into_iter();
    Ok(machines.chain(operators).collect())
}

fn ensure_pool_keys(state: &State, pools: &[PoolNeed]) -> Result<Vec<Done>, Error> {
    let mut done = Vec::new();
    let mut pool_of: BTreeMap<(Secret, &str), &str> = BTreeMap::new();
    for PoolNeed {
        pool,
        secret,
        members,
    } in pools
    {
        for machine in members {
            names::check_machine(machine)?;
            if let Some(first) = pool_of.insert((*secret, machine), pool) {
                let (machine, first, second) = (machine.clone(), first.to_owned(), pool.clone());
                return Err(Error::TwoPools {
                    machine,
                    first,
                    second,
                });
            }
        }
        done.extend(ensure_pool_key(state, pool, *secret, members)?);
    }
    Ok(done)
}

/// Gives every member the key that the first member with one has.
fn ensure_pool_key(
    state: &State,
    pool: &str,
    secret: Secret,
    members: &[String],
) -> Result<Vec<Done>, Error> {
    let mut done = Vec::new();
    let mut held = Vec::new();
    for machine in members {
        held.push((
            machine,
            files::if_there(PoolKey::read(&state.secret(machine, secret)))?,
        ));
    }
    let key = match held.iter().find_map(|(_, key)| key.clone()) {
        Some(key) => key,
        None => {
            done.push(Done::PoolKeyMade {
                pool: pool.to_owned(),
            });
            PoolKey::generate()?
        }
    };
    for (machine, own) in held {
        if own.as_ref() != Some(&key) {
            key.write(&state.secret(machine, secret))?;
            done.push(Done::PoolKeyGiven {
                pool: pool.to_owned(),
                machine: machine.clone(),
            });
        }
    }
    Ok(done)
}
