//! Moves the bytes of two connections into each other until both have ended.
//!
//! Each direction ends for itself: the end of one side's words is passed on as such, and the other may go on speaking.
//! An error on either side, or silence on both, ends the whole.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::pipes::Pipe;

/// How many bytes went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// From whoever connected.
    pub inward: u64,
    /// To whoever connected.
    pub outward: u64,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Both have said all.
    Said,
    /// Nothing came for too long.
    Idle,
    /// A side broke off.
    Broken,
}

/// What both directions change.
struct Course {
    inward: Cell<u64>,
    outward: Cell<u64>,
    last: Cell<Instant>,
}

/// Moves bytes both ways; returns how it ended and how many they were.
pub(super) async fn pump(near: &TcpStream, far: &TcpStream, idle: Duration) -> (Over, Moved) {
    let course = Course {
        inward: Cell::default(),
        outward: Cell::default(),
        last: Cell::new(Instant::now()),
    };
    let both = async {
        tokio::try_join!(
            one_way(near, far, &course.inward, &course.last),
            one_way(far, near, &course.outward, &course.last),
        )
    };
    let over = tokio::select! {
        moved = both => if moved.is_ok() { Over::Said } else { Over::Broken },
        () = silence(&course.last, idle) => Over::Idle,
    };
    let moved = Moved {
        inward: course.inward.get(),
        outward: course.outward.get(),
    };
    (over, moved)
}

async fn one_way(
    from: &TcpStream,
    into: &TcpStream,
    count: &Cell<u64>,
    last: &Cell<Instant>,
) -> io::Result<()> {
    loop {
        from.readable().await?;
        let mut pipe = Pipe::take()?;
        let filled = pipe.fill(from);
        if would_block(&filled) {
            pipe.give_back();
            continue;
        }
        if filled? == 0 {
            pipe.give_back();
            // Whoever has gone already needs not be told.
            let _ = shutdown(into, Shutdown::Write);
            return Ok(());
        }
        while !pipe.is_empty() {
            let emptied = pipe.empty(into);
            if would_block(&emptied) {
                into.writable().await?;
                continue;
            }
            let moved = emptied?;
            count.set(
                count
                    .get()
                    .saturating_add(u64::try_from(moved).unwrap_or(u64::MAX)),
            );
            last.set(Instant::now());
        }
        pipe.give_back();
    }
}

fn would_block(outcome: &io::Result<usize>) -> bool {
    outcome
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// Ends once nothing was moved for this long.
async fn silence(last: &Cell<Instant>, idle: Duration) {
    loop {
        let until = last.get() + idle;
        sleep_until(until).await;
        if last.get() + idle <= Instant::now() {
            return;
        }
    }
}
