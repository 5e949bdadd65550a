//! Frames to and from whoever asks.

use std::time::Duration;

use logs::wire::{Answer, Decoder, FrameError, LONGEST_REQUEST, Request, encode};
use runtime::tls::stream::ServerStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::timeout;

/// Each frame has to be taken within this time; who reads more slowly is taken for dead.
const PATIENCE: Duration = Duration::from_secs(30);
/// Records are gathered into frames of about so many bytes.
const RECORDS: usize = 128 << 10;

/// Why a conversation is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Over {
    /// The other side has gone, or the connection broke.
    #[error("the other side has gone")]
    Gone,
    /// It takes nothing.
    #[error("the other side does not take what it asked for")]
    Stuck,
    /// It said nothing for too long.
    #[error("the other side is silent")]
    Silent,
    /// What it sends is no request.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// It sends more requests before the answer than anybody may.
    #[error("the other side does not wait for its answer")]
    Hasty,
}

/// The half that is read.
pub(super) struct Ears {
    stream: ReadHalf<ServerStream>,
    decoder: Decoder<Request>,
    buffer: Vec<u8>,
    /// Bytes that came while an answer was under way.
    early: usize,
}

impl Ears {
    pub(super) fn new(stream: ReadHalf<ServerStream>) -> Self {
        Self {
            stream,
            decoder: Decoder::default(),
            buffer: vec![0; 8 << 10],
            early: 0,
        }
    }

    /// Waits for the next request.
    pub(super) async fn next(&mut self, most: Duration) -> Result<Request, Over> {
        self.early = 0;
        let read = async {
            loop {
                if let Some(request) = self.decoder.take()? {
                    return Ok(request);
                }
                self.hear().await?;
            }
        };
        timeout(most, read).await.map_err(|_| Over::Silent)?
    }

    /// Waits until the other side has gone. What it says meanwhile waits for its turn, up to the length of one request.
    pub(super) async fn gone(&mut self) -> Over {
        loop {
            match self.hear().await {
                Ok(bytes) => self.early += bytes,
                Err(over) => return over,
            }
            if self.early > LONGEST_REQUEST {
                return Over::Hasty;
            }
        }
    }

    async fn hear(&mut self) -> Result<usize, Over> {
        let read = self.stream.read(&mut self.buffer).await;
        let read = read.ok().filter(|read| *read > 0).ok_or(Over::Gone)?;
        self.decoder
            .push(self.buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// A part of an answer.
pub(super) enum Piece {
    /// A record's text form.
    Record(String),
    /// A frame of its own.
    Whole(Answer),
}

/// The half that is written.
pub(super) struct Mouth {
    stream: WriteHalf<ServerStream>,
    frame: Vec<u8>,
}

impl Mouth {
    pub(super) const fn new(stream: WriteHalf<ServerStream>) -> Self {
        Self {
            stream,
            frame: Vec::new(),
        }
    }

    /// Says these pieces, records together.
    pub(super) async fn say_all(&mut self, pieces: &mut Vec<Piece>) -> Result<(), Over> {
        let mut records = String::new();
        for piece in pieces.drain(..) {
            match piece {
                Piece::Record(text) => {
                    records.push_str(&text);
                    if records.len() >= RECORDS {
                        self.say(&Answer::Records(std::mem::take(&mut records)))
                            .await?;
                    }
                }
                Piece::Whole(answer) => {
                    if !records.is_empty() {
                        self.say(&Answer::Records(std::mem::take(&mut records)))
                            .await?;
                    }
                    self.say(&answer).await?;
                }
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        self.say(&Answer::Records(records)).await
    }

    /// Says one frame.
    pub(super) async fn say(&mut self, answer: &Answer) -> Result<(), Over> {
        self.frame.clear();
        encode(answer, &mut self.frame)?;
        let written = async {
            self.stream.write_all(&self.frame).await?;
            self.stream.flush().await
        };
        let written = timeout(PATIENCE, written).await;
        written.map_err(|_| Over::Stuck)?.map_err(|_| Over::Gone)
    }

    /// Ends the connection in order, if the other side still takes that.
    pub(super) async fn close(&mut self) {
        let _gone = timeout(PATIENCE, self.stream.shutdown()).await;
    }
}
