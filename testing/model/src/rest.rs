//! What must be true when all is over.

use std::time::Duration;

use sip::Pending;

use crate::deployment::Deployment;

/// Longer than any call rings and any transaction lasts after it.
const AFTERWARDS: Duration = Duration::from_secs(300);

/// Lets time pass until nobody waits for anything, and checks that no machine does.
///
/// # Panics
/// When one holds something.
pub fn nothing_is_left(d: &mut Deployment, what: &str) {
    d.world.run_for(AFTERWARDS);
    for id in [d.edge, d.dir1, d.dir2, d.fe1, d.fe2] {
        if let Some(host) = d.world.host(id) {
            assert_eq!(
                host.node.pending(),
                Pending::default(),
                "{what}: {id:?} {:?}",
                host.node.stats()
            );
        }
    }
}
