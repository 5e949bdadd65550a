//! Signalling: its listeners first, its workers when all else is known.

use std::net::SocketAddr;
use std::sync::Arc;

use base::net::Role;
use pki::Secret;
use runtime::worker::Workers;
use topology::has_sip;

use super::state::{Kept, Users};
use super::{Builder, StartError};
use crate::signalling::{self, NodeStats, Opened, Secrets, Signalling, Stores};

/// The workers as they run, and what they count.
type Started = (Workers<sip::Input>, Arc<NodeStats>);

impl Builder<'_> {
    /// Opens the SIP listeners of a machine that speaks SIP.
    pub(super) fn open_sip(
        &self,
        stores: Option<Stores>,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<Option<(Opened, Stores)>, StartError> {
        let speaks = self.view.roles.iter().any(|role| has_sip(*role));
        let Some(stores) = stores.filter(|_| speaks) else {
            return Ok(None);
        };
        let opened = signalling::open(&self.view, &stores, self.options.workers);
        let opened = opened.map_err(|source| StartError::Listen {
            machine: self.machine.clone(),
            source,
        })?;
        addresses.extend(&opened.addresses);
        Ok(Some((opened, stores)))
    }

    pub(super) fn start_sip(
        &self,
        opened: Option<(Opened, Stores)>,
        users: Option<&Users>,
        kept: &Kept,
    ) -> Result<Option<Started>, StartError> {
        let Some((sockets, stores)) = opened else {
            return Ok(None);
        };
        let pool = self.secret(Secret::Pool)?;
        // An Edge signs nobody in and holds no ticket key: a taken Edge could mint tickets with it.
        let signs_in = self.view.has_role(Role::Director) || self.view.has_role(Role::FrontEnd);
        let ticket = if signs_in {
            self.secret(Secret::Ticket)?
        } else {
            self.random()?
        };
        let signalling = Signalling {
            view: self.view.clone(),
            secrets: Secrets::new(pool, ticket, self.random()?),
            users: users
                .map(|users| users.log.directory().clone())
                .unwrap_or_default(),
            bindings: kept.bindings.clone(),
            messages: kept.messages.clone(),
            stores,
            sockets,
            workers: self.options.workers,
            recorder: self.agent.recorder().clone(),
            clock: self.options.clock,
        };
        let started = signalling.start();
        started.map(Some).map_err(|source| StartError::System {
            machine: self.machine.clone(),
            source,
        })
    }
}
