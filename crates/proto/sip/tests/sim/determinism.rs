//! The same seed gives the same bytes.

use crate::deployment::{Deployment, EDGE_OUTSIDE, FE1};
use crate::phone::Phone;
use sip::msg::Method;
use std::time::Duration;

fn story(seed: u8) -> Vec<u8> {
    let mut d = Deployment::new(seed);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    let mut bob = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    bob.register(&mut d, "");
    let dir1 = d.dir1;
    d.world.kill(dir1);
    bob.request_with_credentials(&mut d, "INVITE", "alice");
    let invite = alice.wait_request(&mut d, Method::Invite);
    alice.answer(&mut d, &invite, 486);
    bob.wait_final(&mut d, Method::Invite);
    d.world.run_for(Duration::from_secs(40));
    d.world.trace().to_vec()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
}
