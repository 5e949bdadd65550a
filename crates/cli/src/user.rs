//! `vestibule user`: who exists, where they are at home and what their passwords are checked against.
//!
//! The commands speak to the machine that masters the directory, through its control socket. If it is not running they
//! open its change log themselves, with the same code ([`roles::directory_admin`]). Passwords are read from the
//! terminal or from standard input and turned into verifiers here: they are never an argument, never stored, never sent.

mod certs;
mod contacts;
mod hiding;
mod import;
mod list;
mod master;
mod password;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use directory::{Aor, PoolName};
use roles::directory_admin::{NewUser, UserReply, UserRequest};
use serde::Serialize;

use crate::output::{Outcome, Output};
use certs::Certs;
use contacts::Contacts;
use hiding::Hiding;
use master::Master;
use password::PasswordFrom;
pub(crate) use password::verifiers;

/// Add, import, list, move and remove users, change their passwords and contact lists, and hide their presence.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Run these where the machine that masters the directory has its state: it may be running or not.
The topology is the one that `vestibule up` left in the state directory, or name it with --topology.")]
pub(crate) enum User {
    /// Add a user; asks for the password.
    Add {
        /// The address, as alice@contoso.com.
        user: String,
        /// The home pool; may be left out if there is only one.
        #[arg(long, value_name = "FQDN")]
        pool: Option<String>,
        /// The name that people read.
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        place: Place,
    },
    /// Add the users of a CSV file with the columns aor, password, name and pool.
    #[command(after_help = "\
The first line names the columns, in any order; name may be missing, and pool if there is only one. Where a password is
empty one is made up and shown. Lines with faults are reported and left out; the others are added.

Example of a file:
  aor,password,name,pool
  alice@contoso.com,correct horse,Alice,fepool01.contoso.net
  bob@contoso.com,,\"Bob, the second\",fepool02.contoso.net")]
    Import {
        /// The file.
        file: PathBuf,
        /// Only tell what would happen.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        place: Place,
    },
    /// List all users.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Make another pool the home of a user.
    Move {
        /// The address.
        user: String,
        /// The new home pool.
        #[arg(long, value_name = "FQDN")]
        pool: String,
        #[command(flatten)]
        place: Place,
    },
    /// Remove a user.
    Remove {
        /// The address.
        user: String,
        #[command(flatten)]
        place: Place,
    },
    /// Hide a user's presence from another user, or from everybody of a domain.
    #[command(after_help = "\
Whoever is blocked is refused when they subscribe (603), and what they watch already ends within seconds. Calls and
messages are not blocked.

Examples:
  vestibule user block alice@contoso.com bob@contoso.com
  vestibule user block alice@contoso.com fabrikam.com")]
    Block(Hiding),
    /// Show a user's presence again to somebody who was blocked; name them as they were blocked.
    Unblock(Hiding),
    /// List and revoke the certificates by which a user may sign in instead of a password.
    #[command(subcommand)]
    Certs(Certs),
    /// List, add and remove whom a user's phone watches by one subscription.
    #[command(after_help = "\
A phone that subscribes to sip:rls@ and the domain of its user, without a list of its own, watches everybody on this
list, and hears within seconds of who is added or removed.

Examples:
  vestibule user contacts alice@contoso.com add bob@contoso.com carol@contoso.com
  vestibule user contacts alice@contoso.com list")]
    Contacts(Contacts),
    /// Change a user's password; asks for the new one.
    Passwd {
        /// The address.
        user: String,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the directory is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The topology file; the one in the state directory if left out.
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
    /// The state directory.
    #[arg(long, value_name = "DIR", default_value = "vestibule-state")]
    state: PathBuf,
}

/// What was done to one user.
#[derive(Debug, Serialize)]
struct Said<'a> {
    user: &'a Aor,
    done: &'static str,
}

impl User {
    /// Carries the command out.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Add {
                user,
                pool,
                name,
                password,
                place,
            } => with_master(&place, output, |master| {
                add(master, &user, pool, name, &password, output)
            }),
            Self::Import {
                file,
                dry_run,
                place,
            } => with_master(&place, output, |master| {
                import::run(master, &file, dry_run, output)
            }),
            Self::List { place } => with_master(&place, output, |master| list::run(master, output)),
            Self::Move { user, pool, place } => with_master(&place, output, |master| {
                let (aor, home) = (address(&user)?, pool_name(&pool)?);
                let request = UserRequest::Move {
                    aor: aor.clone(),
                    home,
                };
                tell(
                    master,
                    request,
                    Said {
                        user: &aor,
                        done: "moved",
                    },
                    output,
                )
            }),
            Self::Remove { user, place } => with_master(&place, output, |master| {
                let aor = address(&user)?;
                let request = UserRequest::Remove { aor: aor.clone() };
                tell(
                    master,
                    request,
                    Said {
                        user: &aor,
                        done: "removed",
                    },
                    output,
                )
            }),
            Self::Block(hiding) => hiding.block(output),
            Self::Unblock(hiding) => hiding.unblock(output),
            Self::Certs(certs) => certs.run(output),
            Self::Contacts(contacts) => contacts.run(output),
            Self::Passwd {
                user,
                password,
                place,
            } => with_master(&place, output, |master| {
                let aor = address(&user)?;
                let made = verifiers(&password.read()?, &aor, master.topology());
                let request = UserRequest::Passwd {
                    aor: aor.clone(),
                    verifiers: made,
                };
                tell(
                    master,
                    request,
                    Said {
                        user: &aor,
                        done: "has a new password",
                    },
                    output,
                )
            }),
        }
    }
}

fn add(
    master: &mut Master,
    user: &str,
    pool: Option<String>,
    name: String,
    password: &PasswordFrom,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let aor = address(user)?;
    let home = match pool {
        Some(pool) => pool_name(&pool)?,
        None => master
            .only_pool()
            .context("there are several Front End pools: name one with --pool")?,
    };
    // Before the password is asked for, so that nobody types it for nothing.
    master.rules().check_domain(&aor)?;
    master.rules().check_pool(&home)?;
    let made = verifiers(&password.read()?, &aor, master.topology());
    let new = NewUser {
        aor: aor.clone(),
        display_name: name,
        home,
        verifiers: made,
    };
    tell(
        master,
        UserRequest::Add(new),
        Said {
            user: &aor,
            done: "added",
        },
        output,
    )
}

/// Finds the directory and works on it; without a usable topology everything has been said.
fn with_master(
    place: &Place,
    output: &Output,
    work: impl FnOnce(&mut Master) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Outcome> {
    match Master::find(place, output)? {
        Some(mut master) => work(&mut master),
        None => Ok(Outcome::Faults),
    }
}

/// Asks for a change and tells what came of it.
fn tell(
    master: &mut Master,
    request: UserRequest,
    said: Said<'_>,
    output: &Output,
) -> anyhow::Result<Outcome> {
    match master.ask(request)? {
        UserReply::Done if output.is_json() => output.json(&said)?,
        UserReply::Done => output.line(format_args!("{} {}", said.user, said.done))?,
        UserReply::Refused(refusal) => return Err(refusal.into()),
        UserReply::Imported(_) | UserReply::Users { .. } | UserReply::Contacts(_) => {
            bail!("the machine answered something else than was asked")
        }
    }
    Ok(Outcome::Done)
}

fn address(text: &str) -> anyhow::Result<Aor> {
    Aor::parse(text).with_context(|| format!("{text:?} is not the address of a user"))
}

fn pool_name(text: &str) -> anyhow::Result<PoolName> {
    PoolName::parse(text).with_context(|| format!("{text:?} is not the name of a pool"))
}
