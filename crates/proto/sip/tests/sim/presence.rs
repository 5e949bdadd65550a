//! Whose presence counts, for how long, and who may see it.

use crate::deployment::{Deployment, EDGE_OUTSIDE, FE1};
use crate::events::{ask, notified, publication, says, signed_in, subscribe};
use crate::phone::Phone;
use sip::config::InternalSignIn;

const OPEN: &str = "<basic>open</basic>";
const CLOSED: &str = "<basic>closed</basic>";

#[test]
fn what_a_phone_published_twice_ends_when_it_signs_out() {
    for (seed, at) in (0..).zip([FE1, EDGE_OUTSIDE]) {
        let d = &mut Deployment::with(seed, InternalSignIn::Proxy);
        let mut alice = signed_in(d, "alice", FE1);
        let mut bob = signed_in(d, "bob", at);
        for basic in ["closed", "open"] {
            let kept = ask(d, &mut bob, "PUBLISH", "bob", &publication(basic));
            assert_eq!(kept.status(), 200);
        }
        assert_eq!(d.world.host(d.fe1).unwrap().node.stats().publications, 1);
        subscribe(d, &mut alice, "bob", "presence");
        let first = notified(d, &mut alice);
        assert!(says(&first, OPEN) && !says(&first, CLOSED), "the newest");
        assert_eq!(bob.register(d, "Expires: 0\n").status(), 200);
        let gone = notified(d, &mut alice);
        assert!(says(&gone, CLOSED) && !says(&gone, OPEN), "at {at}");
        assert_eq!(d.world.host(d.fe1).unwrap().node.stats().publications, 0);
    }
}

#[test]
fn two_phones_that_use_one_tuple_id_are_told_apart_and_each_ends_alone() {
    let d = &mut Deployment::with(3, InternalSignIn::Proxy);
    let mut alice = signed_in(d, "alice", FE1);
    let mut bob = signed_in(d, "bob", FE1);
    let mut other = Phone::connect(d, "bob", FE1);
    assert_eq!(other.register(d, "").status(), 200);
    ask(d, &mut bob, "PUBLISH", "bob", &publication("open"));
    ask(d, &mut other, "PUBLISH", "bob", &publication("closed"));
    subscribe(d, &mut alice, "bob", "presence");
    let both = notified(d, &mut alice);
    assert!(says(&both, OPEN) && says(&both, CLOSED));
    bob.register(d, "Expires: 0\n");
    let one = notified(d, &mut alice);
    assert!(says(&one, CLOSED) && !says(&one, OPEN));
}
