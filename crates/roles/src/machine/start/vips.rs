//! The VIPs that a machine holds.

use std::net::SocketAddr;
use std::sync::Arc;

use runtime::passing::Passing;

use super::super::Vips;
use super::{Builder, StartError};
use crate::balancer::{self, Pools};
use crate::signalling::BindError;

impl Builder<'_> {
    /// Opens the VIPs that this machine holds and passes on what comes there.
    pub(super) fn vips(
        &self,
        pools: Arc<Pools>,
        opened: &mut Vec<SocketAddr>,
    ) -> Result<Option<(Passing, Vips)>, StartError> {
        let open = balancer::open(&self.view, pools, self.options.workers);
        let open = open.map_err(|error| StartError::Listen {
            machine: self.machine.clone(),
            source: BindError::of(error.address, error.source),
        })?;
        let Some(open) = open else {
            return Ok(None);
        };
        opened.extend(&open.addresses);
        let started = open.start().map_err(|source| StartError::System {
            machine: self.machine.clone(),
            source,
        });
        let (passing, pools) = started?;
        let stats = passing.stats();
        Ok(Some((passing, Vips { pools, stats })))
    }
}
