//! One connection: requests are judged, carried out, answered and recorded, one after the other.
//!
//! An answer leaves as it comes about. The thread that makes it waits for the reader, and both sides of a connection are
//! watched meanwhile: when the other side goes, or the certificates are loaded anew, the work ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use logs::authority::{Asker, judge};
use logs::wire::{Answer, Done, Refused, Request, Service};
use runtime::tls::stream::ServerStream;
use runtime::tls::{Credentials, Store};
use tokio::io::split;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};

use super::reply::{Ears, Mouth, Over, Piece};
use super::requests::{Out, carry_out};
use super::{Agent, audit};

/// How long an operator may say nothing between two requests.
const IDLE: Duration = Duration::from_secs(300);
/// How long anybody else may.
const IDLE_OTHERS: Duration = Duration::from_secs(10);
/// How long one answer may take; a tail has no end.
const ANSWER: Duration = Duration::from_secs(15 * 60);
/// Parts of an answer that wait for a slow reader.
const WAITING: usize = 64;
/// How often it is looked whether certificates were loaded anew.
const LOOK: Duration = Duration::from_secs(1);
/// Longer than any answer: a tail.
const ENDLESS: Duration = Duration::from_secs(366 * 86_400);

/// Somebody who has come in.
pub(super) struct Guest {
    pub(super) stream: ServerStream,
    pub(super) from: SocketAddr,
    pub(super) asker: Asker,
    pub(super) service: Service,
    /// Under which the handshake was made.
    pub(super) credentials: Arc<Credentials>,
}

/// What holds for all connections.
pub(super) struct House {
    pub(super) agent: Arc<Agent>,
    pub(super) store: Arc<Store>,
}

/// Serves a connection until either side ends it.
pub(super) async fn converse(guest: Guest, house: Arc<House>) {
    let Guest {
        stream,
        from,
        asker,
        service,
        credentials,
    } = guest;
    let (read, write) = split(stream);
    let mut talk = Talk {
        ears: Ears::new(read),
        mouth: Mouth::new(write),
        from,
        asker,
        service,
        credentials,
        house,
    };
    let over = talk.go_on().await;
    tracing::debug!(%from, %over, "logging: a connection has ended");
    talk.mouth.close().await;
}

struct Talk {
    ears: Ears,
    mouth: Mouth,
    from: SocketAddr,
    asker: Asker,
    service: Service,
    credentials: Arc<Credentials>,
    house: Arc<House>,
}

impl Talk {
    async fn go_on(&mut self) -> Over {
        let is_operator = matches!(self.asker, Asker::Operator(_));
        let idle = if is_operator { IDLE } else { IDLE_OTHERS };
        loop {
            let next = self.ears.next(idle).await;
            let ended = match next {
                Ok(request) => self.answer(request).await,
                Err(over) => Err(over),
            };
            match ended {
                Ok(()) if is_operator => {}
                // Whoever may not ask is told so once.
                Ok(()) => return Over::Gone,
                Err(over) => return over,
            }
        }
    }

    async fn answer(&mut self, request: Request) -> Result<(), Over> {
        let outcome = match self.allow(&request) {
            Ok((who, permit)) => {
                // A tail may end with the machine, so it is recorded when it begins; all else when it is known what came of it.
                let is_tail = matches!(request, Request::Tail(_));
                if is_tail {
                    self.record(&request, Ok(()));
                }
                let followed = self.follow(who, &request, permit).await;
                if !is_tail {
                    self.record(
                        &request,
                        followed
                            .as_ref()
                            .map_or(Ok(()), |done| done.as_ref().map(drop)),
                    );
                }
                followed?
            }
            Err(refused) => {
                self.record(&request, Err(&refused));
                Err(refused)
            }
        };
        self.mouth
            .say(&outcome.map_or_else(Answer::Refused, Answer::Done))
            .await
    }

    fn record(&self, request: &Request, outcome: Result<(), &Refused>) {
        let agent = &self.house.agent;
        agent.counts().command(outcome.is_ok());
        audit::command(agent.recorder(), (&self.asker, self.from), request, outcome);
    }

    /// Tells whether a request is followed, and as whose.
    fn allow(&self, request: &Request) -> Result<(String, Option<OwnedSemaphorePermit>), Refused> {
        let who = judge(&self.asker, request);
        let who = who.map_err(|why| Refused::NotAllowed(why.to_string()))?;
        if !self.is_trusted() {
            return Err(anew());
        }
        if request.service() != self.service {
            return Err(Refused::WrongPort);
        }
        let reads = matches!(request, Request::Search(_) | Request::Collect(_));
        let permit = reads.then(|| self.house.agent.place()).transpose()?;
        Ok((who.to_owned(), permit))
    }

    fn is_trusted(&self) -> bool {
        Arc::ptr_eq(&self.credentials, &self.house.store.current())
    }

    async fn follow(
        &mut self,
        who: String,
        request: &Request,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Result<Done, Refused>, Over> {
        let most = if matches!(request, Request::Tail(_)) {
            ENDLESS
        } else {
            ANSWER
        };
        let searches = matches!(request, Request::Search(_));
        let deadline = Instant::now() + most;
        let (sender, mut pieces) = mpsc::channel(WAITING);
        let cancel = Cancel(Arc::default());
        let out = Out {
            pieces: sender,
            cancelled: Arc::clone(&cancel.0),
        };
        let (agent, request) = (Arc::clone(&self.house.agent), request.clone());
        let work = spawn_blocking(move || {
            let _permit = permit;
            carry_out(&agent, &who, request, &out)
        });
        let mut batch: Vec<Piece> = Vec::with_capacity(WAITING);
        loop {
            let came = tokio::select! {
                came = timeout_at(deadline, pieces.recv_many(&mut batch, WAITING)) => came,
                over = self.ears.gone() => return Err(over),
                () = sleep(LOOK) => {
                    if !self.is_trusted() {
                        return Ok(Err(anew()));
                    }
                    if searches {
                        // A sign of life: to look through everything may take longer than anybody waits for a dead machine.
                        self.mouth.say(&Answer::Records(String::new())).await?;
                    }
                    continue;
                }
            };
            match came {
                Ok(0) => break,
                Ok(_) => self.mouth.say_all(&mut batch).await?,
                Err(_) => return Ok(Err(Refused::Failed("it takes too long".to_owned()))),
            }
        }
        let interrupted = || Refused::Failed("the work was interrupted".to_owned());
        Ok(work.await.unwrap_or_else(|_| Err(interrupted())))
    }
}

/// Whoever is revoked must not stay because they have come in before.
fn anew() -> Refused {
    Refused::Failed("the certificates of this machine were loaded anew; connect again".to_owned())
}

/// Ends the work when nobody waits for it.
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
