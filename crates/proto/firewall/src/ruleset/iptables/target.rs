//! What a rule of `iptables-save` does with a packet that fits.

use super::rule::Words;
use crate::ruleset::fault::LineFault;
use crate::ruleset::{Step, Verdict};

/// Reads a target with its options.
pub(super) fn of(words: &mut Words<'_>, is_goto: bool) -> Result<Option<Step>, LineFault> {
    let name = words.value(if is_goto { "-g" } else { "-j" })?;
    let options = words.skip_module();
    let all = format!("{name} {options}");
    let all = all.trim_end().to_owned();
    Ok(Some(match name {
        "ACCEPT" => Step::Decide(Verdict::Accept),
        "DROP" => Step::Decide(Verdict::Drop),
        "REJECT" => Step::Decide(Verdict::Reject),
        "RETURN" => Step::Decide(Verdict::Return),
        // None of these decides, or changes what later rules see.
        "LOG" | "NFLOG" | "ULOG" | "TRACE" | "AUDIT" | "CHECKSUM" | "CLASSIFY" | "CONNSECMARK"
        | "DSCP" | "ECN" | "HL" | "IDLETIMER" | "LED" | "RATEEST" | "SECMARK" | "SET"
        | "TCPMSS" | "TCPOPTSTRIP" | "TEE" | "TOS" | "TTL" => return Ok(None),
        "CONNMARK" if !options.contains("--restore-mark") => return Ok(None),
        "MARK" | "CONNMARK" | "HMARK" => Step::Mark(all),
        "DNAT" | "REDIRECT" | "NETMAP" => Step::Destination(all),
        "SNAT" | "MASQUERADE" => Step::Source(all),
        "NOTRACK" => Step::Untrack,
        "CT" if options.contains("--notrack") => Step::Untrack,
        "CT" => return Ok(None),
        "TPROXY" => Step::Change(all),
        "QUEUE" | "NFQUEUE" => Step::Beyond {
            name: all,
            goes_on: false,
        },
        "SYNPROXY" => Step::Beyond {
            name: all,
            goes_on: true,
        },
        _ if is_goto => Step::Decide(Verdict::Goto(name.to_owned())),
        _ => Step::Decide(Verdict::Jump(name.to_owned())),
    }))
}
