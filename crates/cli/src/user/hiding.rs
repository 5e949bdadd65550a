//! `vestibule user block` and `unblock`: whom a user hides their presence from.

use anyhow::Context as _;
use clap::Args;
use directory::{Aor, Blocked};
use roles::directory_admin::UserRequest;

use super::{Place, Said, address, tell, with_master};
use crate::output::{Outcome, Output};

/// Who hides from whom.
#[derive(Debug, Args)]
pub(crate) struct Hiding {
    /// The address of the user who is watched.
    user: String,
    /// Whoever watches: an address, or a domain for everybody there.
    watcher: String,
    #[command(flatten)]
    place: Place,
}

impl Hiding {
    pub(super) fn block(&self, output: &Output) -> anyhow::Result<Outcome> {
        let request = |aor, blocked| UserRequest::Block { aor, blocked };
        self.ask(request, "is hidden from them", output)
    }

    pub(super) fn unblock(&self, output: &Output) -> anyhow::Result<Outcome> {
        let request = |aor, blocked| UserRequest::Unblock { aor, blocked };
        self.ask(request, "is shown to them again", output)
    }

    fn ask(
        &self,
        request: impl FnOnce(Aor, Blocked) -> UserRequest,
        done: &'static str,
        output: &Output,
    ) -> anyhow::Result<Outcome> {
        let user = address(&self.user)?;
        let watcher = Blocked::parse(&self.watcher).with_context(|| {
            format!(
                "{:?} is neither the address of a user nor a domain",
                self.watcher
            )
        })?;
        with_master(&self.place, output, |master| {
            let request = request(user.clone(), watcher);
            tell(master, request, Said { user: &user, done }, output)
        })
    }
}
