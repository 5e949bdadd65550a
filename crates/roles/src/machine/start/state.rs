//! What a machine remembers: users, registrations and kept messages, read from its disk.

use std::net::SocketAddr;
use std::sync::Arc;

use base::net::{Hop, Role};
use runtime::tls::Store;
use topology::Port;

use super::{Builder, StartError};
use crate::directory_admin::{self, Admin, Rules};
use crate::directory_log::{DirectoryLog, FOLDER};
use crate::replication::{Follower, Pace};
use crate::signalling::{Bindings, Durable, Messages, Table};

/// What is known of users, and how it is kept up to date.
pub(super) struct Users {
    pub(super) log: DirectoryLog,
    /// Who changes them, on the machine that masters the directory.
    pub(super) admin: Option<Arc<Admin>>,
    pub(super) follower: Option<Follower>,
}

/// What a Front End keeps for its users.
pub(super) struct Kept {
    pub(super) bindings: Option<Arc<Bindings>>,
    pub(super) messages: Option<Arc<Messages>>,
}

impl Builder<'_> {
    /// Directors and Front Ends know users: the master from its own log, others from a copy.
    pub(super) fn users(&self, inside: Option<&Arc<Store>>) -> Result<Option<Users>, StartError> {
        let needs_users = self.view.has_role(Role::Director) || self.view.has_role(Role::FrontEnd);
        let Some(inside) = inside.filter(|_| needs_users) else {
            return Ok(None);
        };
        let folder = self.options.state.machine(&self.machine).join(FOLDER);
        let (log, recovery) =
            DirectoryLog::open(&folder).map_err(|source| StartError::Directory {
                machine: self.machine.clone(),
                source,
            })?;
        report_recovery(&self.machine, "directory", &recovery);
        let master = directory_admin::master(&self.topology);
        let is_master = master.is_some_and(|machine| machine.fqdn == self.view.machine.fqdn);
        let follower = if is_master {
            None
        } else {
            Some(self.follower(log.clone(), inside)?)
        };
        let admin = is_master.then(|| {
            let admin = Admin::new(log.clone(), Rules::from(&*self.topology));
            admin.recorded_by(self.agent.recorder().clone())
        });
        Ok(Some(Users {
            log,
            admin: admin.map(Arc::new),
            follower,
        }))
    }

    pub(super) fn follower(
        &self,
        log: DirectoryLog,
        inside: &Arc<Store>,
    ) -> Result<Follower, StartError> {
        let port = self.view.ports.number(Port::InterServer);
        let hop = |machine: &topology::Machine| {
            Hop::inside(
                machine.fqdn.as_str(),
                SocketAddr::new(machine.address, port),
            )
        };
        let masters = directory_admin::master(&self.topology)
            .map(hop)
            .into_iter()
            .collect();
        let from = Some(self.view.machine.address);
        let follower = Follower::new(
            log,
            masters,
            from,
            Arc::clone(inside),
            Pace::default(),
            self.random()?,
        );
        Ok(follower.recorded_by(self.agent.recorder().clone()))
    }

    pub(super) fn take_users(
        &self,
        users: Option<Users>,
    ) -> (Option<DirectoryLog>, Option<Arc<Admin>>, Option<Follower>) {
        let Some(Users {
            log,
            admin,
            follower,
        }) = users
        else {
            return (None, None, None);
        };
        (Some(log), admin, follower)
    }

    /// Front Ends keep registrations, and messages if the topology asks for it.
    pub(super) fn kept(&self) -> Result<Kept, StartError> {
        let keeps = self.view.has_role(Role::FrontEnd);
        let keeps_messages = keeps && self.view.sip.offline_messages.is_some();
        let machine = || self.machine.clone();
        let bindings = keeps.then(|| self.durable("bindings")).transpose();
        let messages = keeps_messages.then(|| self.durable("messages")).transpose();
        Ok(Kept {
            bindings: bindings.map_err(|source| StartError::Bindings {
                machine: machine(),
                source,
            })?,
            messages: messages.map_err(|source| StartError::Messages {
                machine: machine(),
                source,
            })?,
        })
    }

    fn durable<T: Table>(&self, folder: &str) -> Result<Arc<Durable<T>>, store::OpenError> {
        let path = self.options.state.machine(&self.machine).join(folder);
        let (table, recovery) = Durable::open(&path)?;
        report_recovery(&self.machine, folder, &recovery);
        Ok(Arc::new(table))
    }
}

fn report_recovery(machine: &str, what: &str, recovery: &store::Recovery) {
    if recovery.torn_bytes > 0 {
        let bytes = recovery.torn_bytes;
        tracing::warn!(
            machine,
            what,
            bytes,
            "an interrupted write was cut off; it had not been acknowledged"
        );
    }
}
