//! Walks: phones and machines that do what somebody chooses, chance or a fuzzer. Whatever it was, each call is answered
//! in the end, and once time has passed no machine holds anything for it, nor any subscription or publication.

use std::time::Duration;

use base::random::Random;
use sip::config::{InternalSignIn, Offline};
use testkit::HostId;

use crate::deployment::{Deployment, NodeHost};
use crate::gateway::Gateway;
use crate::rest::nothing_is_left;
use crate::robot::Robot;

const STEPS: usize = 120;
const PHONES: usize = 8;
/// What half of the deployments keep of messages: little, so that the bounds are met.
const KEEPS: Offline = Offline {
    keep: Duration::from_secs(60),
    per_user: 3,
    message: 4_000,
};

/// Who chooses.
pub trait Choices {
    /// Chooses a number below `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize;

    /// Tells whether there is no more to choose.
    fn is_over(&self) -> bool;
}

impl Choices for Random {
    fn below(&mut self, bound: usize) -> usize {
        Self::below(self, bound)
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// Walks once; `what` names the walk when something is wrong.
///
/// # Panics
/// When a call stays without answer or a machine holds something at the end.
pub fn walk(choices: &mut impl Choices, seed: u8, internal: InternalSignIn, what: &str) {
    let mut d = if seed & 2 == 0 {
        Deployment::with(seed, internal)
    } else {
        Deployment::keeping(seed, internal, KEEPS)
    };
    let mut gateway = Gateway::new(&mut d);
    let mut robots: Vec<Robot> = Vec::new();
    let mut dead = Vec::new();
    for _ in 0..STEPS {
        if choices.is_over() {
            break;
        }
        step(&mut d, choices, &mut robots, &mut dead);
        let wait = [0, 1, 5, 50, 2_000, 20_000][choices.below(6)];
        d.world.run_for(Duration::from_millis(wait));
        for robot in &mut robots {
            robot.react(&mut d, choices);
        }
        gateway.react(&mut d, choices);
    }
    // Machines do not die for ever, and people hang up.
    for (id, host) in dead {
        d.restart(id, host);
    }
    for _ in 0..40 {
        d.world.run_for(Duration::from_secs(10));
        for robot in &mut robots {
            robot.react(&mut d, choices);
        }
        gateway.react(&mut d, choices);
    }
    for robot in &robots {
        if d.world.is_open(robot.phone.flow) {
            let left = robot.unanswered();
            assert!(
                left.is_empty(),
                "{what}: {} was never answered: {left:?}",
                robot.phone.user
            );
        }
    }
    nothing_is_left(&mut d, what);
    for id in [d.edge, d.dir1, d.dir2, d.fe1, d.fe2] {
        if let Some(host) = d.world.host(id) {
            let stats = host.node.stats();
            let counts = (stats.subscriptions, stats.publications);
            assert_eq!(counts, (0, 0), "{what}: {id:?} keeps event state");
        }
    }
}

fn step(
    d: &mut Deployment,
    choices: &mut impl Choices,
    robots: &mut Vec<Robot>,
    dead: &mut Vec<(HostId, NodeHost)>,
) {
    match choices.below(16) {
        0 => upset(d, choices, dead),
        1 if !robots.is_empty() => {
            let gone = robots.remove(choices.below(robots.len()));
            d.world.close(gone.phone.flow);
        }
        2..=4 if robots.len() < PHONES => robots.push(Robot::new(d, choices)),
        _ if !robots.is_empty() => {
            let at = choices.below(robots.len());
            robots[at].act(d, choices);
        }
        _ => {}
    }
}

/// A machine dies or comes back.
fn upset(d: &mut Deployment, choices: &mut impl Choices, dead: &mut Vec<(HostId, NodeHost)>) {
    if !dead.is_empty() && choices.below(3) > 0 {
        let (id, host) = dead.remove(choices.below(dead.len()));
        return d.restart(id, host);
    }
    let id = [d.edge, d.dir1, d.dir2, d.fe1, d.fe2][choices.below(5)];
    if let Some(host) = d.world.kill(id) {
        dead.push((id, host));
    }
}
