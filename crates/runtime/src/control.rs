//! The control socket of a running machine: a Unix socket that only its owner may use.
//!
//! One connection, one request, one reply, each one line of JSON. The socket lies in the machine's state folder.
//!
//! A socket address holds 107 bytes of path, and state folders can be deeper than that. So the folder is opened and the
//! socket reached as `/proc/self/fd/N/name`, whatever the folder's own path.
//!
//! A socket that a dead process left behind is replaced; one that answers is not. Two processes that start at the same
//! moment are told apart by a lock on a file beside the socket.
//!
//! Bounds: a line of 1 MiB, 16 connections at a time, 10 s per connection.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::disk::PRIVATE_MODE;

const MAX_LINE: u64 = 1 << 20;
const MAX_CALLERS: u32 = 16;
const CALL_TIME: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the control socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another process serves it; end that one first.
    #[error("another process is in charge of {path}")]
    Taken {
        /// Which socket.
        path: PathBuf,
    },
    /// No process serves it; the machine is not running.
    #[error("nothing is running behind {path}")]
    NotRunning {
        /// Which socket.
        path: PathBuf,
    },
    /// The operating system refused; see the source.
    #[error("the control socket {path} cannot be used")]
    Io {
        /// Which socket.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// What came is not what was expected; the two ends are of different versions.
    #[error("the control socket {path} carries something else than expected")]
    Format {
        /// Which socket.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// No answer came in time; the machine is stuck or overloaded.
    #[error("no answer from {path} in time")]
    Timeout {
        /// Which socket.
        path: PathBuf,
    },
}

/// The serving end. Dropping it removes the socket.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    near: Near,
    /// One place for each caller that is being answered.
    places: Arc<Semaphore>,
    _lock: File,
}

impl Server {
    /// Begins to listen; must be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        let failed = |source| ControlError::Io {
            path: path.to_owned(),
            source,
        };
        let near = Near::new(path).map_err(failed)?;
        let lock = near.lock().map_err(failed)?;
        let Some(lock) = lock else {
            return Err(ControlError::Taken {
                path: path.to_owned(),
            });
        };
        // We hold the lock, so whoever made this socket is gone.
        match std::fs::remove_file(near.socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(near.socket()).map_err(failed)?;
        std::fs::set_permissions(near.socket(), Permissions::from_mode(PRIVATE_MODE))
            .map_err(failed)?;
        Ok(Self {
            listener,
            near,
            places: Arc::new(Semaphore::new(MAX_CALLERS as usize)),
            _lock: lock,
        })
    }

    /// Answers requests for ever; must run within a tokio runtime.
    pub async fn serve<Q, A, F, W>(&self, answer: F)
    where
        Q: DeserializeOwned + Send + 'static,
        A: Serialize + Send + 'static,
        F: Fn(Q) -> W + Send + Sync + 'static,
        W: Future<Output = A> + Send + 'static,
    {
        let answer = Arc::new(answer);
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answer = Arc::clone(&answer);
                    tokio::spawn(async move {
                        let call = answer_one(stream, &*answer);
                        match timeout(CALL_TIME, call).await {
                            Ok(Ok(())) => {}
                            Ok(Err(error)) => tracing::debug!(%error, "control connection failed"),
                            Err(_elapsed) => {
                                tracing::debug!("control connection took longer than allowed")
                            }
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket failed to accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits until every caller that was let in has its answer, so that the process may end.
    pub async fn answered(&self) {
        // A call takes no longer than its time.
        let _ = timeout(CALL_TIME, self.places.acquire_many(MAX_CALLERS)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_gone = std::fs::remove_file(self.near.socket());
    }
}

async fn answer_one<Q, A, F, W>(mut stream: UnixStream, answer: &F) -> io::Result<()>
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Fn(Q) -> W,
    W: Future<Output = A>,
{
    let line = read_line(&mut stream).await?;
    let reply = line_of(&answer(serde_json::from_slice(&line)?).await)?;
    stream.write_all(&reply).await
}

/// Sends one request to a running machine and returns its reply.
///
/// # Errors
/// See [`ControlError`].
pub async fn call<Q: Serialize, A: DeserializeOwned>(
    path: &Path,
    request: &Q,
) -> Result<A, ControlError> {
    let called = timeout(CALL_TIME, call_patiently(path, request)).await;
    called.unwrap_or_else(|_elapsed| {
        Err(ControlError::Timeout {
            path: path.to_owned(),
        })
    })
}

async fn call_patiently<Q: Serialize, A: DeserializeOwned>(
    path: &Path,
    request: &Q,
) -> Result<A, ControlError> {
    let failed = |source: io::Error| {
        if matches!(
            source.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
        ) {
            ControlError::NotRunning {
                path: path.to_owned(),
            }
        } else {
            ControlError::Io {
                path: path.to_owned(),
                source,
            }
        }
    };
    let near = Near::new(path).map_err(failed)?;
    let mut stream = UnixStream::connect(near.socket()).await.map_err(failed)?;
    let line = line_of(request).map_err(failed)?;
    stream.write_all(&line).await.map_err(failed)?;
    let line = read_line(&mut stream).await.map_err(failed)?;
    serde_json::from_slice(&line).map_err(|source| ControlError::Format {
        path: path.to_owned(),
        source,
    })
}

async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(MAX_LINE));
    reader.read_until(b'\n', &mut line).await?;
    if line.last() == Some(&b'\n') {
        Ok(line)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn line_of(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// A socket's folder, held open, so that its name stays short.
#[derive(Debug)]
struct Near {
    folder: File,
    name: std::ffi::OsString,
}

impl Near {
    fn new(path: &Path) -> io::Result<Self> {
        let name = path
            .file_name()
            .ok_or(io::ErrorKind::InvalidInput)?
            .to_owned();
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        Ok(Self {
            folder: File::open(folder)?,
            name,
        })
    }

    fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd())).join(&self.name)
    }

    /// Takes the lock beside the socket; `None` if another process has it. It goes with the process.
    fn lock(&self) -> io::Result<Option<File>> {
        let path = self.socket().with_extension("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(PRIVATE_MODE)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
