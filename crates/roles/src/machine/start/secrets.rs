//! What a machine proves itself with: the credentials of its faces, the keys that it shares, randomness.

use std::sync::Arc;

use base::net::{Face, Role};
use pki::{PoolKey, Secret};
use runtime::tls::{Believed, Store};
use topology::FederationMode;

use super::{Builder, StartError};

impl Builder<'_> {
    pub(super) fn credentials(&self, face: Face) -> Result<Option<Arc<Store>>, StartError> {
        if !self.view.certificates.iter().any(|need| need.face == face) {
            return Ok(None);
        }
        let folder = self.options.state.tls(&self.machine, face);
        let opened = Store::open(&folder);
        opened
            .map(|store| Some(Arc::new(store.recorded_by(self.agent.recorder().clone()))))
            .map_err(|source| StartError::Credentials {
                machine: self.machine.clone(),
                source,
            })
    }

    /// An Edge shows partners what it shows all outside, and believes other authorities.
    pub(super) fn partners(&self) -> Result<Option<Arc<Store>>, StartError> {
        let federates = self.view.federation.mode != FederationMode::Off;
        if !federates || !self.view.has_role(Role::Edge) {
            return Ok(None);
        }
        let folder = self.options.state.tls(&self.machine, Face::Outside);
        let file = self.view.federation.ca.clone();
        let believed = file.map_or(Believed::System, Believed::File);
        let opened = Store::believing(&folder, believed);
        opened
            .map(|store| Some(Arc::new(store.recorded_by(self.agent.recorder().clone()))))
            .map_err(|source| StartError::Credentials {
                machine: self.machine.clone(),
                source,
            })
    }

    pub(super) fn secret(&self, secret: Secret) -> Result<[u8; 32], StartError> {
        let key = PoolKey::read(&self.options.state.secret(&self.machine, secret));
        let key = key.map_err(|source| StartError::Secret {
            machine: self.machine.clone(),
            source,
        })?;
        Ok(*key.as_bytes())
    }

    pub(super) fn random(&self) -> Result<[u8; 32], StartError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| StartError::System {
            machine: self.machine.clone(),
            source: std::io::Error::other(error),
        })?;
        Ok(bytes)
    }
}
