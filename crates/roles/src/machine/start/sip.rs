//! Signalling: its listeners first, its workers when all else is known.

use std::net::SocketAddr;
use std::sync::Arc;

use base::net::Role;
use pki::Secret;
use topology::has_sip;

use super::state::{Kept, Users};
use super::{Builder, StartError};
use crate::signalling::{self, Secrets, Signalling, Stores};

impl Builder<'_> {
    pub(super) fn has_sip(&self) -> bool {
        self.view.roles.iter().any(|role| has_sip(*role))
    }

    pub(super) fn open_sip(
        &self,
        stores: &Stores,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<signalling::Opened, StartError> {
        let opened =
            signalling::open(&self.view, stores, self.options.workers).map_err(|source| {
                StartError::Listen {
                    machine: self.machine.clone(),
                    source,
                }
            })?;
        addresses.extend(&opened.addresses);
        Ok(opened)
    }

    pub(super) fn start_sip(
        &self,
        sockets: signalling::Opened,
        stores: Stores,
        users: Option<&Users>,
        kept: &Kept,
    ) -> Result<
        (
            runtime::worker::Workers<sip::Input>,
            Arc<signalling::NodeStats>,
        ),
        StartError,
    > {
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
            clock: self.options.clock,
        };
        let started = signalling.start();
        started.map_err(|source| StartError::System {
            machine: self.machine.clone(),
            source,
        })
    }
}
