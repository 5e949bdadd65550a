//! `vestibule user contacts`: whom a user's phone watches by one subscription to the list that is kept here.

use anyhow::bail;
use clap::{Args, Subcommand};
use directory::Aor;
use roles::directory_admin::{UserReply, UserRequest};
use serde::Serialize;

use super::{Place, Said, address, tell, with_master};
use crate::output::{Outcome, Output};

/// Whose list, and what is done with it.
#[derive(Debug, Args)]
pub(crate) struct Contacts {
    /// The address of the user who watches.
    user: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the list.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Put users on the list.
    Add(Named),
    /// Take users off the list.
    Remove(Named),
}

#[derive(Debug, Args)]
struct Named {
    /// The addresses.
    #[arg(required = true)]
    contacts: Vec<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    user: &'a Aor,
    contacts: &'a [Aor],
}

impl Contacts {
    pub(super) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        let user = address(&self.user)?;
        match &self.what {
            What::List { place } => list(&user, place, output),
            What::Add(named) => {
                let request = |aor, contacts| UserRequest::AddContacts { aor, contacts };
                named.ask(&user, request, "watches them by the contact list", output)
            }
            What::Remove(named) => {
                let request = |aor, contacts| UserRequest::RemoveContacts { aor, contacts };
                let done = "does not watch them by the contact list";
                named.ask(&user, request, done, output)
            }
        }
    }
}

impl Named {
    fn ask(
        &self,
        user: &Aor,
        request: impl FnOnce(Aor, Vec<Aor>) -> UserRequest,
        done: &'static str,
        output: &Output,
    ) -> anyhow::Result<Outcome> {
        let contacts: anyhow::Result<Vec<_>> =
            self.contacts.iter().map(|text| address(text)).collect();
        let contacts = contacts?;
        with_master(&self.place, output, |master| {
            let request = request(user.clone(), contacts);
            tell(master, request, Said { user, done }, output)
        })
    }
}

fn list(user: &Aor, place: &Place, output: &Output) -> anyhow::Result<Outcome> {
    with_master(place, output, |master| {
        let aor = user.clone();
        let contacts = match master.ask(UserRequest::Contacts { aor })? {
            UserReply::Contacts(contacts) => contacts,
            UserReply::Refused(refusal) => return Err(refusal.into()),
            UserReply::Done | UserReply::Imported(_) | UserReply::Users { .. } => {
                bail!("the machine answered something else than was asked")
            }
        };
        if output.is_json() {
            let contacts = &contacts[..];
            output.json(&Listed { user, contacts })?;
            return Ok(Outcome::Done);
        }
        if contacts.is_empty() {
            output.line(format_args!("{user} has nobody on the contact list."))?;
        }
        for contact in &contacts {
            output.line(contact)?;
        }
        Ok(Outcome::Done)
    })
}
