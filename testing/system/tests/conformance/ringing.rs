//! Calls that ring and are not answered yet, to one phone or to several of one user.

use std::time::Duration;

use sip::msg::Message;
use system::agent::{Agent, Dialog, Draft};

use super::{Fault, Site};

/// How long cases listen for what must not come.
pub(crate) const QUIET: Duration = Duration::from_millis(400);

/// A call that has reached a phone which says nothing yet.
pub(crate) struct Ringing {
    pub(crate) caller: Agent,
    pub(crate) callee: Agent,
    /// The INVITE as it was sent.
    pub(crate) invite: Draft,
    /// The INVITE as it came.
    pub(crate) came: Message,
}

impl Ringing {
    /// One user at a Front End calls another.
    pub(crate) fn begin(site: &Site) -> Result<Self, Fault> {
        Self::begin_with(site, |invite| invite)
    }

    /// The same, with an INVITE that something was done to.
    pub(crate) fn begin_with(
        site: &Site,
        change: impl FnOnce(Draft) -> Draft,
    ) -> Result<Self, Fault> {
        let (mut caller, mut callee) = (site.inside()?, site.inside()?);
        let invite = change(caller.request("INVITE", callee.aor()));
        let invite = caller.begin(invite)?;
        let came = callee.expect("INVITE")?;
        Ok(Self {
            caller,
            callee,
            invite,
            came,
        })
    }

    /// The phone rings and the caller hears it.
    pub(crate) fn ring(&mut self) -> Result<Message, Fault> {
        self.callee.answer(&self.came, 180)?;
        Ok(self.caller.expect_status(&self.invite, 180)?)
    }

    /// The phone answers; returns the caller's end and the callee's.
    pub(crate) fn accept(&mut self) -> Result<(Dialog, Dialog), Fault> {
        let accepted = self.callee.answer(&self.came, 200)?;
        let heard = self.caller.expect_status(&self.invite, 200)?;
        let caller = self.caller.confirm(&self.invite, &heard)?;
        self.callee.expect("ACK")?;
        let callee = Dialog::of_callee(&self.came, &accepted);
        Ok((
            caller,
            callee.ok_or_else(|| Fault::new("the 200 makes no dialog"))?,
        ))
    }

    /// The phone refuses and is acknowledged; returns what the caller hears.
    pub(crate) fn refuse(&mut self, status: u16) -> Result<Message, Fault> {
        self.callee.answer(&self.came, status)?;
        self.callee.expect("ACK")?;
        let refused = self.caller.expect_final(&self.invite)?;
        self.caller.acknowledge(&self.invite, &refused)?;
        Ok(refused)
    }
}

/// A user with a phone for each of these preferences, and an INVITE for them from somebody else.
pub(crate) struct Fork {
    pub(crate) caller: Agent,
    pub(crate) phones: Vec<Agent>,
    pub(crate) invite: Draft,
}

impl Fork {
    pub(crate) fn begin(site: &Site, preferences: &[&str]) -> Result<Self, Fault> {
        Self::begin_with(site, preferences, |invite| invite)
    }

    pub(crate) fn begin_with(
        site: &Site,
        preferences: &[&str],
        change: impl FnOnce(Draft) -> Draft,
    ) -> Result<Self, Fault> {
        let user = site.user();
        let phones = preferences.iter().map(|q| {
            let mut phone = site.doors().sign_in_inside(&user)?;
            let contact = format!("<{}>;q={q}", phone.contact());
            let again = phone.registration().set("Contact", contact);
            phone.sign_in(again)?;
            Ok::<_, Fault>(phone)
        });
        let phones = phones.collect::<Result<Vec<_>, _>>()?;
        let mut caller = site.inside()?;
        let invite = change(caller.request("INVITE", &user.uri));
        let invite = caller.begin(invite)?;
        Ok(Self {
            caller,
            phones,
            invite,
        })
    }

    /// The INVITE has come to this phone; it answers.
    pub(crate) fn answers(&mut self, phone: usize, status: u16) -> Result<Message, Fault> {
        let phone = self.phone(phone)?;
        let came = phone.expect("INVITE")?;
        phone.answer(&came, status)?;
        Ok(came)
    }

    pub(crate) fn phone(&mut self, at: usize) -> Result<&mut Agent, Fault> {
        self.phones
            .get_mut(at)
            .ok_or_else(|| Fault::new("no such phone"))
    }
}
