//! Any one process is killed in the middle of 200 calls a second, each machine of the topology a process of its own.
//!
//! What is expected, for each that can die:
//!
//! | Killed | Untouched | New calls within 2 s |
//! |---|---|---|
//! | a Director | all calls inside; calls in progress from outside (the pool's name is in their route) | by the other Director |
//! | the Edge | all calls inside | inside at once; outside when it is started again |
//! | a Front End | calls of the other pool | of its users: at the backup pool, where they sign in anew |
//!
//! A call that is being set up through the process that dies fails, and its phones sign in anew; how many did is told
//! in a few lines for each kill. On a machine that is busy with other things the two seconds are stretched by what a call
//! took there before the kill; the report tells by how much. Calls that wait, set up before the kill, are used and ended after it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use system::agent::{Call, Doors};
use system::callers::{Attempt, Callers, Pair, Place};
use system::deployment::{Deployment, Entrance, User};
use system::names::Names;
use system::wait;

use super::site::{DIR01, DIR02, EDGE01, FE01, FE02, FEPOOL01, FEPOOL02, OUTSIDE, Site, flow};

/// Pairs of each line of calls; each calls once in [`INTERVAL`]: 200 calls a second in all.
const PAIRS: [usize; 4] = [6, 6, 4, 4];
const INTERVAL: Duration = Duration::from_millis(100);
/// Calls of each line that wait while a process is killed.
const HELD: usize = 3;
/// New calls succeed this soon.
const SOON: Duration = Duration::from_secs(2);
/// What is added on a machine that is busy with other things: so many calls as long as they took before the kill. Two
/// phones that lost their server sign in anew before they call: two handshakes each, and the call.
const SLACK: u32 = 5;
/// Before and after a kill.
const STEADY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// A way that calls take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Between phones inside, of the first pool.
    First,
    /// Between phones inside, of the second pool.
    Second,
    /// From outside to the first pool.
    IntoFirst,
    /// From outside to the second pool.
    IntoSecond,
}

const WAYS: [Way; 4] = [Way::First, Way::Second, Way::IntoFirst, Way::IntoSecond];

impl Way {
    fn pool(self) -> &'static str {
        match self {
            Self::First | Self::IntoFirst => FEPOOL01,
            Self::Second | Self::IntoSecond => FEPOOL02,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::First => "inside, first pool",
            Self::Second => "inside, second pool",
            Self::IntoFirst => "from outside, first pool",
            Self::IntoSecond => "from outside, second pool",
        }
    }

    const fn is_inside(self) -> bool {
        matches!(self, Self::First | Self::Second)
    }

    /// Whether a call of this way needs this very machine. A Director of the pool does what another did.
    fn needs(self, machine: &str) -> bool {
        match machine {
            EDGE01 => !self.is_inside(),
            FE01 => matches!(self, Self::First | Self::IntoFirst),
            FE02 => matches!(self, Self::Second | Self::IntoSecond),
            _ => false,
        }
    }

    /// Whether a call of this way may be on its way through this machine.
    fn passes(self, machine: &str) -> bool {
        self.needs(machine) || (!self.is_inside() && [DIR01, DIR02].contains(&machine))
    }
}

/// The topology's SIP machines, each a process of its own, and calls through all of them.
struct Trial {
    site: Site,
    machines: Vec<(&'static str, Deployment)>,
    doors: Doors,
    lines: Vec<(Way, Pair)>,
    held: Vec<(Way, Pair)>,
}

impl Trial {
    fn start() -> Self {
        let site = Site::new();
        site.prepare();
        let lines = PAIRS.iter().sum::<usize>() + HELD * WAYS.len();
        let mut users = UsersOf::import(&site, 2 * lines);
        let pair = |way: Way, users: &mut UsersOf| {
            let place = if way.is_inside() {
                Place::Inside
            } else {
                Place::Outside
            };
            Pair {
                caller: (users.next(way.pool()), place),
                callee: (users.next(way.pool()), Place::Inside),
            }
        };
        let mut calling = Vec::new();
        let mut held = Vec::new();
        for (way, count) in WAYS.into_iter().zip(PAIRS) {
            calling.extend((0..count).map(|_| (way, pair(way, &mut users))));
            held.extend((0..HELD).map(|_| (way, pair(way, &mut users))));
        }
        let machines: Vec<(&'static str, Deployment)> = [FE01, FE02, DIR01, DIR02, EDGE01]
            .into_iter()
            .map(|machine| (machine, site.run(machine)))
            .collect();
        for machine in [DIR01, DIR02, FE02] {
            wait_for_users(&site, machine, users.count);
        }
        let doors = doors(&site);
        Self {
            site,
            machines,
            doors,
            lines: calling,
            held,
        }
    }

    fn machine(&mut self, name: &str) -> &mut Deployment {
        let found = self.machines.iter_mut().find(|(known, _)| *known == name);
        &mut found.unwrap().1
    }

    /// Kills one process while all lines call; starts it again; tells what it cost.
    fn kill(&mut self, victim: &'static str) {
        let held: Vec<(Way, Call)> = self
            .held
            .iter()
            .map(|(way, pair)| (*way, pair.call(&self.doors).unwrap()))
            .collect();
        let pairs: Vec<Pair> = self.lines.iter().map(|(_, pair)| pair.clone()).collect();
        let callers = Callers::start(&self.doors, &pairs, INTERVAL).unwrap();
        let began = Instant::now();
        pause(STEADY);
        let killed = Instant::now();
        self.machine(victim).kill().unwrap();
        let lost = use_held(held, victim);
        pause(STEADY + SOON);
        self.machine(victim).restart().unwrap();
        let back = Instant::now();
        pause(STEADY + SOON);
        let calls = callers.stop();
        let seconds = began.elapsed();
        let all: Vec<(Way, Vec<Attempt>)> =
            self.lines.iter().map(|line| line.0).zip(calls).collect();
        Report {
            victim,
            killed,
            back,
            seconds,
            soon: SOON + SLACK * typical(&all, killed),
        }
        .judge(&all, lost);
        for machine in [DIR01, DIR02] {
            let count = 2 * (self.lines.len() + self.held.len());
            wait_for_users(&self.site, machine, count);
        }
    }
}

/// Uses the calls that waited, both ways, and ends them; returns how many of those through the victim are lost.
fn use_held(held: Vec<(Way, Call)>, victim: &str) -> usize {
    let mut lost = 0;
    for (way, mut call) in held {
        let used = call
            .caller_asks("INFO", 200)
            .and_then(|_| call.callee_asks("INFO", 200))
            .and_then(|_| call.callee_asks("BYE", 200));
        if way.needs(victim) {
            lost += usize::from(used.is_err());
        } else {
            used.unwrap_or_else(|fault| panic!("{victim} was killed; a call {way:?}: {fault}"));
        }
    }
    lost
}

/// The moments of one kill.
struct Report {
    victim: &'static str,
    killed: Instant,
    back: Instant,
    seconds: Duration,
    /// Until when a new call has to have succeeded.
    soon: Duration,
}

impl Report {
    fn judge(&self, all: &[(Way, Vec<Attempt>)], held_lost: usize) {
        let calls: Vec<(Way, &Attempt)> = all
            .iter()
            .flat_map(|(way, calls)| calls.iter().map(|call| (*way, call)))
            .collect();
        calls
            .iter()
            .for_each(|(way, call)| self.judge_call(*way, call));
        let waited = WAYS.map(|way| self.first_after(way, &calls));
        let failed = calls.iter().filter(|(_, call)| call.fault.is_some());
        let (count, failed) = (u32::try_from(calls.len()).unwrap(), failed.count());
        say(&format!(
            "killed {} at {:.0} calls/s: {failed} of {count} calls failed, {held_lost} of {} waiting calls lost",
            self.victim,
            f64::from(count) / self.seconds.as_secs_f64(),
            HELD * WAYS.len(),
        ));
        for (way, waited) in WAYS.into_iter().zip(waited) {
            say(&format!(
                "  first new call {:<26} after {:>5} ms, allowed {} ms",
                way.words(),
                waited.as_millis(),
                self.soon.as_millis()
            ));
        }
    }

    /// Calls fail only if they may have gone through what died, and only if they began before it was made good.
    fn judge_call(&self, way: Way, call: &Attempt) {
        let Some(fault) = &call.fault else { return };
        let was_there = call.began + call.took >= self.killed;
        let may_fail =
            way.passes(self.victim) && was_there && call.began < self.made_good(way) + SOON;
        assert!(
            may_fail,
            "{} killed, {way:?}, {:?} after that: {fault}",
            self.victim,
            call.began.saturating_duration_since(self.killed)
        );
    }

    /// From when on new calls have somewhere to go: a machine without a second has to be back first.
    fn made_good(&self, way: Way) -> Instant {
        if self.victim == EDGE01 && way.needs(self.victim) {
            self.back
        } else {
            self.killed
        }
    }

    /// Returns how long it took until a call that began after the kill had succeeded.
    fn first_after(&self, way: Way, calls: &[(Way, &Attempt)]) -> Duration {
        let from = self.made_good(way);
        let after = calls
            .iter()
            .filter(|(other, call)| *other == way && call.began >= from && call.fault.is_none());
        let first = after.map(|(_, call)| call.began + call.took).min();
        let waited = first.map(|end| end.duration_since(from));
        let waited =
            waited.unwrap_or_else(|| panic!("{} killed, {way:?}: no call any more", self.victim));
        assert!(
            waited < self.soon,
            "{} killed, {way:?}: the first new call after {waited:?}",
            self.victim
        );
        waited
    }
}

/// Returns the median of how long a call took before a moment.
fn typical(all: &[(Way, Vec<Attempt>)], until: Instant) -> Duration {
    let calls = all.iter().flat_map(|(_, calls)| calls);
    let mut times: Vec<Duration> = calls
        .filter(|call| call.began + call.took < until)
        .map(|call| call.took)
        .collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Where phones find the machines, as the names of the topology would tell them.
fn doors(site: &Site) -> Doors {
    let mut names = Names::default();
    let mut entrances = [
        (
            "dirpool01.contoso.net",
            [DIR01, DIR02].as_slice(),
            flow::SIGN_IN,
        ),
        (OUTSIDE, &[EDGE01], flow::OUTSIDE),
        (FEPOOL01, &[FE01], flow::SIGN_IN),
        (FEPOOL02, &[FE02], flow::SIGN_IN),
    ]
    .map(|(name, machines, row)| {
        let mut port = 0;
        for machine in machines {
            let SocketAddr::V4(address) = site.address(machine, row) else {
                continue;
            };
            names.add(name, *address.ip());
            port = address.port();
        }
        Entrance {
            host: name.to_owned(),
            port,
        }
    })
    .into_iter();
    let (inside, outside) = (entrances.next().unwrap(), entrances.next().unwrap());
    Doors::new(site.phone_manner(), names, inside, outside)
}

/// Users of each pool in turn.
struct UsersOf {
    first: Vec<User>,
    second: Vec<User>,
    count: usize,
}

impl UsersOf {
    fn import(site: &Site, count: usize) -> Self {
        let [first, second] = site.import_into([FEPOOL01, FEPOOL02], [count / 2; 2]);
        Self {
            first,
            second,
            count,
        }
    }

    fn next(&mut self, pool: &str) -> User {
        let users = if pool == FEPOOL01 {
            &mut self.first
        } else {
            &mut self.second
        };
        users.pop().unwrap()
    }
}

fn wait_for_users(site: &Site, machine: &str, count: usize) {
    let knows_all = || (site.report(machine).directory?.users == count).then_some(());
    assert!(
        wait::until(PATIENCE, knows_all).is_some(),
        "{machine} has no copy of the directory"
    );
}

/// Lets the callers call for a while: this is the load itself, nothing is awaited.
fn pause(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::thread::park_timeout(end.saturating_duration_since(Instant::now()));
    }
}

/// Tells past the capture of the harness: a report is for who runs the test, passed or not.
fn say(line: &str) {
    use std::io::Write as _;
    // There is nobody to tell when the error output is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[test]
fn any_one_process_is_killed_in_the_middle_of_two_hundred_calls_a_second() {
    let mut trial = Trial::start();
    for victim in [DIR01, DIR02, EDGE01, FE02, FE01] {
        trial.kill(victim);
    }
}
