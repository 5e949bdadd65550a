//! `vestibule user list`.

use anyhow::bail;
use roles::directory_admin::{LIST_MAX, ListedUser, UserReply, UserRequest};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::master::Master;
use crate::output::{Outcome, Output, Table};

pub(super) fn run(master: &mut Master, output: &Output) -> anyhow::Result<Outcome> {
    let users = read_all(master)?;
    if output.is_json() {
        output.json(&users)?;
        return Ok(Outcome::Done);
    }
    if users.is_empty() {
        output.line("There are no users yet; add one with `vestibule user add`.")?;
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(["User", "Name", "Home pool", "May sign in", "Changed"]);
    for user in &users {
        let enabled = if user.enabled { "yes" } else { "no" };
        table.row([
            user.aor.as_str(),
            &user.display_name,
            user.home.as_str(),
            enabled,
            &date(user.changed),
        ]);
    }
    output.table(&table)?;
    Ok(Outcome::Done)
}

fn read_all(master: &mut Master) -> anyhow::Result<Vec<ListedUser>> {
    let mut all: Vec<ListedUser> = Vec::new();
    loop {
        let after = all.last().map(|user| user.aor.clone());
        match master.ask(UserRequest::List {
            after,
            limit: LIST_MAX,
        })? {
            UserReply::Users { users, more } => {
                let is_last = !more || users.is_empty();
                all.extend(users);
                if is_last {
                    return Ok(all);
                }
            }
            UserReply::Refused(refusal) => return Err(refusal.into()),
            UserReply::Done | UserReply::Imported(_) | UserReply::Contacts(_) => {
                bail!("the machine answered something else than was asked")
            }
        }
    }
}

/// Writes a time to the second.
pub(super) fn date(millis: u64) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or(0);
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    at.and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}
