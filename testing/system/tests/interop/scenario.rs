//! What two phones do with each other, the same whoever stands between them.

use system::phones::{Event, Phone};

/// One call from ringing to its end.
pub(crate) fn talk(caller: &mut dyn Phone, callee: &mut dyn Phone, uri: &str, caller_ends: bool) {
    caller.call(uri).unwrap();
    callee.wait_for(&Event::Incoming).unwrap();
    caller.wait_for(&Event::Ringing).unwrap();
    callee.answer().unwrap();
    caller.wait_for(&Event::Established).unwrap();
    callee.wait_for(&Event::Established).unwrap();
    if caller_ends {
        caller.hang_up().unwrap()
    } else {
        callee.hang_up().unwrap()
    }
    caller.wait_for(&Event::Ended).unwrap();
    callee.wait_for(&Event::Ended).unwrap();
}

/// A call that is given up while it rings.
pub(crate) fn cancel(caller: &mut dyn Phone, callee: &mut dyn Phone, uri: &str) {
    caller.call(uri).unwrap();
    callee.wait_for(&Event::Incoming).unwrap();
    caller.wait_for(&Event::Ringing).unwrap();
    caller.hang_up().unwrap();
    caller.wait_for(&Event::Ended).unwrap();
    callee.wait_for(&Event::Ended).unwrap();
}

/// A call that the callee does not take.
pub(crate) fn reject(caller: &mut dyn Phone, callee: &mut dyn Phone, uri: &str) {
    caller.call(uri).unwrap();
    callee.wait_for(&Event::Incoming).unwrap();
    caller.wait_for(&Event::Ringing).unwrap();
    callee.hang_up().unwrap();
    caller
        .wait_for(&Event::Refused(callee.rejects_with()))
        .unwrap();
}

/// A text that arrives as it was sent.
pub(crate) fn message(from: &mut dyn Phone, to: &mut dyn Phone, uri: &str, text: &str) {
    from.send_message(uri, text).unwrap();
    to.wait_for(&Event::Message(text.to_owned())).unwrap();
}
