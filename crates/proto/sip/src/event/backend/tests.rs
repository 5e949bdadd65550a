use super::*;
use base::net::WorkerId;
use bytes::Bytes;

const FLOW: FlowId = FlowId::opened(WorkerId(0), 1);

struct Story {
    backends: Backends,
    random: Random,
    now: Mono,
}

impl Story {
    fn new(bound: usize) -> Self {
        Self {
            backends: Backends::new(bound),
            random: Random::new([1; 32]),
            now: Mono::ZERO.after(Duration::from_secs(100)),
        }
    }

    fn wish(&self, resource: &str, entry: usize) -> Wish {
        Wish {
            watcher: "sip:alice@x".into(),
            resource: resource.into(),
            list: 1,
            entry,
            until: self.now.after(Duration::from_secs(3_600)),
        }
    }

    fn want(&mut self, resource: &str) -> Vec<Step> {
        let wish = self.wish(resource, 0);
        self.backends.want(self.now, &mut self.random, wish)
    }

    fn answered(&mut self, request: &Request, answer: Answer) -> Vec<Step> {
        let name = (request.number, request.turn.unwrap());
        self.backends
            .answered(self.now, &mut self.random, name, answer)
    }

    fn accepted(&mut self, request: &Request, is_home: bool) -> Vec<Step> {
        let answer = Answer::Accepted {
            remote: remote(is_home),
            expires: request.expires,
            flow: FLOW,
        };
        self.answered(request, answer)
    }

    fn refused(&mut self, request: &Request, status: u16) -> Vec<Step> {
        let retry_after = None;
        self.answered(
            request,
            Answer::Refused {
                status,
                retry_after,
            },
        )
    }

    fn told(&mut self, request: &Request, cseq: u32, state: State) -> Result<Vec<Step>, Why> {
        let news = News {
            call_id: request.call_id.clone(),
            tag: request.tag.clone(),
            remote: remote(true),
            cseq,
            state,
            body: Bytes::from_static(b"<presence/>"),
        };
        self.backends.told(&mut self.random, request.number, news)
    }

    fn due(&mut self, number: u64, wait: Duration) -> Vec<Step> {
        self.now = self.now.after(wait);
        self.backends.due(self.now, &mut self.random, number)
    }

    fn leave(&mut self) -> Vec<Step> {
        let (watcher, resource) = (Arc::from("sip:alice@x"), Arc::from("sip:carol@x"));
        self.backends.leave(&watcher, &resource, (1, 0))
    }

    /// Carol is asked, and her home accepts.
    fn begun(bound: usize) -> (Self, Request) {
        let mut story = Self::new(bound);
        let request = sent(&story.want("sip:carol@x"));
        story.accepted(&request, true);
        (story, request)
    }
}

fn remote(is_home: bool) -> Remote {
    Remote {
        tag: "theirs".to_owned(),
        target: "sip:fe02.y:5061".to_owned(),
        route: Vec::new(),
        is_home,
    }
}

/// The last SUBSCRIBE of these steps.
fn sent(steps: &[Step]) -> Request {
    let send = |step: &Step| match step {
        Step::Send(request) => Some((**request).clone()),
        Step::Set(..) | Step::Cancel(_) | Step::Tell(..) => None,
    };
    let found = steps.iter().rev().find_map(send);
    found.unwrap_or_else(|| panic!("nothing is sent: {steps:?}"))
}

fn wait(steps: &[Step]) -> Duration {
    let set = |step: &Step| match step {
        Step::Set(_, wait) => Some(*wait),
        Step::Send(_) | Step::Cancel(_) | Step::Tell(..) => None,
    };
    steps.iter().find_map(set).expect("a time is set")
}

fn said(steps: &[Step]) -> Option<Said> {
    steps.iter().find_map(|step| match step {
        Step::Tell(_, said) => Some(said.clone()),
        Step::Send(_) | Step::Set(..) | Step::Cancel(_) => None,
    })
}

fn terminated(reason: &str, retry_after: Option<u64>) -> State {
    State::Terminated {
        reason: Some(reason.to_owned()),
        retry_after: retry_after.map(Duration::from_secs),
    }
}

#[test]
fn it_is_refreshed_in_its_dialog_well_before_its_time_is_over() {
    let mut story = Story::new(9);
    let first = sent(&story.want("sip:carol@x"));
    assert_eq!((first.cseq, first.expires), (1, EXPIRES));
    assert_eq!(first.remote, None);
    let steps = story.accepted(&first, true);
    assert_eq!(said(&steps), Some(Said::Pending));
    let wait = wait(&steps);
    assert!(wait >= EXPIRES / 2 && wait <= EXPIRES / 4 * 3, "{wait:?}");
    let again = sent(&story.due(first.number, wait));
    assert_eq!((again.cseq, &again.call_id), (2, &first.call_id));
    assert_eq!(again.remote, Some(remote(true)));
    assert_eq!(said(&story.accepted(&again, true)), None, "nothing is new");
}

#[test]
fn a_word_may_come_before_the_answer_and_none_twice_or_of_another_dialog() {
    let mut story = Story::new(9);
    let first = sent(&story.want("sip:carol@x"));
    let steps = story.told(&first, 5, State::Active).unwrap();
    let document = Said::Document(Bytes::from_static(b"<presence/>"));
    assert_eq!(said(&steps), Some(document.clone()));
    assert_eq!(said(&story.accepted(&first, true)), None);
    assert_eq!(story.told(&first, 5, State::Active), Err(Why::OutOfOrder));
    assert_eq!(story.told(&first, 4, State::Active), Err(Why::OutOfOrder));
    let other = Request {
        tag: "other".to_owned(),
        ..first.clone()
    };
    assert_eq!(story.told(&other, 6, State::Active), Err(Why::NoDialog));
    let last = terminated("timeout", None);
    assert_eq!(story.told(&other, 6, last), Ok(Vec::new()));
    let mut second = story.wish("sip:carol@x", 1);
    second.list = 2;
    let steps = story.backends.want(story.now, &mut story.random, second);
    assert_eq!(said(&steps), Some(document), "a list that comes later");
    assert_eq!(steps.len(), 1, "one subscription is enough");
}

#[test]
fn what_the_other_end_knows_no_longer_begins_anew_at_once_and_then_after_a_while() {
    let (mut story, first) = Story::begun(9);
    let again = sent(&story.due(first.number, EXPIRES / 2));
    let anew = sent(&story.refused(&again, 481));
    assert_eq!((anew.cseq, &anew.remote), (1, &None));
    assert_ne!((&anew.call_id, &anew.tag), (&first.call_id, &first.tag));
    let steps = story.refused(&anew, 481);
    assert_eq!(said(&steps), Some(Said::Ended(Reason::Probation)));
    let steps = story.due(first.number, wait(&steps));
    assert_eq!(sent(&steps).cseq, 1);
}

#[test]
fn a_refresh_that_fails_is_tried_again_while_the_time_lasts() {
    let (mut story, first) = Story::begun(9);
    let mut again = sent(&story.due(first.number, EXPIRES / 2));
    let mut waited = Duration::ZERO;
    while waited < EXPIRES / 2 {
        let steps = if waited.is_zero() {
            story.refused(&again, 500)
        } else {
            story.answered(&again, Answer::Lost)
        };
        assert_eq!(said(&steps), None, "what was said holds");
        waited += wait(&steps);
        again = sent(&story.due(first.number, wait(&steps)));
        assert_eq!(again.call_id == first.call_id, waited < EXPIRES / 2);
    }
    let steps = story.answered(&again, Answer::Lost);
    assert_eq!(said(&steps), Some(Said::Away));
}

#[test]
fn failures_are_tried_again_ever_more_seldom_and_as_late_as_the_other_end_wants() {
    let mut story = Story::new(9);
    let mut request = sent(&story.want("sip:carol@x"));
    let mut longest = Duration::ZERO;
    for _ in 0..12 {
        let steps = story.answered(&request, Answer::Lost);
        longest = longest.max(wait(&steps));
        assert!(wait(&steps) <= RETRY_MAX.mul_f32(1.25));
        request = sent(&story.due(request.number, wait(&steps)));
    }
    assert!(longest > RETRY_MAX / 2);
    let mut story = Story::new(9);
    let request = sent(&story.want("sip:carol@x"));
    let steps = story.answered(
        &request,
        Answer::Refused {
            status: 503,
            retry_after: Some(Duration::from_secs(77)),
        },
    );
    assert_eq!(wait(&steps), Duration::from_secs(77));
}

#[test]
fn who_declines_is_asked_again_when_a_list_is_and_not_sooner() {
    for (status, reason) in [(403, Reason::Rejected), (603, Reason::Rejected)]
        .into_iter()
        .chain([404, 410, 604].map(|status| (status, Reason::NoResource)))
    {
        let mut story = Story::new(9);
        let first = sent(&story.want("sip:carol@x"));
        let steps = story.refused(&first, status);
        assert_eq!(steps.len(), 1, "{status}: no time is set");
        assert_eq!(said(&steps), Some(Said::Ended(reason)));
        let steps = story.want("sip:carol@x");
        assert_eq!(steps.len(), 1, "{status}: so soon only what is known");
        story.now = story.now.after(DECLINED);
        assert_eq!(sent(&story.want("sip:carol@x")).cseq, 1);
    }
}

#[test]
fn the_reason_of_an_end_says_what_follows() {
    for (reason, ended, waits) in [
        ("rejected", Some(Reason::Rejected), None),
        ("noresource", Some(Reason::NoResource), None),
        ("invariant", Some(Reason::NoResource), None),
        ("probation", Some(Reason::Probation), Some(40)),
        ("giveup", Some(Reason::Probation), Some(40)),
        ("deactivated", None, Some(40)),
        ("timeout", None, Some(40)),
        ("unheard-of", None, Some(40)),
    ] {
        let (mut story, first) = Story::begun(9);
        story.told(&first, 1, State::Active).unwrap();
        let steps = story.told(&first, 2, terminated(reason, Some(40))).unwrap();
        assert_eq!(said(&steps), ended.map(Said::Ended), "{reason}");
        let Some(waits) = waits else {
            assert!(!steps.iter().any(|step| matches!(step, Step::Set(..))));
            continue;
        };
        assert_eq!(wait(&steps), Duration::from_secs(waits), "{reason}");
        let anew = sent(&story.due(first.number, wait(&steps)));
        assert_eq!((anew.cseq, anew.remote), (1, None), "{reason}");
    }
}

#[test]
fn whoever_stands_in_is_left_for_the_home_when_it_is_back() {
    let mut story = Story::new(9);
    let first = sent(&story.want("sip:carol@x"));
    let steps = story.accepted(&first, false);
    assert!(wait(&steps) <= RETRY * 2, "the home is tried soon");
    let steps = story.due(first.number, wait(&steps));
    let [Step::Send(last), Step::Send(anew)] = &steps[..] else {
        panic!("{steps:?}");
    };
    assert_eq!((last.expires, last.turn), (Duration::ZERO, None));
    assert_eq!(last.call_id, first.call_id);
    assert_eq!((anew.cseq, &anew.remote), (1, &None));
}

#[test]
fn a_lost_connection_begins_anew_in_a_moment() {
    let (mut story, first) = Story::begun(9);
    let steps = story.backends.flow_closed(&mut story.random, FLOW);
    assert_eq!((steps.len(), said(&steps)), (1, None));
    assert!(wait(&steps) <= SOON);
    let anew = sent(&story.due(first.number, wait(&steps)));
    assert_eq!((anew.cseq, anew.remote), (1, None));
    let steps = story.backends.flow_closed(&mut story.random, FLOW);
    assert_eq!(steps, [], "it is known once");
}

#[test]
fn nothing_is_kept_that_no_list_has_and_its_dialog_is_ended() {
    let (mut story, first) = Story::begun(9);
    let last = sent(&story.leave());
    assert_eq!((last.cseq, last.expires), (2, Duration::ZERO));
    assert_eq!(last.call_id, first.call_id);
    assert_eq!(story.backends.len(), 0);
    assert_eq!(
        story.told(&first, 9, terminated("timeout", None)),
        Ok(vec![])
    );

    // The answer is on its way: what it begins is ended then.
    for is_told in [false, true] {
        let mut story = Story::new(9);
        let first = sent(&story.want("sip:carol@x"));
        assert_eq!(story.leave(), []);
        let steps = if is_told {
            story.told(&first, 1, State::Active).unwrap()
        } else {
            story.accepted(&first, true)
        };
        assert!(sent(&steps).expires.is_zero());
        assert_eq!(story.backends.len(), 0);
    }
    let mut story = Story::new(9);
    let first = sent(&story.want("sip:carol@x"));
    assert_eq!(story.leave(), []);
    story.refused(&first, 503);
    assert_eq!(story.backends.len(), 0);

    // A list that says nothing of its end has one all the same.
    let (mut story, first) = Story::begun(9);
    let steps = story.due(first.number, Duration::from_secs(3_600));
    assert!(sent(&steps).expires.is_zero());
    assert_eq!(story.backends.len(), 0);
}

#[test]
fn what_finds_no_room_has_ended() {
    let (mut story, _) = Story::begun(1);
    let steps = story.want("sip:dora@x");
    assert_eq!(said(&steps), Some(Said::Ended(Reason::Probation)));
    assert_eq!((steps.len(), story.backends.len()), (1, 1));
}
