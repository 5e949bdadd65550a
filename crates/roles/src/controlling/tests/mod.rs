//! The controller at agents that behave in one way each.

mod fake;

use std::sync::Arc;
use std::time::Duration;

use logs::wire::{Answer, Done, Refused, Request};
use logs::{Query, Running, SourceStatus, Span, Time};
use pki::{Ca, Revoke};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use self::fake::{Asker, SOON, Site, done, records};
use super::{Collected, Heard, Pace, Report, Results, Said, Target, now};

const ONE: &str = "one.contoso.net";
const TWO: &str = "two.contoso.net";
const THREE: &str = "three.contoso.net";

fn everything() -> Query {
    Query::within(Span::new(Time::ZERO, Time(1_000_000)).unwrap())
}

/// The times of all results and how the agents answered.
async fn heard(mut results: Results) -> (Vec<u64>, Vec<Report>) {
    let mut times = Vec::new();
    while let Some(found) = timeout(SOON, results.next()).await.unwrap() {
        times.push(found.record.time.0);
    }
    (times, results.finish())
}

/// Where nobody listens.
async fn nowhere() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn why(report: &Report) -> &str {
    report.status.why().unwrap()
}

#[tokio::test]
async fn the_answers_of_several_come_out_oldest_first_and_each_is_accounted_for() {
    let site = Site::new(&[ONE, TWO, THREE]);
    let mut full = done();
    full.limited = true;
    let (first, second) = (records(ONE, &[1, 4]), records(ONE, &[6]));
    let targets = [
        site.saying(ONE, vec![first, second, Answer::Done(done())])
            .await,
        site.saying(TWO, vec![records(TWO, &[2, 3, 5]), Answer::Done(full)])
            .await,
        Target::single(THREE, nowhere().await),
    ];
    let (times, reports) = heard(site.controller().search(&targets, &everything())).await;
    assert_eq!(times, [1, 2, 3, 4, 5, 6]);
    let statuses: Vec<&str> = reports.iter().map(|report| report.status.word()).collect();
    assert_eq!(statuses, ["answered", "limited", "unreachable"]);
    assert_eq!(
        reports.iter().map(|one| one.given).collect::<Vec<_>>(),
        [3, 3, 0]
    );
    assert!(why(&reports[2]).contains("nobody listens"), "{reports:?}");
    assert_eq!(reports[0].skew, None);
}

#[tokio::test]
async fn an_agent_has_to_prove_its_machine_and_speaks_of_no_other() {
    let site = Site::new(&[ONE, TWO]);
    let liar = site.agent(TWO, |_| async {}).await;
    let parts = vec![records(TWO, &[1]), records(ONE, &[2]), Answer::Done(done())];
    let targets = [Target::single(ONE, liar), site.saying(ONE, parts).await];
    let (times, reports) = heard(site.controller().search(&targets, &everything())).await;
    assert_eq!(times, [2]);
    assert!(why(&reports[0]).contains(TWO), "{reports:?}");
    assert_eq!(reports[1].left_out, 1);
    assert!(!reports[1].is_whole());
}

#[tokio::test]
async fn who_refuses_goes_silent_or_breaks_off_holds_nobody_up_and_is_told() {
    let site = Site::new(&[ONE, TWO, THREE]);
    let words = Answer::Refused(Refused::NotAllowed("not\x1b[31m you".to_owned()));
    let silent = site.agent(TWO, |mut asker| async move {
        asker.asked().await;
        // Nothing more comes from either side until the controller has lost patience.
        asker.asked().await;
    });
    let targets = [
        site.saying(ONE, vec![words]).await,
        Target::single(TWO, silent.await),
        site.saying(THREE, vec![records(THREE, &[7])]).await,
    ];
    let pace = Pace {
        patience: SOON,
        silence: Duration::from_millis(200),
        ..Pace::default()
    };
    let (times, reports) = heard(site.controller_with(pace).search(&targets, &everything())).await;
    assert_eq!(times, [7]);
    let refused = "not\\x1b[31m you".to_owned();
    assert_eq!(reports[0].status, SourceStatus::Refused(refused));
    assert!(
        matches!(&reports[1].status, SourceStatus::Unreachable(why) if why.contains("said nothing"))
    );
    assert!(
        matches!(&reports[2].status, SourceStatus::CutOff(_)),
        "{reports:?}"
    );
}

#[tokio::test]
async fn the_time_for_one_agent_ends_however_busily_it_talks() {
    let site = Site::new(&[ONE]);
    let endless = site.agent(ONE, |mut asker| async move {
        asker.asked().await;
        // Empty frames, so that nothing has to be taken out.
        while asker.say(Answer::Records(String::new())).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let pace = Pace {
        patience: SOON,
        silence: SOON,
        whole: Duration::from_millis(300),
        ..Pace::default()
    };
    let targets = [Target::single(ONE, endless.await)];
    let (_, reports) = heard(site.controller_with(pace).search(&targets, &everything())).await;
    assert!(
        why(&reports[0]).contains("time for its answer is over"),
        "{reports:?}"
    );
}

#[tokio::test]
async fn what_is_no_agent_is_told_apart() {
    let site = Site::new(&[ONE]);
    let garbage = site.agent(ONE, |mut asker| async move {
        asker.asked().await;
        asker.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let older = site.agent(ONE, |mut asker| async move {
        asker.asked().await;
        asker.raw(&[0, 0, 0, 3, 9, 2, 0]).await;
    });
    let targets = [
        Target::single(ONE, garbage.await),
        Target::single(ONE, older.await),
        site.saying(ONE, vec![Answer::Running(Vec::new())]).await,
    ];
    let (_, reports) = heard(site.controller().search(&targets, &everything())).await;
    assert!(why(&reports[0]).contains("cannot be read"), "{reports:?}");
    assert!(why(&reports[1]).contains("version 9"), "{reports:?}");
    assert!(why(&reports[2]).contains("something else"), "{reports:?}");
}

#[tokio::test]
async fn a_search_ends_with_as_many_as_are_wanted() {
    let site = Site::new(&[ONE, TWO]);
    let targets = [
        site.saying(ONE, vec![records(ONE, &[1, 4, 5]), Answer::Done(done())])
            .await,
        site.saying(TWO, vec![records(TWO, &[2, 3, 6])]).await,
    ];
    let mut query = everything();
    query.limit = 3;
    let (times, reports) = heard(site.controller().search(&targets, &query)).await;
    assert_eq!(times, [1, 2, 3]);
    assert_eq!(reports.len(), 2);
}

#[tokio::test]
async fn who_tires_of_waiting_for_one_gets_what_the_others_gave() {
    let site = Site::new(&[ONE, TWO]);
    let silent = site.agent(TWO, |mut asker| async move {
        asker.asked().await;
        asker.asked().await;
    });
    let targets = [
        site.saying(ONE, vec![records(ONE, &[1, 2]), Answer::Done(done())])
            .await,
        Target::single(TWO, silent.await),
    ];
    let mut results = site.controller().search(&targets, &everything());
    let answered = async |results: &mut Results| {
        while results.waiting().any(|machine| machine == ONE) {
            let more = timeout(Duration::from_millis(10), results.next()).await;
            assert!(more.is_err(), "the second may have older ones");
        }
    };
    timeout(SOON, answered(&mut results)).await.unwrap();
    results.interrupt();
    let (times, reports) = heard(results).await;
    assert_eq!(times, [1, 2]);
    assert_eq!(reports[0].status, SourceStatus::Answered);
    assert!(why(&reports[1]).contains("not waited for"), "{reports:?}");
}

#[tokio::test]
async fn an_agent_that_others_have_to_wait_for_is_not_read_from() {
    const FRAMES: u64 = 400;
    let site = Site::new(&[ONE, TWO]);
    let (blocked, mut told) = watch::channel(None);
    let fast = site.agent(ONE, move |mut asker: Asker| {
        let blocked = blocked.clone();
        async move {
            asker.asked().await;
            for frame in 0..FRAMES {
                let times: Vec<u64> = (0..500).map(|one| 10 + frame * 500 + one).collect();
                let mut saying = Box::pin(asker.say(records(ONE, &times)));
                if timeout(Duration::from_millis(500), &mut saying)
                    .await
                    .is_err()
                {
                    // Whoever waits for it may have heard already.
                    let _ = blocked.send(Some(frame));
                    saying.await;
                }
            }
            let _ = blocked.send(Some(FRAMES));
            asker.done().await;
        }
    });
    let go = Arc::new(Notify::new());
    let waiting = Arc::clone(&go);
    let slow = site.agent(TWO, move |mut asker| {
        let go = Arc::clone(&waiting);
        async move {
            asker.asked().await;
            go.notified().await;
            asker.say(records(TWO, &[1])).await;
            asker.done().await;
        }
    });
    let targets = [
        Target::single(ONE, fast.await),
        Target::single(TWO, slow.await),
    ];
    let mut query = everything();
    query.limit = 1_000_000;
    let pace = Pace {
        patience: SOON,
        silence: SOON,
        waiting: 1 << 20,
        ..Pace::default()
    };
    let mut results = site.controller_with(pace).search(&targets, &query);
    let frames = tokio::select! {
        found = results.next() => panic!("{found:?} may not be the oldest"),
        frames = timeout(SOON, told.wait_for(Option::is_some)) => frames.unwrap().unwrap().unwrap(),
    };
    assert!(frames < FRAMES / 2, "{frames} frames were taken in");
    go.notify_one();
    let (times, reports) = heard(results).await;
    assert_eq!((times[0], times.len() as u64), (1, 1 + FRAMES * 500));
    assert!(reports.iter().all(Report::is_whole), "{reports:?}");
}

#[tokio::test]
async fn a_command_has_a_reply_of_each() {
    let site = Site::new(&[ONE, TWO]);
    let running = |by: &str| Running {
        scenario: "Web".into(),
        since: Time(1),
        until: None,
        by: by.into(),
    };
    let late = Done {
        now: now().after(Duration::from_secs(3600)),
        ..Done::default()
    };
    let parts = vec![Answer::Running(vec![running("ann\n")]), Answer::Done(late)];
    let targets = [
        site.saying(ONE, parts).await,
        site.saying(
            TWO,
            vec![Answer::Refused(Refused::Failed("two run".into()))],
        )
        .await,
    ];
    let mut count = 0;
    let controller = site.controller();
    let replies = controller
        .command(&targets, &Request::Show, |_| count += 1)
        .await;
    assert_eq!(count, 2);
    let cleaned = Said::Running(vec![running("ann\\x0a")]);
    assert_eq!(replies[0].said, Some(cleaned));
    let ahead = replies[0].report.skew.unwrap();
    assert!((3_590_000_000..3_610_000_000).contains(&ahead), "{ahead}");
    assert_eq!(
        replies[1].report.status,
        SourceStatus::Refused("two run".into())
    );
}

#[tokio::test]
async fn a_revoked_operator_is_told_that_it_is_the_certificate() {
    let site = Site::new(&[ONE]);
    let now = OffsetDateTime::now_utc();
    let controller = site.controller();
    let mut ca = Ca::open(&site.state.ca()).unwrap();
    ca.revoke(Revoke::Operator("ann"), now).unwrap();
    pki::distribute_crl(&site.state, &mut ca, now).unwrap();
    let targets = [site.saying(ONE, vec![Answer::Done(done())]).await];
    let replies = controller.command(&targets, &Request::Sync, |_| ()).await;
    let why = why(&replies[0].report);
    assert!(
        why.contains("operator's certificate") && why.contains("revoked"),
        "{why}"
    );
}

#[tokio::test]
async fn a_tail_puts_what_comes_at_one_time_in_order_and_tells_who_goes() {
    let site = Site::new(&[ONE, TWO, THREE]);
    let stay = |machine: &'static str, parts: Vec<Answer>| {
        site.agent(machine, move |mut asker| {
            let parts = parts.clone();
            async move {
                asker.asked().await;
                for part in parts {
                    asker.say(part).await;
                }
                // Until the other side goes.
                asker.asked().await;
            }
        })
    };
    let targets = [
        Target::single(
            ONE,
            stay(ONE, vec![records(ONE, &[5]), Answer::Missed(4)]).await,
        ),
        site.saying(TWO, vec![records(TWO, &[3]), Answer::Done(done())])
            .await,
        Target::single(THREE, nowhere().await),
    ];
    let mut following = site.controller().follow(&targets, &everything());
    let (mut listening, mut ended, mut missed, mut times) = (0, Vec::new(), 0, Vec::new());
    while times.len() < 2 || ended.len() < 2 {
        match timeout(SOON, following.next()).await.unwrap().unwrap() {
            Heard::Record(found) => times.push(found.record.time.0),
            Heard::Listening(_) => listening += 1,
            Heard::Missed(0, records) => missed += records,
            Heard::Missed(agent, _) => panic!("{agent} missed nothing"),
            Heard::Ended(agent) => ended.push(agent),
        }
    }
    ended.sort_unstable();
    assert_eq!((listening, ended, missed), (2, vec![1, 2], 4));
    assert_eq!(times, [3, 5]);
    let reports = following.finish();
    let words: Vec<&str> = reports.iter().map(|report| report.status.word()).collect();
    assert_eq!(words, ["stopped", "cut off", "unreachable"]);
    assert_eq!((reports[0].given, reports[0].missed), (1, 4));
}

#[tokio::test]
async fn collected_files_are_whole_and_replace_nothing() {
    let site = Site::new(&[ONE, TWO, THREE]);
    let file = |name: &str, size: u64| Answer::File {
        name: name.to_owned(),
        size,
    };
    let bytes = |text: &str| Answer::Bytes(text.as_bytes().to_vec());
    let good = || {
        vec![
            file("0000000001.trace.zst", 6),
            bytes("abc"),
            bytes("def"),
            file("0000000002.trace.zst", 0),
            Answer::Done(done()),
        ]
    };
    let torn = vec![file("0000000001.trace.zst", 6), bytes("abc")];
    let climbing = vec![
        file("../0000000001.trace.zst", 1),
        bytes("x"),
        Answer::Done(done()),
    ];
    let folder = tempfile::TempDir::new().unwrap();
    let collect = async |parts: [Vec<Answer>; 3]| -> Vec<Collected> {
        let [one, two, three] = parts;
        let targets = [
            site.saying(ONE, one).await,
            site.saying(TWO, two).await,
            site.saying(THREE, three).await,
        ];
        let span = everything().span;
        let controller = site.controller();
        controller
            .collect(&targets, span, folder.path(), |_| ())
            .await
    };
    let all = collect([good(), torn, climbing]).await;
    assert!(all[0].report.is_whole(), "{:?}", all[0]);
    assert_eq!((all[0].report.given, all[0].files.len()), (2, 2));
    let first = folder.path().join(ONE).join("0000000001.trace.zst");
    assert_eq!(all[0].files[0].path, first);
    assert_eq!(std::fs::read(&first).unwrap(), b"abcdef");
    assert!(matches!(all[1].report.status, SourceStatus::CutOff(_)));
    assert!(
        why(&all[2].report).contains("no name of a trace file"),
        "{:?}",
        all[2]
    );
    let left = |machine: &str| std::fs::read_dir(folder.path().join(machine)).map(Iterator::count);
    assert_eq!((left(ONE).unwrap(), left(TWO).unwrap()), (2, 0));

    // The same again is there already; another one of the same name stands beside it.
    let other = vec![
        file("0000000001.trace.zst", 1),
        bytes("x"),
        Answer::Done(done()),
    ];
    let all = collect([good(), good(), good()]).await;
    assert!(
        all[0].files.iter().all(|file| file.was_there),
        "{:?}",
        all[0]
    );
    let all = collect([other, good(), good()]).await;
    let beside = folder.path().join(ONE).join("0000000001-2.trace.zst");
    assert_eq!(all[0].files[0].path, beside);
    assert_eq!(std::fs::read(&first).unwrap(), b"abcdef");
}
