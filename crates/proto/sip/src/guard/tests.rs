//! How the guard weighs what it is told.

use super::{Allowance, Guard, Offence, Unwelcome, Verdict};
use crate::token::Key;
use base::{Mono, Source};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const BAD_ADDR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66));
const ALICE: &str = "sip:alice@contoso.com";

fn guard() -> Guard {
    Guard::new(
        Allowance {
            requests: 10.0,
            handshakes: 5.0,
            failures: 20.0,
            failures_of_user: 3.0,
            exempt: [IpAddr::V4(Ipv4Addr::LOCALHOST)].into(),
            ..Allowance::default()
        },
        Key::derive(&[1; 32], "guard"),
    )
}

fn bad() -> Source {
    Source::of(BAD_ADDR)
}

fn good() -> Source {
    Source::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)))
}

fn at(seconds: u64) -> Mono {
    Mono::ZERO.after(Duration::from_secs(seconds))
}

#[test]
fn penalties_rise_by_steps_and_fade() {
    let guard = guard();
    let now = at(1000);
    let mut seen = Vec::new();
    for _ in 0..100 {
        guard.offend(now, bad(), Offence::Credentials);
        let step = (
            guard.ask(now, bad(), false),
            guard.welcome(now, good()).is_ok(),
        );
        if seen.last() != Some(&step.0) {
            seen.push(step.0);
        }
    }
    use Verdict::{Ignore, Slow, Watch};
    assert_eq!(seen, [Watch, Slow, Ignore]);
    assert_eq!(guard.welcome(now, bad()), Err(Unwelcome::Penalised));
    // 100 points: half of them after five minutes, and so on.
    for (minutes, welcome, verdict) in [(5, true, Ignore), (10, true, Slow), (15, true, Watch)] {
        let later = at(1000 + minutes * 60 + 1);
        assert_eq!(
            guard.welcome(later, bad()).is_ok(),
            welcome,
            "{minutes} min"
        );
        assert_eq!(guard.ask(later, bad(), false), verdict, "{minutes} min");
    }
    assert_eq!(guard.ask(at(10_000), bad(), false), Verdict::Pass);
}

#[test]
fn nobody_pays_for_another_source() {
    let guard = guard();
    for _ in 0..1000 {
        guard.offend(at(1), bad(), Offence::Scanner);
        guard.failed(at(1), bad(), ALICE, Offence::Credentials);
    }
    assert_eq!(guard.ask(at(1), good(), false), Verdict::Pass);
    assert!(guard.is_slowed(at(1), bad(), ALICE));
    assert!(
        !guard.is_slowed(at(1), good(), ALICE),
        "the user is not locked out elsewhere"
    );
    assert!(!guard.is_slowed(at(1), bad(), "sip:bob@contoso.com"));
    let points = guard.worst(at(1), 5);
    assert_eq!(points.len(), 1);
    assert!(
        points[0].points <= 8.0 * 20.0,
        "what is held against a source has an end"
    );
}

#[test]
fn a_flow_of_a_proven_user_goes_on_behind_a_bad_address() {
    let guard = guard();
    for _ in 0..45 {
        guard.offend(at(1), bad(), Offence::Credentials);
    }
    assert_eq!(guard.ask(at(1), bad(), true), Verdict::Watch);
    assert_eq!(guard.ask(at(1), bad(), false), Verdict::Ignore);
}

#[test]
fn a_rate_has_a_burst_and_beyond_it_requests_wait() {
    let guard = guard();
    let passed = (0..150)
        .filter(|_| guard.ask(at(1), good(), true) == Verdict::Pass)
        .count();
    assert_eq!(passed, 100, "ten seconds' worth");
    assert_eq!(guard.ask(at(1), good(), true), Verdict::Slow);
    let passed = (0..50)
        .filter(|_| guard.ask(at(3), good(), true) != Verdict::Slow)
        .count();
    assert_eq!(passed, 20, "two seconds' worth");
    let shaken = (0..80)
        .filter(|_| guard.welcome(at(3), good()).is_ok())
        .count();
    assert_eq!(shaken, 50);
    assert_eq!(guard.welcome(at(3), good()), Err(Unwelcome::TooOften));
}

#[test]
fn a_flood_is_answered_first_then_ignored_then_kept_out() {
    let guard = guard();
    let mut verdicts = Vec::new();
    for second in 1..=60 {
        for _ in 0..1000 {
            let verdict = guard.ask(at(second), bad(), false);
            if verdicts.last() != Some(&verdict) {
                verdicts.push(verdict);
            }
        }
    }
    assert_eq!(verdicts.last(), Some(&Verdict::Ignore));
    assert!(verdicts.contains(&Verdict::Slow));
    assert_eq!(guard.welcome(at(60), bad()), Err(Unwelcome::Penalised));
}

#[test]
fn who_sweeps_through_names_without_answering_a_challenge_is_slowed() {
    let guard = guard();
    for n in 0..1000 {
        guard.challenged(at(n), good());
        guard.proved(at(n), good(), ALICE);
    }
    assert_eq!(guard.ask(at(1000), good(), false), Verdict::Pass);
    for _ in 0..100 {
        guard.challenged(at(1000), bad());
    }
    assert_eq!(guard.ask(at(1000), bad(), false), Verdict::Slow);
}

#[test]
fn a_success_forgets_the_failures_of_that_user_from_there() {
    let guard = guard();
    for _ in 0..3 {
        guard.offend(at(1), bad(), Offence::Credentials);
        guard.failed(at(1), bad(), ALICE, Offence::Credentials);
    }
    assert!(guard.is_slowed(at(1), bad(), ALICE));
    assert!(!guard.is_slowed(at(301), bad(), ALICE), "it fades");
    guard.proved(at(301), bad(), ALICE);
    guard.failed(at(301), bad(), ALICE, Offence::Credentials);
    assert!(!guard.is_slowed(at(301), bad(), ALICE));
}

#[test]
fn machines_of_ours_are_exempt_and_an_operator_forgives() {
    let guard = guard();
    let ours = Source::of(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mapped = Source::of(IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()));
    for _ in 0..1000 {
        guard.offend(at(1), ours, Offence::Scanner);
        guard.failed(at(1), ours, ALICE, Offence::Credentials);
        guard.offend(at(1), bad(), Offence::Scanner);
    }
    for from in [ours, mapped] {
        assert_eq!(guard.ask(at(1), from, false), Verdict::Pass);
        assert_eq!(guard.welcome(at(1), from), Ok(()));
        assert!(!guard.is_slowed(at(1), from, ALICE));
    }
    assert!(guard.forgive(BAD_ADDR));
    assert!(!guard.forgive(BAD_ADDR));
    assert_eq!(guard.welcome(at(1), bad()), Ok(()));
    assert_eq!(guard.ask(at(1), bad(), false), Verdict::Pass);
}

/// A million sources neither grow the table nor make it forget whom it had reason to watch.
#[test]
fn a_million_sources_push_out_only_each_other() {
    let guard = guard();
    for _ in 0..100 {
        guard.offend(at(1), bad(), Offence::Credentials);
    }
    for n in 0..1_000_000_u128 {
        let network = Ipv6Addr::from(0x2001_0db8_u128 << 96 | n << 64);
        guard.offend(at(2), Source::of(IpAddr::V6(network)), Offence::Handshake);
    }
    assert!(guard.known() <= 4096 * 8, "{}", guard.known());
    assert_eq!(guard.welcome(at(2), bad()), Err(Unwelcome::Penalised));
    assert_eq!(guard.worst(at(2), 10).len(), 10);
    assert_eq!(guard.worst(at(2), 10)[0].source, bad());
}
