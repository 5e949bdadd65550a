//! What rules say of themselves, whichever filter they are for.

use topology::flows::{Carrier, TABLE};

use crate::plan::{Admit, Rate};

/// nftables keeps 127 bytes of a comment, the others more.
const COMMENT_MAX: usize = 120;

/// How many sources a filter remembers the rates of.
pub(super) const SOURCES_MAX: u32 = 65_535;

/// Returns the comment of a rule: its row, what that is for, and the rows that it serves as well.
pub(super) fn comment(admit: &Admit) -> String {
    let mut text = format!("flow {}: {}", admit.flow, purpose(admit));
    for (number, flow) in admit.also.iter().enumerate() {
        let word = format!("{} {flow}", if number == 0 { "; also" } else { "," });
        if text.len() + word.len() <= COMMENT_MAX {
            text.push_str(&word);
        }
    }
    text
}

/// Returns what the row of a rule is for.
pub(super) fn purpose(admit: &Admit) -> &'static str {
    let flow = TABLE.iter().find(|flow| flow.id == admit.flow);
    flow.map_or("", |flow| flow.purpose.en)
}

/// Returns the word of a carrier.
pub(super) const fn carrier(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Tcp => "tcp",
        Carrier::Udp => "udp",
    }
}

/// Returns after how many seconds of silence a source is as good as new, and need not be remembered.
pub(super) fn seconds(rate: Rate) -> u32 {
    rate.burst.div_ceil(rate.per_second.max(1)).max(1)
}
