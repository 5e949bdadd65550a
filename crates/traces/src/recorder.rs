//! How the roles of one machine make records: only what the running scenarios want, and never waiting.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use base::Valve;
use logs::redact::Bodies;
use logs::{Capture, Component, Flags, Level, Record, Time, Value};

use crate::Traces;
use crate::queue::{Entry, Later, is_grave};

/// Makes records of one machine. Cheap to clone and to ask; the default one records nothing.
///
/// ```
/// # use logs::{Component, Flags, Level};
/// # let recorder = traces::Recorder::default();
/// recorder.record(Component::Health, Level::Warning, Flags::DIAG, |record| {
///     record.peer_name = Some("fe01.contoso.net".into());
///     record.decision = Some("down".into());
/// });
/// ```
#[derive(Clone, Default)]
pub struct Recorder(Option<Arc<Inner>>);

struct Inner {
    bodies: Bodies,
    machine: Value,
    capture: ArcSwap<Capture>,
    /// Who hears of changes to that.
    heard: Mutex<Vec<Heard>>,
    valve: Arc<Valve>,
    /// Empty as long as the traces cannot be opened.
    traces: OnceLock<Arc<Traces>>,
}

/// Hears what is captured from now on.
type Heard = Box<dyn Fn(&Capture) + Send>;

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    /// Records for the machine of this name; nothing until [`Self::set`] says what.
    #[must_use]
    pub fn new(machine: &str, traces: Arc<Traces>) -> Self {
        let valve = Arc::clone(traces.valve());
        let recorder = Self::waiting(machine, Bodies::Drop, valve);
        recorder.attach(traces);
        recorder
    }

    /// Records nothing for the machine of this name until it is given traces: they may be open only later, with this valve
    /// among their options. `bodies` is for whoever records messages.
    #[must_use]
    pub fn waiting(machine: &str, bodies: Bodies, valve: Arc<Valve>) -> Self {
        Self(Some(Arc::new(Inner {
            bodies,
            machine: Value::new(machine),
            capture: ArcSwap::default(),
            heard: Mutex::default(),
            valve,
            traces: OnceLock::new(),
        })))
    }

    /// Gives this recorder and all its clones the traces that they were waiting for; false if they have some.
    pub fn attach(&self, traces: Arc<Traces>) -> bool {
        let inner = self.0.as_ref();
        inner.is_some_and(|inner| inner.traces.set(traces).is_ok())
    }

    /// Tells whether the bodies of messages are to be kept.
    #[must_use]
    pub fn bodies(&self) -> Bodies {
        let inner = self.0.as_ref();
        inner.map_or(Bodies::Drop, |inner| inner.bodies)
    }

    /// Returns the sign that there is room for more, for whoever has much to gather for a record: what it turns away counts
    /// as dropped.
    #[must_use]
    pub fn valve(&self) -> Arc<Valve> {
        let inner = self.0.as_ref();
        inner
            .map(|inner| Arc::clone(&inner.valve))
            .unwrap_or_default()
    }

    /// Says what is captured from now on, by this recorder and all its clones.
    pub fn set(&self, capture: Capture) {
        if let Some(inner) = &self.0 {
            // Held throughout, so that whoever hears last hears what is so.
            let heard = inner.heard.lock().unwrap_or_else(PoisonError::into_inner);
            inner.capture.store(Arc::new(capture));
            heard.iter().for_each(|heard| heard(&capture));
        }
    }

    /// Tells somebody what is captured, now and whenever that changes: who is asked so often that even [`Self::wants`] is
    /// too much keeps a sign of their own.
    pub fn on_change(&self, heard: impl Fn(&Capture) + Send + 'static) {
        if let Some(inner) = &self.0 {
            let mut all = inner.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard(&inner.capture.load());
            all.push(Box::new(heard));
        }
    }

    /// Tells whether such a record would be kept: for whoever has to gather what is in it.
    #[must_use]
    pub fn wants(&self, component: Component, level: Level, flags: Flags) -> bool {
        self.wanting(component, level, flags).is_some()
    }

    /// Keeps a record that `fill` completes at once, if such records are wanted.
    pub fn record(
        &self,
        component: Component,
        level: Level,
        flags: Flags,
        fill: impl FnOnce(&mut Record),
    ) {
        if let Some((inner, traces)) = self.wanting(component, level, flags)
            && inner.has_room(level)
        {
            inner.make(traces, component, level, flags, fill);
        }
    }

    /// Keeps a record whatever is wanted, for what must never be missing: who commanded the agent.
    pub fn insist(
        &self,
        component: Component,
        level: Level,
        flags: Flags,
        fill: impl FnOnce(&mut Record),
    ) {
        let inner = self.0.as_deref();
        if let Some((inner, traces)) = inner.and_then(|inner| Some((inner, inner.traces.get()?))) {
            inner.make(traces, component, level, flags, fill);
        }
    }

    /// Keeps a record that `fill` completes on the thread that writes, if such records are wanted: where a message is
    /// handled there is no time to read it once more. `bytes` is what `fill` holds until then, about.
    pub fn later(
        &self,
        component: Component,
        level: Level,
        flags: Flags,
        bytes: usize,
        fill: impl FnOnce(&mut Record) + Send + 'static,
    ) {
        if let Some((inner, traces)) = self.wanting(component, level, flags)
            && inner.has_room(level)
        {
            traces.take(Entry::Later(Later {
                time: now(),
                machine: inner.machine.clone(),
                component,
                level,
                flags,
                bytes,
                fill: Box::new(fill),
            }));
        }
    }

    fn wanting(
        &self,
        component: Component,
        level: Level,
        flags: Flags,
    ) -> Option<(&Inner, &Arc<Traces>)> {
        let inner = self.0.as_deref()?;
        let wanted = inner.capture.load().wants(component, level, flags);
        wanted.then_some((inner, inner.traces.get()?))
    }
}

impl Inner {
    /// Whether a record of this level is worth making.
    fn has_room(&self, level: Level) -> bool {
        is_grave(level) || self.valve.admits()
    }

    fn make(
        &self,
        traces: &Traces,
        component: Component,
        level: Level,
        flags: Flags,
        fill: impl FnOnce(&mut Record),
    ) {
        let mut record = Record::new(now(), self.machine.clone(), component, level, flags);
        fill(&mut record);
        traces.take(Entry::Ready(Box::new(record)));
    }
}

pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Time::ZERO.after(since.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex};

    use logs::redact::Bodies;
    use logs::{Capture, Component, Flags, Level, Query, Span};

    use super::Recorder;
    use crate::{Options, Traces};

    fn found(traces: &Traces) -> Vec<String> {
        traces.sync().unwrap();
        let today = Span::parse(None, None, super::now()).unwrap();
        let all = Query::within(today);
        let mut found = Vec::new();
        let mut take = |hit: crate::Hit| {
            found.push(hit.text);
            ControlFlow::Continue(())
        };
        traces
            .search(&all, &AtomicBool::new(false), &mut take)
            .unwrap();
        found
    }

    #[test]
    fn what_is_wanted_is_kept_whether_completed_at_once_or_by_the_writer() {
        let dir = tempfile::tempdir().unwrap();
        let (traces, _) = Traces::open(dir.path(), "dir01", Options::default()).unwrap();
        let traces = Arc::new(traces);
        let recorder = Recorder::waiting("dir01", Bodies::Drop, Arc::default());
        recorder.set(Capture::everything());
        assert!(!recorder.wants(Component::Web, Level::Fatal, Flags::HTTP));
        recorder.set(Capture::default());
        assert!(recorder.attach(Arc::clone(&traces)) && !recorder.attach(Arc::clone(&traces)));
        let offer = |word: &'static str| {
            let fill = move |record: &mut logs::Record| record.decision = Some(word.into());
            recorder.record(Component::Web, Level::Info, Flags::HTTP, fill);
            recorder.later(Component::Web, Level::Info, Flags::HTTP, 10, fill);
        };
        offer("unwanted");
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        recorder.on_change(move |capture| tell.lock().unwrap().push(*capture));
        recorder.set(Capture::everything());
        assert!(recorder.wants(Component::Web, Level::Debug, Flags::HTTP));
        offer("wanted");
        recorder.set(Capture::default());
        offer("late");
        let everything = Capture::everything();
        let expected = [Capture::default(), everything, Capture::default()];
        assert_eq!(*told.lock().unwrap(), expected);
        let insisted = |record: &mut logs::Record| record.decision = Some("insisted".into());
        recorder.insist(Component::Logging, Level::Info, Flags::SECURITY, insisted);
        let found = found(&traces);
        let with = |word: &str| found.iter().filter(|text| text.contains(word)).count();
        let counted = (with("decision=wanted"), with("decision=insisted"));
        assert_eq!((counted, found.len()), ((2, 1), 3), "{found:?}");
        Recorder::default().record(Component::Web, Level::Fatal, Flags::NONE, |_| {
            unreachable!("the default recorder records nothing")
        });
    }
}
