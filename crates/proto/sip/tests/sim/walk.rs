//! Random walks of `model`: whatever comes into their heads.

use base::random::Random;
use model::walk::walk;
use sip::config::InternalSignIn;

const SEEDS: u8 = 30;

#[test]
fn whatever_phones_and_machines_do_everything_is_answered_and_nothing_is_left() {
    for seed in 0..SEEDS {
        let mut random = Random::new([seed; 32]);
        let internal = [InternalSignIn::Proxy, InternalSignIn::Redirect][random.below(2)];
        walk(&mut random, seed, internal, &format!("seed {seed}"));
    }
}
