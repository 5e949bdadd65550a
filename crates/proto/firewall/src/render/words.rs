//! What rules say of themselves, whichever filter they are for.

use topology::flows::TABLE;

use crate::plan::Admit;

/// nftables keeps 127 bytes of a comment, the others more.
const COMMENT_MAX: usize = 120;

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
