//! One worker: its machine, and the network under it.
//!
//! [`Hub::change`] is the only place where the machine is called: one change, then its actions until it waits, then what
//! those actions brought about, until nothing is left. It is never entered twice at a time: effects only queue, open
//! tasks, or leave work for the flusher.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use base::net::{Closed, Effect, Event, FlowId, Link, Transport, WorkerId};
use base::{Machine as _, Step};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::flow::{Flow, Stage};
use super::mailbox::{Letter, Mailbox};
use super::net::Net;
use super::start::Wiring;
use super::wire::Heard;
use super::{Input, Plug};

/// Reads from one flow before others have their turn.
const READS_A_TURN: usize = 4;
/// Letters read before flows have their turn.
const LETTERS_A_TURN: usize = 128;

/// What a change is about.
pub(crate) enum Change<I> {
    /// The machine takes something in.
    Input(I),
    /// The network has something to tell.
    Event(Event),
    /// Time has passed.
    Tick,
}

struct Core<P: Plug> {
    plug: P,
    machine: P::Machine,
}

/// One worker.
pub(crate) struct Hub<P: Plug> {
    core: RefCell<Core<P>>,
    pub(crate) net: Rc<Net>,
    pub(crate) wiring: Arc<Wiring>,
    others: Vec<Mailbox<Input<P>>>,
    news: RefCell<VecDeque<Event>>,
}

impl<P: Plug> Hub<P> {
    pub(crate) fn new(
        (plug, machine): (P, P::Machine),
        net: Rc<Net>,
        wiring: Arc<Wiring>,
        others: Vec<Mailbox<Input<P>>>,
    ) -> Rc<Self> {
        let core = RefCell::new(Core { plug, machine });
        Rc::new(Self {
            core,
            net,
            wiring,
            others,
            news: RefCell::default(),
        })
    }

    /// Makes one change to the machine and carries out what follows from it.
    pub(crate) fn change(self: &Rc<Self>, change: Change<Input<P>>) {
        let now = self.net.look();
        let core = &mut *self.core.borrow_mut();
        match change {
            Change::Input(input) => core.machine.handle(now, input),
            Change::Event(event) => core.machine.handle(now, core.plug.input(event)),
            Change::Tick => core.machine.tick(now),
        }
        loop {
            let wake = loop {
                match core.machine.poll() {
                    Step::Do(action) => {
                        if let Some(effect) = core.plug.act(action) {
                            self.apply(effect);
                        }
                    }
                    Step::Wait(wake) => break wake,
                }
            };
            let Some(event) = self.news.borrow_mut().pop_front() else {
                if let Some(wake) = wake {
                    self.net.arm(wake);
                }
                break;
            };
            core.machine.handle(now, core.plug.input(event));
        }
        self.net.note_change();
    }

    fn apply(self: &Rc<Self>, effect: Effect) {
        if let Effect::Pass {
            worker,
            flow,
            link,
            bytes,
        } = effect
        {
            self.tell(worker, Event::Passed { flow, link, bytes });
            return;
        }
        let (Effect::Open { flow, .. } | Effect::Send { flow, .. } | Effect::Close { flow }) =
            &effect
        else {
            return;
        };
        let owner = flow.worker();
        if owner == self.net.id() {
            self.apply_here(effect);
        } else if let Some(mailbox) = self.others.get(usize::from(owner.0)) {
            // A full mailbox loses it, which is counted there; transactions repeat or time out.
            let _counted = mailbox.send(Letter::Effect(self.net.id(), effect));
        }
    }

    fn apply_here(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Open { flow, hop } if hop.transport == Transport::Udp => self.pair(flow, &hop),
            Effect::Open { flow, hop } => self.dial(flow, hop),
            Effect::Send { flow, bytes } if flow.transport() == Transport::Udp => {
                self.net.send_datagram(flow, &bytes);
            }
            Effect::Send { flow, bytes } => {
                if let Some(flow) = self.net.find(flow)
                    && flow.send(&self.net, bytes)
                {
                    self.net.mark(flow);
                }
            }
            Effect::Close { flow } if flow.transport() == Transport::Udp => {
                if self.net.forget_pair(flow) {
                    let why = Closed::Asked;
                    self.tell_later(Event::Closed { flow, why });
                }
            }
            Effect::Close { flow } => {
                if let Some(flow) = self.net.find(flow) {
                    flow.close(Closed::Asked);
                }
            }
            Effect::Pass {
                worker,
                flow,
                link,
                bytes,
            } => self.tell(worker, Event::Passed { flow, link, bytes }),
        }
    }

    /// Tells whether what is sent to a flow of ours may leave.
    fn carries(&self, flow: FlowId) -> bool {
        if flow.transport() == Transport::Udp {
            return self.net.datagrams().knows(flow);
        }
        let stage = self.net.find(flow).map(|flow| flow.stage());
        matches!(stage, Some(Stage::Opening | Stage::Open))
    }

    fn tell(&self, worker: WorkerId, event: Event) {
        if worker == self.net.id() {
            self.news.borrow_mut().push_back(event);
        } else if let Some(mailbox) = self.others.get(usize::from(worker.0)) {
            let _counted = mailbox.send(Letter::Event(event));
        }
    }

    /// Has the machine told something when the change under way is through.
    pub(crate) fn tell_later(&self, event: Event) {
        self.news.borrow_mut().push_back(event);
    }

    pub(crate) fn hear(self: &Rc<Self>, event: Event) {
        self.change(Change::Event(event));
    }

    /// Takes letters as they come, until the last sender is gone.
    pub(crate) async fn read_letters(
        self: Rc<Self>,
        mut letters: mpsc::Receiver<Letter<Input<P>>>,
    ) {
        let mut batch = Vec::with_capacity(LETTERS_A_TURN);
        while letters.recv_many(&mut batch, LETTERS_A_TURN).await > 0 {
            self.net.stats().letters.add(batch.len() as u64);
            for letter in batch.drain(..) {
                match letter {
                    Letter::Input(input) => self.change(Change::Input(input)),
                    Letter::Event(event) => self.hear(event),
                    Letter::Effect(from, effect) => self.apply_from_afar(from, effect),
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn apply_from_afar(self: &Rc<Self>, from: WorkerId, effect: Effect) {
        if let Effect::Send { flow, .. } = &effect
            && !self.carries(*flow)
        {
            // Whoever sent it would otherwise wait for an answer that cannot come.
            let why = Closed::ByPeer;
            return self.tell(from, Event::Closed { flow: *flow, why });
        }
        if let Effect::Send { flow, .. } = &effect
            && let Some(flow) = self.net.find(*flow)
        {
            flow.sent_by(from);
        }
        self.apply_here(effect);
        // Whatever that brought about is told at once; there is no change under way that would.
        loop {
            let next = self.news.borrow_mut().pop_front();
            let Some(event) = next else { break };
            self.hear(event);
        }
    }

    /// Carries an open flow to its end.
    pub(crate) async fn converse(self: &Rc<Self>, flow: &Rc<Flow>, link: Arc<Link>, early: Heard) {
        let id = flow.id();
        self.net.stats().opened.add(1);
        self.net.look();
        flow.open(&self.net);
        self.tell_opened(id, &link);
        let (begun, remote) = (self.net.mono(), link.remote);
        self.hear(Event::Opened { flow: id, link });
        self.received(id, early.bytes);
        if early.ended {
            flow.close(Closed::ByPeer);
        }
        let why = poll_fn(|cx| self.poll_flow(flow, cx)).await;
        self.count_end(why);
        self.tell_closed(id, remote, why, self.net.mono().since(begun));
        flow.end(why);
        self.hear(Event::Closed { flow: id, why });
        for sender in flow.take_senders() {
            self.tell(sender, Event::Closed { flow: id, why });
        }
        match why {
            Closed::Asked | Closed::Idle | Closed::Draining => {
                flow.queue_farewell(&self.net);
                Box::pin(self.part(flow)).await;
            }
            Closed::ByPeer => flow.queue_farewell(&self.net),
            Closed::Stalled | Closed::Unreachable | Closed::Handshake => {}
        }
    }

    /// Ends the stream and waits a little for the other side to do so, or its last words would be lost with ours.
    pub(crate) async fn part(&self, flow: &Flow) {
        let linger = self.net.limits().linger_time;
        let _gave_up = timeout(linger, async {
            poll_fn(|cx| flow.poll_farewell(cx)).await;
            poll_fn(|cx| flow.poll_discard(&self.net, cx)).await;
        })
        .await;
    }

    fn poll_flow(self: &Rc<Self>, flow: &Rc<Flow>, cx: &mut Context<'_>) -> Poll<Closed> {
        flow.remember(cx);
        for _ in 0..READS_A_TURN {
            let drained = flow.poll_drain(&self.net, cx);
            match (flow.stage(), drained) {
                (Stage::Ended(why), _) => return Poll::Ready(why),
                (_, Poll::Ready(Err(_))) => return Poll::Ready(Closed::ByPeer),
                (Stage::Closing(why), _) if flow.waiting() == 0 => return Poll::Ready(why),
                (Stage::Closing(_), _) => return Poll::Pending,
                (Stage::Open | Stage::Opening, _) => {}
            }
            match flow.poll_hear(&self.net, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Closed::ByPeer),
                Poll::Ready(Ok(heard)) => {
                    self.received(flow.id(), heard.bytes);
                    if heard.ended {
                        flow.close(Closed::ByPeer);
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn received(self: &Rc<Self>, flow: FlowId, bytes: Bytes) {
        if !bytes.is_empty() {
            self.net.stats().reads.add(1);
            self.net.stats().bytes_received.add(bytes.len() as u64);
            self.hear(Event::Received { flow, bytes });
        }
    }

    fn count_end(&self, why: Closed) {
        let stats = self.net.stats();
        stats.closed.add(1);
        match why {
            Closed::Stalled => stats.stalled.add(1),
            Closed::Idle => stats.idle.add(1),
            Closed::ByPeer
            | Closed::Asked
            | Closed::Unreachable
            | Closed::Handshake
            | Closed::Draining => {}
        }
    }

    /// Waits until the machine has finished what it began and everything that it sent has left.
    pub(crate) async fn quiet(&self) {
        self.settled(|| self.is_quiet() && self.net.load().unsent == 0)
            .await;
    }

    /// Waits until there are no flows.
    pub(crate) async fn empty(&self) {
        self.settled(|| self.net.load().flows == 0).await;
    }

    fn is_quiet(&self) -> bool {
        let core = self.core.borrow();
        core.plug.is_quiet(&core.machine)
    }

    async fn settled(&self, is_so: impl Fn() -> bool) {
        loop {
            let changed = self.net.changed.notified();
            if is_so() {
                return;
            }
            changed.await;
        }
    }
}
