//! One agent as a source of records: a task that reads as far ahead as there is room, and no further.
//!
//! Each frame that waits holds some of the room, which its last record gives back when it is taken out. So a slow reader of
//! the results, or an agent that all others have to wait for, stops the reading of this connection and, by TCP, the search
//! at the other end.

use std::sync::Arc;

use logs::wire::{Answer, Done, Request};
use logs::{Record, SourceStatus, Time, line};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use super::link::{Link, Lost, unasked};
use super::{Controller, Target, now};

/// Room is given out in pieces of so many bytes.
const PIECE: usize = 1 << 10;

/// A record that was found.
#[derive(Debug)]
pub struct Found {
    /// Which agent gave it, by its place among those that were asked.
    pub agent: usize,
    /// The record.
    pub record: Record,
    /// Its text form, as the agent has it.
    pub text: String,
    room: Option<OwnedSemaphorePermit>,
}

impl Found {
    /// Makes room for what comes after it.
    pub(super) fn taken(mut self) -> Self {
        self.room = None;
        self
    }
}

/// What an agent's task tells.
pub(super) enum Event {
    /// It was asked and has not refused; told of tails only.
    Listening(usize),
    /// Records, oldest first, and how many were left out.
    Records(usize, Vec<Found>, u64),
    /// So many records were missed.
    Missed(usize, u64),
    /// There is no more.
    End(usize, Ended),
}

/// How it ended.
pub(super) struct Ended {
    pub(super) status: SourceStatus,
    pub(super) done: Done,
    pub(super) took: std::time::Duration,
    pub(super) skew: Option<i64>,
}

/// The task of one agent.
pub(super) struct Source {
    pub(super) controller: Arc<Controller>,
    pub(super) target: Target,
    pub(super) request: Request,
    pub(super) agent: usize,
    pub(super) events: mpsc::Sender<Event>,
    /// How many bytes may wait.
    pub(super) share: usize,
}

impl Source {
    /// Asks and passes on what is answered, to its end. Ends early when nobody listens any more.
    pub(super) async fn run(self) {
        let began = Instant::now();
        let asked = now();
        let mut ended = match self.controller.ask(&self.target, &self.request).await {
            Ok(mut link) => match self.listen(&mut link).await {
                Ok(done) => finished(done, asked),
                Err(lost) => without(link.lost(lost)),
            },
            Err(lost) => without(lost.into()),
        };
        ended.took = began.elapsed();
        // Nobody who could be told is left if this fails.
        let _ = self.events.send(Event::End(self.agent, ended)).await;
    }

    async fn listen(&self, link: &mut Link) -> Result<Done, Lost> {
        let most = u32::try_from(self.share / PIECE).unwrap_or(u32::MAX).max(1);
        let room = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(1)));
        if matches!(self.request, Request::Tail(_)) {
            self.tell(Event::Listening(self.agent)).await?;
        }
        loop {
            match link.next().await? {
                Answer::Records(text) => {
                    // One that is larger than all the room waits until there is nothing else.
                    let needed = u32::try_from(text.len() / PIECE).unwrap_or(most);
                    let needed = needed.clamp(1, most);
                    let place = Arc::clone(&room).acquire_many_owned(needed).await;
                    let (found, left_out) = self.read(&text, place.ok());
                    self.tell(Event::Records(self.agent, found, left_out))
                        .await?;
                }
                Answer::Missed(records) => self.tell(Event::Missed(self.agent, records)).await?,
                Answer::Done(done) => return Ok(done),
                Answer::Running(_)
                | Answer::Status(_)
                | Answer::File { .. }
                | Answer::Bytes(_)
                | Answer::Refused(_) => return Err(unasked()),
            }
        }
    }

    async fn tell(&self, event: Event) -> Result<(), Lost> {
        let gone = |_| Lost::Broken("nobody wants to hear more".to_owned());
        self.events.send(event).await.map_err(gone)
    }

    /// Reads the records of a frame; counts what cannot be read and what speaks of other machines.
    fn read(&self, text: &str, room: Option<OwnedSemaphorePermit>) -> (Vec<Found>, u64) {
        let mut found = Vec::new();
        let mut left_out = 0;
        for one in line::split(text) {
            match line::read(one) {
                Ok(record) if *record.machine == *self.target.machine => found.push(Found {
                    agent: self.agent,
                    record,
                    text: one.to_owned(),
                    room: None,
                }),
                Ok(_) | Err(_) => left_out += 1,
            }
        }
        if let Some(last) = found.last_mut() {
            last.room = room;
        }
        (found, left_out)
    }
}

fn finished(done: Done, asked: Time) -> Ended {
    Ended {
        status: if done.limited {
            SourceStatus::Limited
        } else {
            SourceStatus::Answered
        },
        done,
        took: std::time::Duration::ZERO,
        skew: Link::skew(&done, asked),
    }
}

fn without(status: SourceStatus) -> Ended {
    Ended {
        status,
        done: Done::default(),
        took: std::time::Duration::ZERO,
        skew: None,
    }
}
