//! The web sites: their listeners first, their threads when users, guard and health are known.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use pki::Secret;
use runtime::http::Serving;
use runtime::tls::Store;
use runtime::worker::Workers;

use super::super::WebCounts;
use super::super::watch::Watch;
use super::state::Users;
use super::{Builder, StartError};
use crate::replication::Follower;
use crate::signalling::{BindError, NodeStats};
use crate::websites::{self, Ground, Opened};

impl Builder<'_> {
    pub(super) fn open_sites(
        &self,
        inside: Option<&Arc<Store>>,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<Option<Opened>, StartError> {
        let Some(store) = inside else {
            return Ok(None);
        };
        let opened = websites::open(&self.view, store, self.options.workers);
        let opened = opened.map_err(|error| StartError::Listen {
            machine: self.machine.clone(),
            source: BindError::of(error.address, error.source),
        })?;
        addresses.extend(opened.iter().flat_map(|sites| &sites.addresses));
        Ok(opened)
    }

    /// What the sites say of this machine, as they are asked.
    pub(super) fn watch(
        &self,
        users: Option<&Users>,
        workers: Option<&Workers<sip::Input>>,
        stores: Vec<Arc<Store>>,
    ) -> Arc<Watch> {
        let follower = users.and_then(|users| users.follower.as_ref());
        Arc::new(Watch {
            folder: self.options.state.machine(&self.machine),
            directory: users.map(|users| users.log.clone()),
            follower: follower.map(Follower::status),
            stores,
            workers: workers.map(|workers| workers.mailboxes().to_vec()),
            clock: self.options.clock,
            draining: Arc::default(),
            disk: Mutex::default(),
        })
    }

    pub(super) fn start_sites(
        &self,
        opened: Option<Opened>,
        users: Option<&Users>,
        node: Option<&Arc<NodeStats>>,
        watch: &Arc<Watch>,
    ) -> Result<Option<(Serving, WebCounts)>, StartError> {
        let (Some(opened), Some(users), Some(node)) = (opened, users, node) else {
            return Ok(None);
        };
        let draining = Arc::clone(&watch.draining);
        let watch = Arc::clone(watch);
        let ground = Ground {
            secret: self.secret(Secret::Ticket)?,
            users: users.log.directory().clone(),
            guard: Arc::clone(node.guard()),
            witness: Arc::new(move || watch.facts()),
            draining,
            clock: self.options.clock,
        };
        let started = opened.start(ground);
        let running = started.map_err(|source| StartError::System {
            machine: self.machine.clone(),
            source,
        })?;
        let counts = WebCounts {
            requests: running.counters,
            connections: running.serving.stats(),
        };
        Ok(Some((running.serving, counts)))
    }
}
