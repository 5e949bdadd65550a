//! The VIPs that a machine holds.

use std::net::SocketAddr;
use std::sync::Arc;

use runtime::tls::Store;

use super::{Builder, StartError};
use crate::balancer::{self, Balancing, Pools};
use crate::signalling::BindError;

impl Builder<'_> {
    /// The pools behind the VIPs that this machine holds, if it holds any.
    pub(super) fn pools(&self) -> Result<Arc<Pools>, StartError> {
        let (seed, recorder) = (self.random()?, self.agent.recorder().clone());
        let pools = Pools::of(&self.view, seed, self.options.clock, recorder);
        Ok(Arc::new(pools))
    }

    /// Opens the VIPs that this machine holds and passes on what comes there.
    pub(super) fn vips(
        &self,
        pools: Arc<Pools>,
        inside: Option<&Arc<Store>>,
        opened: &mut Vec<SocketAddr>,
    ) -> Result<Option<Balancing>, StartError> {
        let Some(store) = inside else {
            return Ok(None);
        };
        let open = balancer::open(&self.view, pools, store, self.options.workers);
        let open = open.map_err(|error| StartError::Listen {
            machine: self.machine.clone(),
            source: BindError::of(error.address, error.source),
        })?;
        let Some(open) = open else {
            return Ok(None);
        };
        opened.extend(&open.addresses);
        let started = open.start(store).map_err(|source| StartError::System {
            machine: self.machine.clone(),
            source,
        })?;
        Ok(Some(started))
    }
}
