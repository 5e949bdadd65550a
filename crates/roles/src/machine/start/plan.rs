//! What the service thread serves: the directory, names, metrics, and how others are.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use base::health;
use base::net::Role;
use runtime::tls::{Identify, Store};
use topology::Port;
use topology::flows::Protocol;

use super::super::balanced;
use super::super::services::{NamePlan, Plan, SourcePlan};
use super::state::Users;
use super::{Builder, StartError};
use crate::balancer::{Pools, Told};
use crate::health::{Board, Prober, Watched};
use crate::identify::TrustList;
use crate::names::{self, Names};
use crate::replication::{Pace, Source};
use crate::signalling::BindError;

impl Builder<'_> {
    /// Opens what the service thread serves: the directory at Front Ends, metrics everywhere.
    pub(super) fn plan(
        &self,
        users: Option<&Users>,
        inside: Option<&Arc<Store>>,
        pools: &Arc<Pools>,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<Plan, StartError> {
        let identify: Arc<dyn Identify> = Arc::new(TrustList::of(&self.view));
        let mut plan = Plan {
            follower: None,
            source: None,
            metrics: None,
            names: None,
            prober: self.prober(inside, pools)?,
        };
        if let Some(prober) = &plan.prober {
            plan.names = self.names(prober.board(), addresses)?;
        }
        for listener in &self.view.listeners {
            // Every Front End serves what it has: a copy carries the master's history under the master's indexes.
            let serves = users.filter(|_| self.view.has_role(Role::FrontEnd));
            match (listener.port, serves, inside) {
                (Port::InterServer, Some(users), Some(store)) => {
                    let socket = self.bind(listener.address, addresses)?;
                    let source = Source::new(Arc::clone(users.log.log()), Pace::default())
                        .behind(&listener.balancers)
                        .recorded_by(self.agent.recorder().clone());
                    plan.source = Some(SourcePlan {
                        listener: socket,
                        store: Arc::clone(store),
                        identify: Arc::clone(&identify),
                        source,
                    });
                }
                (Port::Metrics, _, _) => {
                    plan.metrics = Some(self.bind(listener.address, addresses)?)
                }
                (_, _, _) => {}
            }
        }
        Ok(plan)
    }

    /// Opens the name service, on a machine that has it.
    pub(super) fn names(
        &self,
        board: &Arc<Board>,
        opened: &mut Vec<SocketAddr>,
    ) -> Result<Option<NamePlan>, StartError> {
        if !self.view.has_role(Role::Dns) {
            return Ok(None);
        }
        let zone = names::zone(&self.view).map_err(|source| StartError::Names {
            machine: self.machine.clone(),
            source,
        })?;
        let listening = names::bind(&self.view).map_err(|error| StartError::Listen {
            machine: self.machine.clone(),
            source: BindError::of(error.address, error.source),
        })?;
        let served = self
            .view
            .listeners
            .iter()
            .filter(|listener| listener.protocol == Protocol::Dns);
        opened.extend(served.map(|listener| listener.address));
        let health = Arc::clone(board) as Arc<dyn dns::Health + Send + Sync>;
        let names = Names::new(zone, health).recorded_by(self.agent.recorder().clone());
        Ok(Some(NamePlan {
            listening,
            names: Arc::new(names),
            seed: self.random()?,
        }))
    }

    /// Prepares to ask how others are, on a machine that chooses among them.
    pub(super) fn prober(
        &self,
        inside: Option<&Arc<Store>>,
        pools: &Arc<Pools>,
    ) -> Result<Option<Prober>, StartError> {
        let chooses = self.view.has_role(Role::Dns) || self.view.has_role(Role::LoadBalancer);
        let Some(store) = inside.filter(|_| chooses) else {
            return Ok(None);
        };
        let watched = Watched::of(&self.view);
        for member in &watched {
            // Who has just begun must not take a deployment away: all are up until something else is found out.
            pools.found(&member.hop.name, web::balance::Health::Up);
        }
        let held = Arc::clone(pools);
        let tell = move |member: &str, standing| held.found(member, balanced::health(standing));
        let board = Board::new(watched).telling(Box::new(tell));
        let board = Arc::new(board.recorded_by(self.agent.recorder().clone()));
        let prober = Prober::new(
            board,
            health::Pace::default(),
            Arc::clone(store),
            self.view.machine.address,
            self.options.clock,
            self.random()?,
        );
        let reporter = prober.reporter();
        let told: Told = Arc::new(move |address| reporter.failed(address));
        pools.tell_failures(&told);
        Ok(Some(prober))
    }

    pub(super) fn bind(
        &self,
        address: SocketAddr,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<TcpListener, StartError> {
        let bound = TcpListener::bind(address).map_err(|source| StartError::Listen {
            machine: self.machine.clone(),
            source: BindError::of(address, source),
        })?;
        addresses.push(address);
        Ok(bound)
    }
}
