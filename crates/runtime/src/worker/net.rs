//! What the flows of one worker share, whatever the machine: their table, their alarms, the buffers, the flusher.
//!
//! All of it belongs to one thread, so cells do for locks. The rule that keeps them from being borrowed twice: nothing here
//! calls the machine, and a flow is called with no borrow held but that of the buffers.
//!
//! The flusher is one task that is woken when the first flow has something to send. It runs after the tasks that were
//! ready before it, and so gathers what several of them sent to the same flow into one write.

use std::cell::{Cell, RefCell, RefMut};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base::net::{Closed, FlowId, Transport, WorkerId};
use base::numbered::NumberMap;
use base::timers::{TimerId, Timers};
use base::{Mono, Now};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::datagrams::Datagrams;
use super::flow::{Flow, Stage};
use super::refusal::{Notices, Refused};
use super::stats::Stats;
use super::wire::Scratch;
use super::{Limits, gate::Gate};
use crate::clock::Clock;

/// What a deadline of the network is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alarm {
    /// The flow may be silent, or slow to open.
    Watch(FlowId),
    /// The flow may not be taking what is written to it.
    Stall(FlowId),
    /// Nothing may have been heard of a pair of addresses.
    Silence(FlowId),
}

/// What a worker holds at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Entries of the table.
    pub(crate) flows: usize,
    /// Those that are not over.
    pub(crate) live: usize,
    /// Bytes that these have yet to send.
    pub(crate) unsent: usize,
}

/// The network side of one worker.
pub(crate) struct Net {
    id: WorkerId,
    clock: Clock,
    limits: Limits,
    stats: Arc<Stats>,
    gate: Arc<Gate>,
    now: Cell<Now>,
    serial: Cell<u64>,
    flows: RefCell<NumberMap<FlowId, Rc<Flow>>>,
    dirty: RefCell<Vec<Rc<Flow>>>,
    flusher: Cell<Option<Waker>>,
    timers: RefCell<Timers<Alarm>>,
    armed: Cell<Option<Mono>>,
    ticker: Cell<Option<Waker>>,
    scratch: RefCell<Scratch>,
    notices: RefCell<Notices>,
    datagrams: RefCell<Datagrams>,
    /// Told when a task has panicked.
    pub(crate) failed: Notify,
    /// Told after every change, for those who wait for a state.
    pub(crate) changed: Notify,
}

impl Net {
    pub(crate) fn new(
        id: WorkerId,
        clock: Clock,
        limits: Limits,
        stats: Arc<Stats>,
        gate: Arc<Gate>,
    ) -> Self {
        Self {
            id,
            clock,
            limits,
            stats,
            gate,
            now: Cell::new(clock.now()),
            serial: Cell::new(0),
            flows: RefCell::default(),
            dirty: RefCell::default(),
            flusher: Cell::new(None),
            timers: RefCell::default(),
            armed: Cell::new(None),
            ticker: Cell::new(None),
            scratch: RefCell::default(),
            notices: RefCell::default(),
            datagrams: RefCell::default(),
            failed: Notify::new(),
            changed: Notify::new(),
        }
    }

    pub(crate) const fn id(&self) -> WorkerId {
        self.id
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Reads the clocks.
    pub(crate) fn look(&self) -> Now {
        let now = self.clock.now();
        self.now.set(now);
        now
    }

    /// Returns the time of the last look, which is recent enough for bounds of seconds.
    pub(crate) fn mono(&self) -> Mono {
        self.now.get().mono
    }

    /// Starts a task of this worker.
    ///
    /// The event loop survives the panic of a task, but the machine cannot be trusted after it, so the worker ends.
    pub(crate) fn spawn(
        self: &Rc<Self>,
        task: impl Future<Output = ()> + 'static,
    ) -> JoinHandle<()> {
        let fuse = Fuse(Rc::clone(self));
        tokio::task::spawn_local(async move {
            let _fuse = fuse;
            task.await;
        })
    }

    /// Makes a name for an accepted flow.
    pub(crate) fn next_id(&self, transport: Transport) -> FlowId {
        let serial = self.serial.get();
        self.serial.set(serial + 1);
        FlowId::accepted(self.id, serial).over(transport)
    }

    /// Lends the pairs of addresses that talk over datagrams; never across a call of the machine.
    pub(crate) fn datagrams(&self) -> RefMut<'_, Datagrams> {
        self.datagrams.borrow_mut()
    }

    /// Sends one datagram, or counts why it did not leave.
    pub(crate) fn send_datagram(&self, flow: FlowId, bytes: &[u8]) {
        match self.datagrams().send(flow, bytes) {
            Some(true) => {
                self.stats.datagrams_sent.add(1);
                self.stats.bytes_sent.add(bytes.len() as u64);
            }
            Some(false) => self.stats.datagrams_unsent.add(1),
            None => {}
        }
    }

    /// Forgets a pair of addresses; false if there is none of this name.
    pub(crate) fn forget_pair(&self, flow: FlowId) -> bool {
        let known = self.datagrams().remove(flow);
        if known {
            self.stats.flows.sub(1);
            self.stats.closed.add(1);
            self.note_change();
        }
        known
    }

    /// Adds a flow; false if its name is in use.
    pub(crate) fn add(&self, flow: &Rc<Flow>) -> bool {
        let mut flows = self.flows.borrow_mut();
        if flows.contains_key(&flow.id()) {
            return false;
        }
        flows.insert(flow.id(), Rc::clone(flow));
        self.stats.flows.add(1);
        true
    }

    /// Removes a flow that is over.
    pub(crate) fn remove(&self, flow: &Flow) {
        flow.release(self);
        if self.flows.borrow_mut().remove(&flow.id()).is_some() {
            self.stats.flows.sub(1);
        }
        self.note_change();
    }

    pub(crate) fn find(&self, id: FlowId) -> Option<Rc<Flow>> {
        self.flows.borrow().get(&id).map(Rc::clone)
    }

    /// Begins to close every flow.
    pub(crate) fn close_all(&self, why: Closed) {
        self.flows
            .borrow()
            .values()
            .for_each(|flow| flow.close(why));
    }

    /// Returns what there is to lose.
    pub(crate) fn load(&self) -> Load {
        let pairs = self.datagrams().len();
        let mut load = Load {
            flows: pairs,
            live: pairs,
            unsent: 0,
        };
        for flow in self.flows.borrow().values() {
            load.flows += 1;
            if !matches!(flow.stage(), Stage::Ended(_)) {
                load.live += 1;
                load.unsent += flow.waiting();
            }
        }
        load
    }

    /// Tells those who wait for a state that it may have come.
    pub(crate) fn note_change(&self) {
        self.changed.notify_waiters();
    }

    /// Lends the buffers; never across another call into a flow.
    pub(crate) fn with_scratch<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        work(&mut self.scratch.borrow_mut())
    }

    /// Has the flusher come by this flow when the tasks that are ready have run.
    pub(crate) fn mark(&self, flow: Rc<Flow>) {
        self.dirty.borrow_mut().push(flow);
        if let Some(waker) = self.flusher.take() {
            waker.wake();
        }
    }

    /// Writes what the machine sent, for ever.
    pub(crate) async fn flush_for_ever(self: Rc<Self>) {
        poll_fn(|cx: &mut Context<'_>| {
            let mut dirty = self.dirty.take();
            dirty.drain(..).for_each(|flow| flow.flush(&self));
            // Flushing marks nothing, so the emptied list can be used again.
            *self.dirty.borrow_mut() = dirty;
            self.flusher.set(Some(cx.waker().clone()));
            Poll::<()>::Pending
        })
        .await;
    }

    pub(crate) fn set_alarm(&self, wait: Duration, alarm: Alarm) -> TimerId {
        let now = self.look().mono;
        let mut timers = self.timers.borrow_mut();
        if timers.is_empty() {
            // An empty wheel stands still; this brings it to the present.
            let _none = timers.expired(now);
        }
        let id = timers.set(now, wait, alarm);
        drop(timers);
        self.arm(now.after(wait));
        id
    }

    pub(crate) fn cancel_alarm(&self, id: TimerId) {
        self.timers.borrow_mut().cancel(id);
    }

    /// Lets every alarm that is due do its work; returns when to come again.
    pub(crate) fn ring(&self) -> Option<Mono> {
        let now = self.look().mono;
        loop {
            let due = self.timers.borrow_mut().expired(now);
            let (flow, slow) = match due {
                None => return self.timers.borrow().next_wake(),
                Some(Alarm::Silence(flow)) => {
                    if let Some(wait) = self.datagrams().silence(flow, now) {
                        self.set_alarm(wait, Alarm::Silence(flow));
                    }
                    continue;
                }
                Some(Alarm::Watch(flow)) => (flow, false),
                Some(Alarm::Stall(flow)) => (flow, true),
            };
            if let Some(flow) = self.find(flow) {
                if slow {
                    flow.on_stall(self)
                } else {
                    flow.on_watch(self)
                }
            }
        }
    }

    /// Makes sure that the ticker runs no later than this.
    pub(crate) fn arm(&self, at: Mono) {
        if self.armed.get().is_none_or(|armed| at < armed) {
            self.armed.set(Some(at));
            if let Some(waker) = self.ticker.take() {
                waker.wake();
            }
        }
    }

    /// Returns the time for which the ticker is armed, and keeps its waker for when that changes.
    pub(crate) fn armed(&self, cx: &Context<'_>) -> Option<Mono> {
        self.ticker.set(Some(cx.waker().clone()));
        self.armed.get()
    }

    pub(crate) fn disarm(&self) {
        self.armed.set(None);
    }

    /// Lends what bounds the words about refusals.
    pub(crate) fn notices(&self) -> RefMut<'_, Notices> {
        self.notices.borrow_mut()
    }

    /// Counts a refused handshake and says so in one line.
    pub(crate) fn refuse(&self, remote: SocketAddr, refused: &Refused) {
        refused.counter(&self.stats).add(1);
        self.notices
            .borrow_mut()
            .refused(self.mono(), remote, refused);
    }
}

/// Says so when it is dropped by a panic.
struct Fuse(Rc<Net>);

impl Drop for Fuse {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.notify_one();
        }
    }
}
