use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const NAMES: [&str; 4] = ["a.example", "b.example", "c.example", "d.example"];

fn pool(rules: Rules) -> Balancer {
    let mut pool = Balancer::new(NAMES.map(str::to_owned), rules, [7; 32]);
    for name in NAMES {
        pool.found(Mono::ZERO, name, Health::Up);
    }
    pool
}

fn at(secs: u64) -> Mono {
    Mono::ZERO.after(Duration::from_secs(secs))
}

fn source(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))
}

fn choose(pool: &mut Balancer, now: Mono, who: u32) -> Result<usize, Refused> {
    let mut tried = Tried::default();
    let chosen = pool.choose(now, source(who), Persistence::Source, &mut tried);
    chosen.map(|member| member.0)
}

/// Where each of many sources goes, with no connection left open.
fn map(pool: &mut Balancer, now: Mono) -> BTreeMap<u32, usize> {
    let mut whole = BTreeMap::new();
    for who in 0..4000 {
        let member = choose(pool, now, who).unwrap();
        pool.ended(MemberId(member));
        whole.insert(who, member);
    }
    whole
}

#[test]
fn sources_are_spread_evenly_and_stay() {
    let mut pool = pool(Rules::default());
    let first = map(&mut pool, at(1));
    for member in 0..NAMES.len() {
        let part = first.values().filter(|one| **one == member).count();
        assert!((850..1150).contains(&part), "{member} has {part} of 4000");
    }
    assert_eq!(map(&mut pool, at(100)), first);
}

#[test]
fn a_lost_member_moves_its_own_sources_only_and_gets_them_back() {
    let mut pool = pool(Rules::default());
    let before = map(&mut pool, at(1));
    pool.found(at(2), "b.example", Health::Down);
    let during = map(&mut pool, at(2));
    for (who, member) in &before {
        if *member == 1 {
            assert_ne!(during[who], 1);
        } else {
            assert_eq!(during[who], *member);
        }
    }
    pool.found(at(3), "b.example", Health::Up);
    assert_eq!(map(&mut pool, at(60)), before);
}

#[test]
fn a_member_that_comes_back_warms_up() {
    let mut pool = pool(Rules::default());
    let before = map(&mut pool, at(1));
    pool.found(at(2), "b.example", Health::Down);
    pool.found(at(10), "b.example", Health::Up);
    let full = before.values().filter(|one| **one == 1).count();
    let mut last = BTreeMap::new();
    for tenths in [1, 3, 5, 8] {
        let now = at(10 + tenths);
        let whole = map(&mut pool, now);
        let part = whole.values().filter(|one| **one == 1).count();
        let expected = full * usize::try_from(tenths).unwrap() / 10;
        assert!(part.abs_diff(expected) < full / 10, "{part} of {expected}");
        let came_back = |who: &u32| last.get(who) == Some(&1_usize);
        let left = whole
            .iter()
            .filter(|(who, one)| came_back(who) && **one != 1);
        assert_eq!(left.count(), 0, "a source went there and back again");
        last = whole;
    }
}

#[test]
fn a_member_that_was_up_from_the_first_need_not_warm_up() {
    let mut pool = pool(Rules::default());
    let state = pool.members(Mono::ZERO);
    assert!(state.iter().all(|member| member.share == 1000));
    pool.found(at(1), "a.example", Health::Draining);
    pool.found(at(2), "a.example", Health::Up);
    assert_eq!(pool.members(at(2))[0].share, 1000);
}

#[test]
fn a_connection_asks_each_member_once() {
    let mut pool = pool(Rules::default());
    let mut tried = Tried::default();
    let mut asked = Vec::new();
    while let Ok(member) = pool.choose(at(1), source(1), Persistence::Source, &mut tried) {
        pool.failed(at(1), member);
        asked.push(member.0);
    }
    asked.sort_unstable();
    assert_eq!(asked, [0, 1, 2, 3]);
    assert_eq!(pool.members(at(1)).iter().map(|m| m.open).sum::<usize>(), 0);
}

#[test]
fn a_member_that_takes_nothing_rests_and_is_tried_again() {
    let mut pool = pool(Rules::default());
    let who = (0..)
        .find(|who| choose(&mut pool, at(0), *who) == Ok(2))
        .unwrap();
    for _ in 0..2 {
        let member = choose(&mut pool, at(1), who).unwrap();
        pool.failed(at(1), MemberId(member));
        assert_eq!(member, 2);
    }
    let third = choose(&mut pool, at(1), who).unwrap();
    pool.failed(at(1), MemberId(third));
    assert_ne!(choose(&mut pool, at(1), who), Ok(2));
    assert_eq!(choose(&mut pool, at(2), who), Ok(2));
    pool.failed(at(2), MemberId(2));
    assert_ne!(choose(&mut pool, at(3), who), Ok(2), "it rests for longer");
    assert_eq!(choose(&mut pool, at(4), who), Ok(2));
    pool.taken(MemberId(2));
    assert!(!pool.members(at(4))[2].rests);
}

#[test]
fn drained_members_keep_what_they_have_and_get_nothing_new() {
    let mut pool = pool(Rules::default());
    let who = (0..)
        .find(|who| choose(&mut pool, at(0), *who) == Ok(3))
        .unwrap();
    let open = pool.members(at(0))[3].open;
    assert!(pool.drain("D.example", true) && !pool.drain("e.example", true));
    assert_ne!(choose(&mut pool, at(1), who), Ok(3));
    assert_eq!(pool.members(at(1))[3].open, open);
    pool.drain("d.example", false);
    assert_eq!(choose(&mut pool, at(2), who), Ok(3));
}

#[test]
fn the_least_busy_member_is_next_where_nobody_stays() {
    let mut pool = pool(Rules::default());
    for who in 0..400 {
        let mut tried = Tried::default();
        let none = Persistence::None;
        pool.choose(at(1), source(who), none, &mut tried).unwrap();
    }
    assert!(pool.members(at(1)).iter().all(|member| member.open == 100));
}

#[test]
fn limits_hold_for_each_member_and_for_all() {
    let rules = Rules {
        per_member: 2,
        in_all: 7,
        ..Rules::default()
    };
    let mut pool = pool(rules);
    // A source whose member is full goes to the next one of its order.
    let given: Vec<usize> = (0..7)
        .map(|_| choose(&mut pool, at(1), 5).unwrap())
        .collect();
    for member in 0..4 {
        assert!(given.iter().filter(|one| **one == member).count() <= 2);
    }
    assert_eq!(choose(&mut pool, at(1), 5), Err(Refused::Full));
}

#[test]
fn unknown_members_are_tried_where_none_is_known_to_be_up() {
    let mut pool = Balancer::new(NAMES.map(str::to_owned), Rules::default(), [7; 32]);
    assert!(choose(&mut pool, at(0), 1).is_ok());
    pool.found(at(1), "c.example", Health::Up);
    assert_eq!(choose(&mut pool, at(1), 1), Ok(2));
    for name in NAMES {
        pool.found(at(2), name, Health::Down);
    }
    assert_eq!(choose(&mut pool, at(2), 1), Err(Refused::NoMember));
}

proptest! {
    /// Whatever happens, counts are what is open, and nothing new goes where nothing may go.
    #[test]
    fn counts_hold_whatever_happens(steps in prop::collection::vec((0..5_u8, 0..50_u32), 1..300)) {
        let mut pool = pool(Rules { per_member: 10, in_all: 25, ..Rules::default() });
        let mut open: Vec<MemberId> = Vec::new();
        for (second, (step, which)) in (0..).zip(steps) {
            let now = at(second);
            let name = NAMES[which as usize % NAMES.len()];
            match step {
                0 | 1 => {
                    let persistence = [Persistence::Source, Persistence::None][usize::from(step)];
                    let mut tried = Tried::default();
                    if let Ok(member) = pool.choose(now, source(which), persistence, &mut tried) {
                        let state = &pool.members(now)[member.0];
                        prop_assert!(state.health == Health::Up && !state.drained && !state.rests);
                        open.push(member);
                    }
                }
                2 if !open.is_empty() => {
                    let member = open.swap_remove(which as usize % open.len());
                    if which % 2 == 0 { pool.ended(member) } else { pool.failed(now, member) }
                }
                3 => pool.found(now, name, [Health::Up, Health::Down, Health::Draining][which as usize % 3]),
                _ => { pool.drain(name, which % 2 == 0); }
            }
            let states = pool.members(now);
            for (at, state) in states.iter().enumerate() {
                prop_assert_eq!(state.open, open.iter().filter(|member| member.0 == at).count());
                prop_assert!(state.open <= 10);
            }
            prop_assert!(open.len() <= 25);
        }
    }
}

#[test]
fn a_client_that_names_its_member_is_there_while_the_member_takes_anything() {
    let mut pool = pool(Rules::default());
    let goes = |pool: &mut Balancer, tried: &mut Tried| {
        let wanted = Persistence::Member(MemberId(2));
        let member = pool.choose(at(1), source(1), wanted, tried).unwrap();
        pool.ended(member);
        member.0
    };
    // Busy as it is, and others idle.
    for _ in 0..5 {
        let mut tried = Tried::default();
        let wanted = Persistence::Member(MemberId(2));
        let member = pool.choose(at(1), source(1), wanted, &mut tried);
        assert_eq!(member, Ok(MemberId(2)));
    }
    let mut tried = Tried::default();
    assert_eq!(goes(&mut pool, &mut tried), 2);
    assert_ne!(goes(&mut pool, &mut tried), 2, "it did not take it");
    assert!(pool.drain(NAMES[2], true));
    assert_ne!(goes(&mut pool, &mut Tried::default()), 2);
    assert!(pool.drain(NAMES[2], false));
    pool.found(at(1), NAMES[2], Health::Down);
    assert_ne!(goes(&mut pool, &mut Tried::default()), 2);
    // While it warms up it has its own clients again at once.
    pool.found(at(1), NAMES[2], Health::Up);
    assert_eq!(goes(&mut pool, &mut Tried::default()), 2);
}
