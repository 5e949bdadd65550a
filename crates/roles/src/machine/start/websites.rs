//! The web sites: their listeners first, their threads when users, guard and health are known.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base::net::Hop;
use pki::{Secret, UserIssuer};
use runtime::http::Serving;
use runtime::tls::Store;
use runtime::worker::Workers;
use topology::Port;
use web::site::Enrolled;

use super::super::WebCounts;
use super::super::enrolment::{Enrolment, Master};
use super::super::watch::Watch;
use super::state::Users;
use super::{Builder, StartError};
use crate::directory_admin;
use crate::replication::Follower;
use crate::signalling::{BindError, NodeStats};
use crate::websites::{self, Enrol, Ground, Opened};

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
        inside: Option<&Arc<Store>>,
        users: Option<&Users>,
        node: Option<&Arc<NodeStats>>,
        watch: &Arc<Watch>,
    ) -> Result<Option<(Serving, WebCounts)>, StartError> {
        let (Some(opened), Some(users), Some(node), Some(inside)) = (opened, users, node, inside)
        else {
            return Ok(None);
        };
        let draining = Arc::clone(&watch.draining);
        let watch = Arc::clone(watch);
        let ground = Ground {
            enrol: self.enrolment(users, inside)?,
            secret: self.secret(Secret::Ticket)?,
            users: users.log.directory().clone(),
            guard: Arc::clone(node.guard()),
            witness: Arc::new(move || watch.facts()),
            draining,
            clock: self.options.clock,
            recorder: self.agent.recorder().clone(),
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

    /// How certificates of users are made here.
    fn enrolment(&self, users: &Users, inside: &Arc<Store>) -> Result<Enrol, StartError> {
        let issuer = UserIssuer::of(&self.secret(Secret::Ticket)?);
        let issuer = issuer.map_err(|error| StartError::System {
            machine: self.machine.clone(),
            source: std::io::Error::other(error),
        })?;
        let port = self.view.ports.number(Port::InterServer);
        let master = directory_admin::master(&self.topology);
        let other = master.map(|machine| {
            let at = SocketAddr::new(machine.address, port);
            Master::Other(Hop::inside(machine.fqdn.as_str(), at), Arc::clone(inside))
        });
        let own = users.admin.clone().map(Master::Own);
        let enrolment = own.or(other).map(|master| Enrolment {
            issuer,
            master,
            users: users.log.directory().clone(),
            clock: self.options.clock,
        });
        let enrolment = enrolment.map(Arc::new);
        Ok(Arc::new(move |aor, csr| {
            let enrolment = enrolment.clone();
            Box::pin(async move {
                match enrolment {
                    Some(enrolment) => enrolment.enrol(aor, &csr).await,
                    None => Enrolled::Away,
                }
            })
        }))
    }
}
