//! Pipes through which the kernel moves bytes from one socket to another, kept by each thread for use again.
//!
//! A pipe is borrowed while bytes are in it and given back when it is empty, so that idle connections hold none. One
//! that is not empty when its connection ends is closed with what is in it.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// How many empty pipes a thread keeps.
const KEPT: usize = 128;
/// What a pipe takes at a time.
const SIZE: usize = 256 * 1024;
/// What a pipe takes where the system grants no more.
const SIZE_DEFAULT: usize = 64 * 1024;

thread_local! {
    static EMPTY: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// A pipe and what is in it.
#[derive(Debug)]
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    size: usize,
    held: usize,
}

impl Pipe {
    /// Takes an empty pipe of this thread, or makes one.
    pub(super) fn take() -> io::Result<Self> {
        if let Some(pipe) = EMPTY.with_borrow_mut(Vec::pop) {
            return Ok(pipe);
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let size = fcntl_setpipe_size(&write, SIZE).map_or(SIZE_DEFAULT, |_| SIZE);
        Ok(Self {
            read,
            write,
            size,
            held: 0,
        })
    }

    /// Gives it back; only an empty one is of use to anybody.
    pub(super) fn give_back(self) {
        if self.held == 0 {
            EMPTY.with_borrow_mut(|empty| {
                if empty.len() < KEPT {
                    empty.push(self);
                }
            });
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Takes in what a socket has; zero at its end. Fails with `WouldBlock` when it has nothing.
    pub(super) fn fill(&mut self, from: &TcpStream) -> io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let moved = from.try_io(Interest::READABLE, || {
            Ok(splice(from, None, &self.write, None, self.size, flags)?)
        })?;
        self.held += moved;
        Ok(moved)
    }

    /// Lets out what a socket takes. Fails with `WouldBlock` when it takes nothing.
    pub(super) fn empty(&mut self, into: &TcpStream) -> io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let moved = into.try_io(Interest::WRITABLE, || {
            Ok(splice(&self.read, None, into, None, self.held, flags)?)
        })?;
        self.held = self.held.saturating_sub(moved);
        Ok(moved)
    }
}
