//! Moves the bytes of two connections into each other until both have ended.
//!
//! Little is copied by way of a buffer, much goes through a pipe within the kernel; which of them costs less was measured
//! (`BENCHMARKS.md`).
//!
//! Each direction ends for itself: the end of one side's words is passed on as such, and the other may go on speaking.
//! An error on either side, or silence on both, ends the whole.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::pipes::Pipe;

/// What is moved at a time by copying; where so much comes at once, pipes take over until less does.
const COPIED_MOST: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; COPIED_MOST]);
}

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
    let mut much = false;
    loop {
        from.readable().await?;
        let moved = if much {
            by_pipe(from, into).await
        } else {
            by_copy(from, into).await
        };
        match moved {
            Ok(0) => break,
            Ok(moved) => {
                much = moved >= COPIED_MOST;
                let moved = u64::try_from(moved).unwrap_or(u64::MAX);
                count.set(count.get().saturating_add(moved));
                last.set(Instant::now());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    // Whoever has gone already needs not be told.
    let _ = shutdown(into, Shutdown::Write);
    Ok(())
}

/// Moves what has come by way of a buffer of the thread: for little, that costs less than a pipe. `WouldBlock` if nothing
/// has come.
async fn by_copy(from: &TcpStream, into: &TcpStream) -> io::Result<usize> {
    let (moved, rest) = SCRATCH.with_borrow_mut(|scratch| {
        let moved = from.try_read(scratch)?;
        let read = scratch.get(..moved).unwrap_or_default();
        let written = if read.is_empty() {
            0
        } else {
            or_nothing(into.try_write(read))?
        };
        let rest = read.get(written..).unwrap_or_default().to_vec();
        io::Result::Ok((moved, rest))
    })?;
    let mut rest = rest.as_slice();
    while !rest.is_empty() {
        into.writable().await?;
        let written = or_nothing(into.try_write(rest))?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(moved)
}

/// Moves what has come without a copy. `WouldBlock` if nothing has come.
async fn by_pipe(from: &TcpStream, into: &TcpStream) -> io::Result<usize> {
    let mut pipe = Pipe::take()?;
    let filled = pipe.fill(from);
    while !pipe.is_empty() {
        if or_nothing(pipe.empty(into))? == 0 {
            into.writable().await?;
        }
    }
    pipe.give_back();
    filled
}

fn or_nothing(outcome: io::Result<usize>) -> io::Result<usize> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        outcome => outcome,
    }
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
