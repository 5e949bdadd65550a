//! `vestibule user certs`: by which certificates a user may sign in instead of a password.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use directory::{Aor, CertificateId};
use roles::directory_admin::{ListedCertificate, UserReply, UserRequest};

use super::list::date;
use super::master::Master;
use super::{Place, Said, address, tell, with_master};
use crate::output::{Outcome, Output, Table};

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Certs {
    /// List the certificates of a user.
    List {
        /// The address of the user.
        user: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take a certificate from a user; whoever has it cannot sign in by it from the next request on.
    Revoke {
        /// The address of the user.
        user: String,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        place: Place,
    },
}

/// Which of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The SHA-256 fingerprint, as `list` and `openssl x509 -fingerprint -sha256` show it.
    fingerprint: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

impl Certs {
    pub(super) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::List { user, place } => {
                with_master(&place, output, |master| list(master, &user, output))
            }
            Self::Revoke { user, which, place } => {
                let aor = address(&user)?;
                let certificate = which.read()?;
                with_master(&place, output, |master| {
                    let request = UserRequest::Revoke {
                        aor: aor.clone(),
                        certificate,
                    };
                    let done = match certificate {
                        Some(_) => "cannot sign in by that certificate any more",
                        None => "cannot sign in by any certificate any more",
                    };
                    tell(master, request, Said { user: &aor, done }, output)
                })
            }
        }
    }
}

impl Which {
    /// None means all.
    fn read(&self) -> anyhow::Result<Option<CertificateId>> {
        let Some(text) = &self.fingerprint else {
            return Ok(None);
        };
        let read = CertificateId::parse(text);
        let read =
            read.with_context(|| format!("{text:?} is not the fingerprint of a certificate"))?;
        Ok(Some(read))
    }
}

fn list(master: &mut Master, user: &str, output: &Output) -> anyhow::Result<Outcome> {
    let aor = address(user)?;
    let certificates = of(master, &aor)?;
    if output.is_json() {
        output.json(&certificates)?;
        return Ok(Outcome::Done);
    }
    if certificates.is_empty() {
        output.line(format_args!("{aor} has no certificate."))?;
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(["Fingerprint (SHA-256)", "Issued", "Good until"]);
    for one in &certificates {
        table.row([
            one.fingerprint.to_string().as_str(),
            &date(one.issued),
            &date(one.expires),
        ]);
    }
    output.table(&table)?;
    Ok(Outcome::Done)
}

fn of(master: &mut Master, aor: &Aor) -> anyhow::Result<Vec<ListedCertificate>> {
    match master.ask(UserRequest::Show { aor: aor.clone() })? {
        UserReply::Users { users, .. } => {
            let found = users.into_iter().find(|user| user.aor == *aor);
            Ok(found.map(|user| user.certificates).unwrap_or_default())
        }
        UserReply::Refused(refusal) => Err(refusal.into()),
        UserReply::Done | UserReply::Imported(_) | UserReply::Contacts(_) => {
            bail!("the machine answered something else than was asked")
        }
    }
}
