//! A machine's service thread: control socket, replication, name service, metrics. None of it is on the path of a call.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use runtime::control::{ControlError, Server};
use runtime::tls::{Identify, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::control::{Request, answer};
use super::{Shared, enrolment, metrics};
use crate::directory_admin::Admin;
use crate::health::{Board, Prober};
use crate::names::{Listening, Names};
use crate::replication::writing::Writer;
use crate::replication::{self, Follower, Source};

/// What the thread is to run.
pub(super) struct Plan {
    pub(super) follower: Option<Follower>,
    pub(super) source: Option<SourcePlan>,
    pub(super) metrics: Option<TcpListener>,
    pub(super) names: Option<NamePlan>,
    pub(super) prober: Option<Prober>,
}

impl Plan {
    /// Returns what is known of others, if some are asked.
    pub(super) fn board(&self) -> Option<Arc<Board>> {
        let prober = self.prober.as_ref();
        prober.map(|prober| Arc::clone(prober.board()))
    }
}

/// The directory, ready to be followed.
pub(super) struct SourcePlan {
    pub(super) listener: TcpListener,
    pub(super) store: Arc<Store>,
    pub(super) identify: Arc<dyn Identify>,
    pub(super) source: Source,
}

/// The name service, ready to serve.
pub(super) struct NamePlan {
    pub(super) listening: Vec<Listening>,
    pub(super) names: Arc<Names>,
    pub(super) seed: [u8; 32],
}

/// The running thread.
pub(super) struct Services {
    end: watch::Sender<bool>,
    drain: watch::Receiver<bool>,
    thread: Option<JoinHandle<()>>,
}

/// The service thread could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The system has no thread or event loop left.
    #[error("cannot start the service thread")]
    Thread(#[source] io::Error),
    /// Another process runs this machine, or its directory is not ours.
    #[error("cannot open the control socket")]
    Control(#[source] ControlError),
}

impl Services {
    /// Starts the thread; returns when the control socket is open.
    pub(super) fn start(
        shared: Arc<Shared>,
        socket: &Path,
        plan: Plan,
    ) -> Result<Self, ServiceError> {
        let (end, mut ended) = watch::channel(false);
        let (drain, asked) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(ServiceError::Thread)?;
        let control = {
            let _inside = runtime.enter();
            Server::bind(socket).map_err(ServiceError::Control)?
        };
        let thread = std::thread::Builder::new().name("services".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(async move {
                let mut tasks = JoinSet::new();
                run_plan(&shared, plan, &mut tasks);
                let serve = control.serve(move |request: Request| {
                    answer(Arc::clone(&shared), drain.clone(), request)
                });
                tokio::select! {
                    () = serve => {}
                    _ = ended.wait_for(|end| *end) => {}
                }
                tasks.shutdown().await;
            });
        });
        let thread = thread.map_err(ServiceError::Thread)?;
        Ok(Self {
            end,
            drain: asked,
            thread: Some(thread),
        })
    }

    pub(super) fn asked_to_drain(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut asked = self.drain.clone();
        async move {
            if asked.wait_for(|asked| *asked).await.is_err() {
                // The thread has ended without being asked: then nobody will ask.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Ends the thread and removes the control socket.
    pub(super) fn end(mut self) {
        self.end.send_replace(true);
        if let Some(Err(_panicked)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the service thread ended with a panic");
        }
    }
}

fn run_plan(shared: &Arc<Shared>, plan: Plan, tasks: &mut JoinSet<()>) {
    if let Some(follower) = plan.follower {
        tasks.spawn(async move {
            follower.run().await;
        });
    }
    if let Some(SourcePlan {
        listener,
        store,
        identify,
        source,
    }) = plan.source
        && let Some(listener) = asynchronous(listener)
    {
        let source = match &shared.admin {
            Some(admin) => source.writing(writer(shared, admin)),
            None => source,
        };
        tasks.spawn(replication::serve(listener, store, identify, source));
    }
    if let Some(NamePlan {
        listening,
        names,
        seed,
    }) = plan.names
    {
        tasks.spawn(async move {
            if let Err(error) = crate::names::serve(listening, names, seed).await {
                tracing::error!(%error, "the name service has ended");
            }
        });
    }
    if let Some(prober) = plan.prober {
        tasks.spawn(prober.run());
    }
    if let Some(listener) = plan.metrics
        && let Some(listener) = asynchronous(listener)
    {
        let shared = Arc::clone(shared);
        tasks.spawn(runtime::metrics::serve(listener, move |page| {
            metrics::write(&shared, page)
        }));
    }
}

/// Writes into the directory that this machine masters.
fn writer(shared: &Shared, admin: &Arc<Admin>) -> Writer {
    let (admin, clock) = (Arc::clone(admin), shared.clock);
    Arc::new(move |publication| enrolment::write(&admin, clock.wall(), publication))
}

fn asynchronous(listener: TcpListener) -> Option<tokio::net::TcpListener> {
    let made = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener));
    made.inspect_err(|error| tracing::error!(%error, "a listener cannot be used"))
        .ok()
}
