use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use base::net::{Event, Face, FlowId, Link, Peer, Role, Server, Transport, WorkerId};
use bytes::Bytes;
use logs::{Capture, Correlation, Direction, Level, Query, Record, Rules, Scenarios, Span, Time};
use sip::observe::{End, Grade, Observing, Sight, Way};
use traces::{Options, Recorder, Traces};

use super::{Flows, Observer, watch};

const REGISTER: &str = "REGISTER sip:fepool01.contoso.net;ticket=S3CR3T SIP/2.0\r\n\
    Via: SIP/2.0/TLS 10.0.0.9;branch=z9hG4bK1\r\nFrom: <sip:alice@contoso.com>;tag=1\r\nTo: <sip:alice@contoso.com>\r\n\
    Call-ID: call-1\r\nCSeq: 2 REGISTER\r\nPath: <sip:S3CR3T@edge01.contoso.net;lr;ob>\r\n\
    Authorization: Digest username=\"alice\", realm=\"contoso.com\", nonce=\"S3CR3T\", uri=\"sip:contoso.com\", \
    response=\"S3CR3T\", algorithm=SHA-256\r\nContact: <sip:alice@10.0.0.9>\r\nContent-Length: 6\r\n\r\nS3CR3T";
const REDIRECT: &str = "SIP/2.0 301 Moved Permanently\r\nVia: SIP/2.0/TLS 10.0.0.9;branch=z9hG4bK1\r\n\
    From: <sip:alice@contoso.com>;tag=1\r\nTo: <sip:alice@contoso.com>;tag=2\r\nCall-ID: call-1\r\nCSeq: 2 REGISTER\r\n\
    Contact: <sip:fepool01.contoso.net:5061;transport=tls;ticket=S3CR3T>;q=0.7\r\nContent-Length: 0\r\n\r\n";

struct Bench {
    _dir: tempfile::TempDir,
    traces: Arc<Traces>,
    recorder: Recorder,
    observer: Observer,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (traces, _) = Traces::open(dir.path(), "dir01", Options::default()).unwrap();
        let traces = Arc::new(traces);
        let recorder = Recorder::new("dir01", Arc::clone(&traces));
        let observer = Observer::new(recorder.clone(), Arc::new(Flows::new(2)));
        Self {
            _dir: dir,
            traces,
            recorder,
            observer,
        }
    }

    fn message(&self, way: Way, end: &End, text: &str) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let end = end.clone();
        self.observer.keep(Sight::Message { way, end, bytes });
    }

    fn kept(&self) -> Vec<Record> {
        self.traces.sync().unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let span = Span::parse(None, None, Time::ZERO.after(now)).unwrap();
        let mut found = Vec::new();
        let mut take = |hit: traces::Hit| {
            assert!(!hit.text.contains("S3CR3T"), "{}", hit.text);
            found.push(logs::line::read(&hit.text).unwrap());
            ControlFlow::Continue(())
        };
        let never = AtomicBool::new(false);
        let all = Query::within(span);
        self.traces.search(&all, &never, &mut take).unwrap();
        found
    }
}

fn link(peer: Peer) -> Arc<Link> {
    Arc::new(Link {
        peer,
        transport: Transport::Tls,
        face: Face::Inside,
        local: "10.0.0.11:5061".parse().unwrap(),
        remote: "10.0.0.9:40000".parse().unwrap(),
        certificate: None,
    })
}

fn end(worker: u8) -> End {
    let flow = FlowId::accepted(WorkerId(worker), 7);
    End {
        flow,
        transport: flow.transport(),
        local: None,
        remote: None,
        name: None,
        is_ours: false,
        only_asks: false,
    }
}

#[test]
fn messages_become_records_without_secrets() {
    let bench = Bench::new();
    let user = Arc::from("sip:alice@contoso.com");
    let from = end(0).linked(&link(Peer::Client), Some(&user));
    bench.message(Way::In, &from, REGISTER);
    assert!(bench.kept().is_empty(), "nothing is wanted yet");
    let always_on = Rules::fresh(Time::ZERO).capture(&Scenarios::default());
    for capture in [always_on, Capture::everything()] {
        let before = bench.kept().len();
        bench.recorder.set(capture);
        bench.message(Way::In, &from, REGISTER);
        bench.message(Way::Out, &from, REDIRECT);
        let kept = bench.kept().split_off(before);
        let [came, went] = &kept[..] else {
            panic!("{kept:?}")
        };
        assert!(
            came.text
                .starts_with("REGISTER sip:fepool01.contoso.net;ticket=* SIP/2.0\n")
        );
        assert!(came.text.contains("username=\"alice\""));
        assert!(came.text.ends_with("[body: 6 bytes]\n"), "{}", &*came.text);
        assert_eq!(
            came.request.as_deref(),
            Some("sip:fepool01.contoso.net;ticket=*")
        );
        assert_eq!(
            (came.direction, went.direction),
            (Some(Direction::In), Some(Direction::Out))
        );
        assert_eq!((came.status, went.status), (None, Some(301)));
        assert_eq!(went.request, None);
        assert!(went.text.starts_with("SIP/2.0 301 "));
        for record in [came, went] {
            let name = Correlation::of_request("call-1", 2, "REGISTER");
            assert_eq!(record.correlation, Some(name));
            assert_eq!(record.level, Level::Info);
            assert_eq!(record.peer_name.as_deref(), Some(&*user));
            assert_eq!(record.from.as_deref(), Some("sip:alice@contoso.com"));
            assert_eq!(record.peer, Some("10.0.0.9:40000".parse().unwrap()));
        }
    }
}

#[test]
fn what_goes_to_a_machine_of_ours_has_a_text_only_for_who_looks_closely() {
    let bench = Bench::new();
    let to = end(0).linked(&link(Peer::Server(Arc::new(fe01()))), None);
    let always_on = Rules::fresh(Time::ZERO).capture(&Scenarios::default());
    for capture in [always_on, Capture::everything()] {
        bench.recorder.set(capture);
        bench.message(Way::Out, &to, REGISTER);
        bench.message(Way::In, &to, REDIRECT);
    }
    let kept = bench.kept();
    let has_text = kept.iter().map(|record| !record.text.is_empty());
    assert_eq!(has_text.collect::<Vec<_>>(), [false, true, true, true]);
}

fn fe01() -> Server {
    Server {
        name: "fe01.contoso.net".into(),
        pool: "fepool01.contoso.net".into(),
        role: Role::FrontEnd,
    }
}

#[test]
fn what_is_sent_on_the_flow_of_another_worker_says_who_gets_it() {
    let bench = Bench::new();
    bench.recorder.set(Capture::everything());
    let flow = end(1).flow;
    let link = link(Peer::Server(Arc::new(fe01())));
    let flows = bench.observer.flows();
    flows.note(WorkerId(1), &Event::Opened { flow, link });
    bench.message(Way::Out, &end(1), REDIRECT);
    let why = base::net::Closed::ByPeer;
    flows.note(WorkerId(1), &Event::Closed { flow, why });
    bench.message(Way::Out, &end(1), REDIRECT);
    let kept = bench.kept();
    assert_eq!(kept[0].peer_name.as_deref(), Some("fe01.contoso.net"));
    assert_eq!(kept[0].peer, Some("10.0.0.9:40000".parse().unwrap()));
    assert_eq!((&kept[1].peer_name, kept[1].peer), (&None, None));
}

#[test]
fn nodes_are_told_what_the_running_scenarios_want() {
    let bench = Bench::new();
    let observing: Arc<Observing> = Arc::default();
    watch(&bench.recorder, &observing);
    let scenarios = Scenarios::default();
    let wanted = |capture| {
        bench.recorder.set(capture);
        let grades = [Grade::Trouble, Grade::Work, Grade::Step];
        (
            observing.messages(),
            grades.map(|grade| observing.remarks(grade)),
        )
    };
    let mut rules = Rules::fresh(Time::ZERO);
    let always_on = rules.capture(&scenarios);
    assert_eq!(wanted(Capture::default()), (false, [false; 3]));
    assert_eq!(wanted(always_on), (true, [true, true, false]));
    rules
        .start(&scenarios, "SignIn", None, "test", Time::ZERO)
        .unwrap();
    assert_eq!(wanted(rules.capture(&scenarios)), (true, [true; 3]));
    assert_eq!(wanted(Capture::default()), (false, [false; 3]));
}
