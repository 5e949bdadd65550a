//! The reverse proxy of a machine.

use std::net::SocketAddr;
use std::sync::Arc;

use base::net::Role;
use runtime::http::Serving;
use runtime::tls::Store;

use super::{Builder, StartError};
use crate::publishing::{self, Counted, Publishing, Stores};
use crate::signalling::BindError;

impl Builder<'_> {
    /// Opens the published ports and serves there; `faces` are what is believed inside and shown outside.
    pub(super) fn published(
        &self,
        faces: (Option<&Arc<Store>>, Option<&Arc<Store>>),
        opened: &mut Vec<SocketAddr>,
    ) -> Result<Option<(Serving, Counted)>, StartError> {
        let (Some(inside), Some(outside)) = faces else {
            return Ok(None);
        };
        if !self.view.has_role(Role::ReverseProxy) {
            return Ok(None);
        }
        let stores = Stores {
            outside: Arc::clone(outside),
            inside: Arc::clone(inside),
        };
        let clock = self.options.clock;
        let publishing = Publishing::of(&self.topology, &self.view, self.random()?, clock);
        let workers = self.options.workers;
        let open = publishing::open(&self.view, &publishing, &stores, workers);
        let open = open.map_err(|error| StartError::Listen {
            machine: self.machine.clone(),
            source: BindError::of(error.address, error.source),
        })?;
        let Some(open) = open else {
            return Ok(None);
        };
        opened.extend(&open.addresses);
        let (idle, recorder) = (self.view.limits.idle, self.agent.recorder().clone());
        let started = open.start(publishing, &stores, workers, idle, recorder);
        started.map(Some).map_err(|source| StartError::System {
            machine: self.machine.clone(),
            source,
        })
    }
}
