//! One flow, from the first byte of its handshake to its end.
//!
//! ```text
//!  Opening --handshake done--> Open --Close, drain, end of stream--> Closing --all sent--> Ended
//!     |                          |                                      |
//!     +----- refused, slow ------+------ broken, stalled, idle ---------+----------------> Ended
//! ```
//!
//! A flow is driven by its own task (`accept`, `dial`), which alone polls the socket. Others only leave something to
//! send, change the stage, and wake the task.
//!
//! Bounds: bytes to send, before and after opening, are limited together; passing the limit ends the flow as stalled.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use base::Mono;
use base::net::{Closed, Fingerprint, FlowId, WorkerId};
use base::timers::TimerId;
use bytes::Bytes;

use super::net::{Alarm, Net};
use super::refusal::Refused;
use super::wire::{Heard, Wire};
use crate::tls::session::Session;
use crate::tls::{NamesError, fingerprint, proven_names};

/// How far a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Connecting or shaking hands.
    Opening,
    /// In use.
    Open,
    /// What was sent leaves; nothing is taken any more.
    Closing(Closed),
    /// Over.
    Ended(Closed),
}

/// A flow.
pub(crate) struct Flow {
    id: FlowId,
    idle: Duration,
    stage: Cell<Stage>,
    /// The machine asked to close it before it was open.
    close_when_sent: Cell<bool>,
    wire: RefCell<Option<Wire>>,
    pending: RefCell<Vec<Bytes>>,
    pending_bytes: Cell<usize>,
    waker: RefCell<Option<Waker>>,
    dirty: Cell<bool>,
    heard: Cell<Mono>,
    progressed: Cell<Mono>,
    stall_armed: Cell<bool>,
    watch: Cell<Option<TimerId>>,
    /// The other workers that have sent on it: they may wait for an answer, and are told when it ends.
    senders: RefCell<BTreeSet<WorkerId>>,
}

impl Flow {
    pub(crate) fn new(id: FlowId, idle: Duration, now: Mono) -> Rc<Self> {
        Rc::new(Self {
            id,
            idle,
            stage: Cell::new(Stage::Opening),
            close_when_sent: Cell::new(false),
            wire: RefCell::new(None),
            pending: RefCell::default(),
            pending_bytes: Cell::new(0),
            waker: RefCell::new(None),
            dirty: Cell::new(false),
            heard: Cell::new(now),
            progressed: Cell::new(now),
            stall_armed: Cell::new(false),
            watch: Cell::new(None),
            senders: RefCell::default(),
        })
    }

    pub(crate) const fn id(&self) -> FlowId {
        self.id
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Notes that another worker has sent on it.
    pub(crate) fn sent_by(&self, worker: WorkerId) {
        self.senders.borrow_mut().insert(worker);
    }

    /// Returns the other workers that have sent on it, and forgets them.
    pub(crate) fn take_senders(&self) -> BTreeSet<WorkerId> {
        self.senders.take()
    }

    /// Returns the bytes that have not left.
    pub(crate) fn waiting(&self) -> usize {
        self.pending_bytes.get() + self.wire.borrow().as_ref().map_or(0, Wire::unsent)
    }

    /// Gives the flow its connection and its first deadline.
    pub(crate) fn connect(&self, net: &Net, wire: Wire) {
        *self.wire.borrow_mut() = Some(wire);
        self.watch.set(Some(
            net.set_alarm(net.limits().handshake_time, Alarm::Watch(self.id)),
        ));
    }

    /// Shakes hands; returns what the other side sent right behind its last handshake message.
    pub(crate) fn poll_shake(
        &self,
        net: &Net,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Heard, Refused>> {
        self.remember(cx);
        loop {
            match self.stage.get() {
                Stage::Ended(Closed::Handshake) => return Poll::Ready(Err(Refused::Slow)),
                Stage::Ended(_) => return Poll::Ready(Err(Refused::Unwanted)),
                Stage::Opening | Stage::Open | Stage::Closing(_) => {}
            }
            let mut wire = self.wire.borrow_mut();
            let Some(wire) = wire.as_mut() else {
                return Poll::Ready(Err(Refused::Gone));
            };
            let drained = wire.poll_drain(cx).map_err(Refused::Broken)?.is_ready();
            // A connecting end may be through while its last message still waits for the socket.
            if !wire.is_handshaking() && drained {
                return Poll::Ready(Ok(Heard::default()));
            }
            let heard = ready!(net.with_scratch(|scratch| wire.poll_read(scratch, cx)))?;
            if !wire.is_handshaking() {
                return Poll::Ready(Ok(heard));
            }
            if heard.ended {
                return Poll::Ready(Err(Refused::Gone));
            }
        }
    }

    /// Starts the handshake of the connecting end.
    pub(crate) fn begin(&self, net: &Net) -> Result<(), Refused> {
        let mut wire = self.wire.borrow_mut();
        wire.as_mut().map_or(Ok(()), |wire| {
            net.with_scratch(|scratch| wire.begin(scratch))
        })
    }

    /// Returns the names that the other side proved; none without a certificate.
    pub(crate) fn proven(&self) -> Result<Vec<String>, NamesError> {
        let wire = self.wire.borrow();
        wire.as_ref()
            .and_then(Wire::leaf)
            .map_or_else(|| Ok(Vec::new()), proven_names)
    }

    /// Tells whether the other side is a client whatever certificate it has.
    pub(crate) fn is_holder(&self) -> bool {
        self.wire.borrow().as_ref().is_some_and(Wire::is_holder)
    }

    /// Returns the certificate that such a client has proven to hold.
    pub(crate) fn held(&self) -> Option<Fingerprint> {
        let wire = self.wire.borrow();
        let wire = wire.as_ref().filter(|wire| wire.is_holder())?;
        wire.leaf().map(fingerprint)
    }

    /// The handshake is done and the peer known.
    pub(crate) fn open(&self, net: &Net) {
        if self.stage.get() == Stage::Opening {
            let closing = self.close_when_sent.get();
            self.stage.set(if closing {
                Stage::Closing(Closed::Asked)
            } else {
                Stage::Open
            });
        }
        self.heard.set(net.mono());
        self.set_watch(net, self.idle);
        if self.pending_bytes.get() > 0 {
            self.flush(net);
        }
    }

    /// Takes something to send; true if the flusher must come by.
    pub(crate) fn send(&self, net: &Net, bytes: Bytes) -> bool {
        if !matches!(self.stage.get(), Stage::Opening | Stage::Open) || bytes.is_empty() {
            return false;
        }
        if self.waiting() + bytes.len() > net.limits().unsent {
            self.end(Closed::Stalled);
            return false;
        }
        self.pending_bytes
            .set(self.pending_bytes.get() + bytes.len());
        self.pending.borrow_mut().push(bytes);
        self.stage.get() == Stage::Open && !self.dirty.replace(true)
    }

    /// Closes the flow when what was sent has left.
    pub(crate) fn close(&self, why: Closed) {
        match self.stage.get() {
            Stage::Opening if self.pending_bytes.get() > 0 && why == Closed::Asked => {
                self.close_when_sent.set(true)
            }
            Stage::Opening => self.end(why),
            Stage::Open => {
                self.stage.set(Stage::Closing(why));
                self.wake();
            }
            Stage::Closing(_) | Stage::Ended(_) => {}
        }
    }

    /// Ends the flow at once.
    pub(crate) fn end(&self, why: Closed) {
        if !matches!(self.stage.get(), Stage::Ended(_)) {
            self.stage.set(Stage::Ended(why));
            self.wake();
        }
    }

    /// Seals and writes what is pending, unless the socket still owes for earlier.
    pub(crate) fn flush(&self, net: &Net) {
        self.dirty.set(false);
        let mut wire = self.wire.borrow_mut();
        let Some(wire) = wire.as_mut().filter(|wire| wire.unsent() == 0) else {
            return;
        };
        if !matches!(self.stage.get(), Stage::Open | Stage::Closing(_))
            || self.pending_bytes.get() == 0
        {
            return;
        }
        let pieces = self.pending.take();
        let outcome = net.with_scratch(|scratch| wire.send(scratch, &pieces));
        net.stats().writes.add(1);
        net.stats()
            .bytes_sent
            .add(self.pending_bytes.replace(0) as u64);
        self.progressed.set(net.mono());
        if outcome.is_err() {
            self.end(Closed::ByPeer);
        } else if wire.unsent() > 0 {
            if !self.stall_armed.replace(true) {
                net.set_alarm(net.limits().stall_time, Alarm::Stall(self.id));
            }
            self.wake();
        } else {
            net.note_change();
            if matches!(self.stage.get(), Stage::Closing(_)) {
                self.wake();
            }
        }
    }

    /// Gives the socket what it did not take before, then what came meanwhile.
    pub(crate) fn poll_drain(&self, net: &Net, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        loop {
            {
                let mut wire = self.wire.borrow_mut();
                let Some(wire) = wire.as_mut() else {
                    return Poll::Ready(Ok(()));
                };
                let before = wire.unsent();
                let outcome = wire.poll_drain(cx);
                if wire.unsent() < before {
                    self.progressed.set(net.mono());
                }
                ready!(outcome).map_err(Refused::Broken)?;
                if before > 0 {
                    net.note_change();
                }
            }
            if self.pending_bytes.get() == 0
                || matches!(self.stage.get(), Stage::Ended(_))
                || self.dirty.get()
            {
                return Poll::Ready(Ok(()));
            }
            self.flush(net);
        }
    }

    /// Reads once.
    pub(crate) fn poll_hear(
        &self,
        net: &Net,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Heard, Refused>> {
        let mut wire = self.wire.borrow_mut();
        let Some(wire) = wire.as_mut() else {
            return Poll::Ready(Err(Refused::Gone));
        };
        let heard = ready!(net.with_scratch(|scratch| wire.poll_read(scratch, cx)))?;
        self.heard.set(net.mono());
        Poll::Ready(Ok(heard))
    }

    /// Looks at the TLS of the connection; `None` without.
    pub(crate) fn with_session<R>(&self, look: impl FnOnce(&mut Session) -> R) -> Option<R> {
        self.wire.borrow_mut().as_mut()?.session().map(look)
    }

    /// Says goodbye: TLS first if it is up, then the end of the stream.
    pub(crate) fn poll_farewell(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut wire = self.wire.borrow_mut();
        let Some(wire) = wire.as_mut() else {
            return Poll::Ready(());
        };
        if ready!(wire.poll_drain(cx)).is_ok() {
            let _already_gone = wire.shut();
        }
        Poll::Ready(())
    }

    /// Queues the closing notice of TLS.
    pub(crate) fn queue_farewell(&self, net: &Net) {
        if let Some(wire) = self.wire.borrow_mut().as_mut() {
            let _already_gone = net.with_scratch(|scratch| wire.farewell(scratch));
        }
    }

    /// Reads until the other side is done too.
    pub(crate) fn poll_discard(&self, net: &Net, cx: &mut Context<'_>) -> Poll<()> {
        let mut wire = self.wire.borrow_mut();
        let Some(wire) = wire.as_mut() else {
            return Poll::Ready(());
        };
        net.with_scratch(|scratch| wire.poll_discard(scratch, cx))
            .map(drop)
    }

    /// Looks whether the flow was silent, or opening, for too long.
    pub(crate) fn on_watch(&self, net: &Net) {
        self.watch.set(None);
        match self.stage.get() {
            Stage::Opening => self.end(Closed::Handshake),
            Stage::Open | Stage::Closing(_) => {
                let silent = net.mono().since(self.heard.get());
                if silent >= self.idle {
                    self.close(Closed::Idle);
                } else {
                    self.set_watch(net, self.idle - silent);
                }
            }
            Stage::Ended(_) => {}
        }
    }

    /// Looks whether the socket has taken nothing for too long.
    pub(crate) fn on_stall(&self, net: &Net) {
        self.stall_armed.set(false);
        if self
            .wire
            .borrow()
            .as_ref()
            .is_none_or(|wire| wire.unsent() == 0)
        {
            return;
        }
        let stuck = net.mono().since(self.progressed.get());
        let limit = net.limits().stall_time;
        if stuck >= limit {
            self.end(Closed::Stalled);
        } else {
            self.stall_armed.set(true);
            net.set_alarm(limit - stuck, Alarm::Stall(self.id));
        }
    }

    /// Gives everything back; the flow is over.
    pub(crate) fn release(&self, net: &Net) {
        if let Some(watch) = self.watch.take() {
            net.cancel_alarm(watch);
        }
        self.wire.take();
        self.pending.take();
    }

    /// Keeps the task's waker for those who change the flow from outside.
    pub(crate) fn remember(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|known| known.will_wake(cx.waker()))
        {
            *waker = Some(cx.waker().clone());
        }
    }

    fn set_watch(&self, net: &Net, wait: Duration) {
        let fresh = net.set_alarm(wait, Alarm::Watch(self.id));
        if let Some(old) = self.watch.replace(Some(fresh)) {
            net.cancel_alarm(old);
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}
