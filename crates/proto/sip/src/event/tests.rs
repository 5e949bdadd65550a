//! Many watchers, and too many.

use super::*;
use crate::role::Why;
use base::net::WorkerId;

const NOW: Mono = Mono::from_micros(1_000_000);

fn events(bounds: Bounds) -> Events {
    Events::new(bounds, Arc::default())
}

fn ask(watcher: u64, resource: &str) -> Subscribe {
    let dialog = Dialog {
        call_id: watcher.to_string(),
        local: "<sip:u@x>;tag=l".to_owned(),
        remote: "<sip:w@x>;tag=r".to_owned(),
        remote_tag: "r".to_owned(),
        target: "sip:w@192.0.2.1".to_owned(),
        route: Vec::new(),
        reach: Reach::Flow(FlowId::accepted(WorkerId(0), watcher)),
        heard: 1,
        sent: 0,
    };
    Subscribe {
        resource: resource.into(),
        watcher: format!("sip:w{watcher}@x").into(),
        package: Package::Presence,
        id: None,
        expires: DEFAULT_EXPIRES,
        is_inside: false,
        dialog,
    }
}

fn notifies(todo: &[Do]) -> Vec<u64> {
    let notify = |step: &Do| match step {
        Do::Notify(id) => Some(*id),
        Do::Set(..) | Do::Watch(_) => None,
    };
    todo.iter().filter_map(notify).collect()
}

#[test]
fn a_change_with_ten_thousand_watchers_leaves_in_batches() {
    let mut events = events(Bounds::default());
    for watcher in 0..10_000 {
        let todo = events.subscribe(NOW, ask(watcher, "sip:u@x")).unwrap();
        for id in notifies(&todo) {
            events.told(id, true);
            assert!(events.alarm(NOW, Alarm::Rested(id)).is_empty());
        }
    }
    let mut todo = events.bindings_changed("sip:u@x", &[]);
    assert!(notifies(&todo).is_empty(), "nothing leaves at once");
    let mut told = BTreeSet::new();
    let mut batches = 0;
    while todo.contains(&Do::Set(BATCH_WAIT, Alarm::Batch))
        || todo.contains(&Do::Set(Duration::ZERO, Alarm::Batch))
    {
        todo = events.alarm(NOW, Alarm::Batch);
        let batch = notifies(&todo);
        assert!(batch.len() <= BATCH);
        told.extend(batch);
        batches += 1;
    }
    assert_eq!((told.len(), batches), (10_000, 100));
}

#[test]
fn what_is_beyond_a_bound_is_refused_and_leaves_nothing_behind() {
    let bounds = Bounds {
        subscriptions: 3,
        to_one: 2,
        ..Bounds::default()
    };
    let mut events = events(bounds);
    for (watcher, resource, taken) in [
        (1, "sip:u@x", true),
        (2, "sip:u@x", true),
        (3, "sip:u@x", false),
        (3, "sip:v@x", true),
        (4, "sip:v@x", false),
    ] {
        let refused = events.subscribe(NOW, ask(watcher, resource)).err();
        assert_eq!(refused, (!taken).then_some(Why::Overloaded), "{watcher}");
    }
    assert_eq!(events.counts(), (3, 0));
    for watcher in 1..=3 {
        events.flow_closed(FlowId::accepted(WorkerId(0), watcher));
    }
    assert_eq!(events.counts(), (0, 0));
    assert!(events.resources.is_empty() && events.of_watcher.is_empty());
    assert!(!events.watched().may_be("sip:u@x") && !events.watched().may_be("sip:v@x"));
}
