//! Time for the machine and the alarms: one timer per worker.
//!
//! The timer is only ever moved forward when something is due earlier; when it goes off with nothing due, it is set
//! anew. So a machine whose deadline changes with every message costs no timer operation per message.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

use super::Plug;
use super::hub::{Change, Hub};

/// Ticks for ever.
pub(crate) async fn tick_for_ever<P: Plug>(hub: Rc<Hub<P>>) {
    let net = Rc::clone(&hub.net);
    loop {
        let mut sleep = pin!(sleep_until(Instant::now()));
        let mut set_for = None;
        poll_fn(|cx| {
            let Some(armed) = net.armed(cx) else {
                return Poll::Pending;
            };
            if set_for != Some(armed) {
                set_for = Some(armed);
                sleep
                    .as_mut()
                    .reset(Instant::from_std(net.clock().instant(armed)));
            }
            sleep.as_mut().poll(cx)
        })
        .await;
        net.disarm();
        if let Some(next) = net.ring() {
            net.arm(next);
        }
        hub.end_silent_pairs();
        hub.change(Change::Tick);
    }
}
