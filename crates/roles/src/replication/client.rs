//! The side of a machine that holds a copy of the directory.
//!
//! A [`Follower`] runs for ever as one task. Every change is decoded before it goes into the own log, so that a master
//! of a newer version cannot leave a log here that no longer opens.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::net::Hop;
use base::random::Random;
use bytes::Bytes;
use directory::{Change, DecodeError};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Request, Response, StatusCode};
use logs::{Component, Direction, Flags, Level, Value};
use runtime::http::Direct;
use runtime::tls::Store;
use runtime::tls::stream::{StreamError, connect};
use serde::{Deserialize, Serialize};
use store::{Index, LogError, LogId};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use traces::Recorder;

use super::wire::{Message, Reader};
use super::{CHANGES, INDEX_HEADER, LOG_HEADER, Pace, SNAPSHOT, WireError};
use crate::directory_log::DirectoryLog;

/// The largest snapshot that is taken, in bytes of records: about two million users.
pub const SNAPSHOT_MAX: usize = 1 << 30;

/// Keeps a copy of the directory up to date.
pub struct Follower {
    own: DirectoryLog,
    masters: Vec<Hop>,
    from: Option<IpAddr>,
    tls: Arc<Store>,
    pace: Pace,
    random: Random,
    status: StatusHandle,
    recorder: Recorder,
}

/// How a copy of the directory stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The last change that this copy has.
    pub index: u64,
    /// The last change that the master was heard to have; nothing before the first contact.
    pub master_index: Option<u64>,
    /// The master that was tried or heard last.
    pub master: Option<String>,
    /// Whether the connection to it stands.
    pub is_connected: bool,
    /// How long ago it was last heard, in milliseconds: the copy is at most this much older than the original.
    pub age_ms: Option<u64>,
    /// How often the whole directory was taken over.
    pub snapshots: u64,
    /// How often a connection was made.
    pub connections: u64,
    /// What went wrong last, if it has not gone well since.
    pub fault: Option<String>,
}

/// Reads the status of a [`Follower`] that runs elsewhere.
#[derive(Clone)]
pub struct StatusHandle {
    own: DirectoryLog,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    master_index: Option<Index>,
    master: Option<Arc<str>>,
    is_connected: bool,
    /// Whether the master is known to have more.
    is_behind: bool,
    heard: Option<Instant>,
    snapshots: u64,
    connections: u64,
    fault: Option<String>,
}

/// Why a connection to the master ended. All but the last two are cured by trying again.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("cannot connect to the master of the directory")]
    Connect(#[source] StreamError),
    #[error("the master of the directory does not speak HTTP as expected")]
    Handshake(#[source] hyper::Error),
    #[error("the master of the directory did not answer")]
    Request(#[source] hyper::Error),
    #[error("the answer of the master of the directory broke off")]
    Body(#[source] hyper::Error),
    #[error("the master of the directory closed the connection")]
    Ended,
    #[error("the master of the directory was silent for too long")]
    Silent,
    #[error("the master of the directory answered {status}")]
    Answer { status: StatusCode },
    #[error("the answer of the master of the directory lacks a header")]
    Header,
    #[error("the answer of the master of the directory cannot be read")]
    Wire(#[source] WireError),
    #[error("change {found} came where {expected} was wanted")]
    Gap { expected: Index, found: Index },
    #[error("the snapshot of the directory is incomplete or too large")]
    Snapshot,
    #[error("a change to the directory cannot be read")]
    Record(#[source] DecodeError),
    #[error("the copy of the directory cannot be written")]
    Own(#[source] LogError),
}

impl Follower {
    /// Prepares to follow one of these masters, tried in turn. The seed spreads the retries of many followers.
    #[must_use]
    pub fn new(
        own: DirectoryLog,
        masters: Vec<Hop>,
        from: Option<IpAddr>,
        tls: Arc<Store>,
        pace: Pace,
        seed: [u8; 32],
    ) -> Self {
        let status = StatusHandle {
            own: own.clone(),
            known: Arc::default(),
        };
        Self {
            own,
            masters,
            from,
            tls,
            pace,
            random: Random::new(seed),
            status,
            recorder: Recorder::default(),
        }
    }

    /// Has it recorded when the master is heard and lost.
    #[must_use]
    pub fn recorded_by(self, recorder: Recorder) -> Self {
        Self { recorder, ..self }
    }

    fn tell(&self, master: &str, level: Level, decision: &str, why: &str) {
        self.recorder
            .record(Component::Directory, level, Flags::CONNECTION, |record| {
                record.direction = Some(Direction::Out);
                record.peer_name = Some(master.into());
                record.decision = Some(decision.into());
                record.reason = Some(Value::new(why));
            });
    }

    /// Returns a way to read the status while the follower runs.
    #[must_use]
    pub fn status(&self) -> StatusHandle {
        self.status.clone()
    }

    /// Follows for ever; dropping the future closes the connection.
    pub async fn run(mut self) -> Infallible {
        let mut pause = self.pace.retry_first;
        let mut turn = 0;
        loop {
            if let Some(master) = self.masters.get(turn).cloned() {
                self.status.lock().master = Some(master.name.clone());
                let before = self.status.lock().heard;
                let Err(error) = self.follow(&master).await;
                self.report(&master, &error);
                if self.status.lock().heard != before {
                    pause = self.pace.retry_first;
                }
            }
            turn = (turn + 1) % self.masters.len().max(1);
            sleep(self.spread(pause)).await;
            pause = (pause * 2).min(self.pace.retry_last);
        }
    }

    /// Between half of the pause and all of it.
    fn spread(&mut self, pause: Duration) -> Duration {
        let half = pause / 2;
        let micros = usize::try_from(half.as_micros()).unwrap_or(usize::MAX);
        half + Duration::from_micros(self.random.below(micros) as u64)
    }

    fn report(&self, master: &Hop, error: &FollowError) {
        let cause = std::error::Error::source(error).map(|source| format!(": {source}"));
        let text = format!("{error}{}", cause.unwrap_or_default());
        let mut known = self.status.lock();
        if known.is_connected {
            tracing::warn!(master = %master.name, error = %text, "the directory is not being replicated");
        } else {
            tracing::debug!(master = %master.name, error = %text, "the master of the directory is still away");
        }
        let was_connected = std::mem::replace(&mut known.is_connected, false);
        let before = known.fault.replace(text.clone());
        drop(known);
        // A master that stays away is told once.
        if was_connected || before.as_ref() != Some(&text) {
            let decision = if was_connected { "lost" } else { "away" };
            self.tell(&master.name, Level::Warning, decision, &text);
        }
    }

    /// The master was heard.
    fn heard(&self, master_index: Index, last: Index) {
        let mut known = self.status.lock();
        let was_connected = known.is_connected;
        let was_behind = known.is_behind;
        known.hear(master_index);
        known.is_behind = last < master_index;
        let master = known.master.clone();
        let is_behind = known.is_behind;
        drop(known);
        let master = master.as_deref().unwrap_or_default();
        let at = format!("it is at change {}, the copy at {}", master_index.0, last.0);
        if !was_connected {
            self.tell(master, Level::Info, "connected", &at);
        }
        if !is_behind && (was_behind || !was_connected) {
            self.tell(master, Level::Info, "caught_up", &at);
        }
    }

    /// One connection, from its beginning to its end.
    async fn follow(&self, master: &Hop) -> Result<Infallible, FollowError> {
        let connected = connect(master, self.from, &self.tls, self.pace.patience).await;
        let stream = connected.map_err(FollowError::Connect)?;
        let connection = Direct::begin(stream)
            .await
            .map_err(FollowError::Handshake)?;
        self.status.lock().connections += 1;
        let mut asker = Asker {
            connection,
            host: master.name.clone(),
            patience: self.pace.patience,
        };
        loop {
            let (id, last) = (self.own.log().id(), self.own.log().last());
            let path = format!("{CHANGES}?log={:016x}&from={}", id.0, last.0);
            let response = asker.get(&path).await?;
            match response.status() {
                StatusCode::OK => return self.take_changes(response.into_body(), last).await,
                StatusCode::GONE => {
                    drain(response.into_body(), self.pace.patience).await?;
                    self.take_snapshot(asker.get(SNAPSHOT).await?).await?;
                }
                status => return Err(FollowError::Answer { status }),
            }
        }
    }

    async fn take_changes(
        &self,
        mut body: Incoming,
        mut last: Index,
    ) -> Result<Infallible, FollowError> {
        let mut reader = Reader::default();
        loop {
            let bytes = next_piece(&mut body, self.pace.silence).await?;
            reader.push(&bytes.ok_or(FollowError::Ended)?);
            let mut batch = Vec::new();
            let mut heard = None;
            while let Some(message) = reader.next().map_err(FollowError::Wire)? {
                match message {
                    Message::Record { index, record } => {
                        let expected = Index(last.0 + batch.len() as u64 + 1);
                        if index != expected {
                            return Err(FollowError::Gap {
                                expected,
                                found: index,
                            });
                        }
                        Change::decode(&record).map_err(FollowError::Record)?;
                        batch.push(record);
                    }
                    Message::Alive { last } => heard = Some(last),
                    Message::End { .. } => return Err(FollowError::Ended),
                }
            }
            if !batch.is_empty() {
                let expected = Index(last.0 + batch.len() as u64);
                last = self.append(batch).await?;
                if last != expected {
                    return Err(FollowError::Gap {
                        expected,
                        found: last,
                    });
                }
            }
            self.heard(heard.unwrap_or(last).max(last), last);
        }
    }

    async fn append(&self, batch: Vec<Bytes>) -> Result<Index, FollowError> {
        let (tell, told) = oneshot::channel();
        self.own.log().append(batch, |result| {
            // If nobody waits any more, the follower has been stopped.
            let _ = tell.send(result);
        });
        told.await
            .unwrap_or(Err(LogError::Closed))
            .map_err(FollowError::Own)
    }

    async fn take_snapshot(&self, response: Response<Incoming>) -> Result<(), FollowError> {
        if response.status() != StatusCode::OK {
            return Err(FollowError::Answer {
                status: response.status(),
            });
        }
        let (id, index) = read_headers(&response).ok_or(FollowError::Header)?;
        let records = read_snapshot(response.into_body(), self.pace.patience).await?;
        let log = self.own.log().clone();
        tracing::info!(
            users = records.len(),
            index = index.0,
            "the whole directory is taken over"
        );
        let reset = tokio::task::spawn_blocking(move || log.reset(id, index, records)).await;
        reset
            .unwrap_or(Err(LogError::Closed))
            .map_err(FollowError::Own)?;
        self.status.lock().snapshots += 1;
        self.heard(index, index);
        Ok(())
    }
}

impl StatusHandle {
    /// Returns how the copy stands now.
    #[must_use]
    pub fn read(&self) -> Status {
        let known = self.lock();
        Status {
            index: self.own.log().last().0,
            master_index: known.master_index.map(|index| index.0),
            master: known.master.as_deref().map(str::to_owned),
            is_connected: known.is_connected,
            age_ms: known
                .heard
                .map(|heard| u64::try_from(heard.elapsed().as_millis()).unwrap_or(u64::MAX)),
            snapshots: known.snapshots,
            connections: known.connections,
            fault: known.fault.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn hear(&mut self, master_index: Index) {
        self.master_index = Some(master_index);
        self.heard = Some(Instant::now());
        self.is_connected = true;
        self.fault = None;
    }
}

/// Sends requests on one connection.
struct Asker {
    connection: Direct<Empty<Bytes>>,
    host: Arc<str>,
    patience: Duration,
}

impl Asker {
    async fn get(&mut self, path: &str) -> Result<Response<Incoming>, FollowError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = path.parse().map_err(|_| FollowError::Header)?;
        let host = self.host.parse().map_err(|_| FollowError::Header)?;
        request.headers_mut().insert(HOST, host);
        let answered = timeout(self.patience, self.connection.ask(request)).await;
        answered
            .map_err(|_| FollowError::Silent)?
            .map_err(FollowError::Request)
    }
}

/// Returns the next bytes of a body; `None` at its end.
async fn next_piece(body: &mut Incoming, silence: Duration) -> Result<Option<Bytes>, FollowError> {
    loop {
        let frame = timeout(silence, body.frame())
            .await
            .map_err(|_| FollowError::Silent)?;
        match frame.transpose().map_err(FollowError::Body)? {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// Reads a body to its end, so that the connection can be used again.
async fn drain(mut body: Incoming, silence: Duration) -> Result<(), FollowError> {
    while next_piece(&mut body, silence).await?.is_some() {}
    Ok(())
}

/// Reads a whole snapshot; one that breaks off is none.
async fn read_snapshot(mut body: Incoming, silence: Duration) -> Result<Vec<Bytes>, FollowError> {
    let mut reader = Reader::default();
    let mut records = Vec::new();
    let mut bytes = 0;
    while let Some(piece) = next_piece(&mut body, silence).await? {
        reader.push(&piece);
        while let Some(message) = reader.next().map_err(FollowError::Wire)? {
            match message {
                Message::Record { record, .. } => {
                    bytes += record.len() + size_of::<Bytes>();
                    if bytes > SNAPSHOT_MAX
                        || !matches!(Change::decode(&record), Ok(Change::Put(_)))
                    {
                        return Err(FollowError::Snapshot);
                    }
                    records.push(record);
                }
                Message::Alive { .. } => {}
                Message::End { records: count } if count == records.len() as u64 => {
                    drain(body, silence).await?;
                    return Ok(records);
                }
                Message::End { .. } => return Err(FollowError::Snapshot),
            }
        }
    }
    Err(FollowError::Snapshot)
}

fn read_headers(response: &Response<Incoming>) -> Option<(LogId, Index)> {
    let text = |name| response.headers().get(name)?.to_str().ok();
    let id = u64::from_str_radix(text(LOG_HEADER)?, 16).ok()?;
    Some((LogId(id), Index(text(INDEX_HEADER)?.parse().ok()?)))
}
