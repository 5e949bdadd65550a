//! What a phone that is signed in and silent costs a server in memory: connection, TLS, binding, all in.
//!
//! Pages that several processes of a server share are counted once (the kernel's proportional set size). What the kernel
//! keeps for sockets is in no figure: it is the same for all.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tokio::time::sleep;

use crate::cpu::Tree;
use crate::peer::{Name, Server};
use crate::phone::{Phone, Work};

/// Between two looks at a server's memory.
const PAUSE: Duration = Duration::from_millis(200);
/// Memory is at rest when it has not moved by more than this part of it in so many looks.
const STEADY: u64 = 200;
const LOOKS: usize = 3;
/// Looks after which the last one counts, at rest or not.
const MOST_LOOKS: usize = 50;

/// The figures of one server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MemoryRow {
    /// Whose.
    pub(crate) server: Name,
    /// Phones that signed in and stayed.
    pub(crate) phones: usize,
    /// The server's memory before, bytes.
    pub(crate) before: u64,
    /// And with them.
    pub(crate) after: u64,
}

impl MemoryRow {
    /// Bytes for each phone.
    pub(crate) fn each(&self) -> u64 {
        let phones = u64::try_from(self.phones.max(1)).unwrap_or(u64::MAX);
        self.after.saturating_sub(self.before) / phones
    }
}

/// Signs phones in, one after the other, and looks at the server's memory before and after; then stops the server.
///
/// # Errors
/// A phone cannot sign in, or the server is gone.
pub(crate) async fn measure(
    name: Name,
    server: Server,
    phones: usize,
) -> anyhow::Result<MemoryRow> {
    let trees = server.trees();
    let before = at_rest(&trees).await?;
    let mut idle = Vec::with_capacity(phones);
    for number in 0..phones {
        let mut phone = Phone::connect(&server.target, number, Work::Register).await?;
        phone.work(Work::Register).await?;
        idle.push(phone);
    }
    let after = at_rest(&trees).await?;
    for phone in idle {
        phone.hang_up().await;
    }
    server.stop().await;
    Ok(MemoryRow {
        server: name,
        phones,
        before,
        after,
    })
}

/// Returns the memory of a server once it moves no more.
async fn at_rest(trees: &[Tree]) -> anyhow::Result<u64> {
    let mut last = held(trees)?;
    let mut steady = 0;
    for _ in 0..MOST_LOOKS {
        sleep(PAUSE).await;
        let held = held(trees)?;
        steady = if held.abs_diff(last) <= last / STEADY {
            steady + 1
        } else {
            0
        };
        last = held;
        if steady == LOOKS {
            break;
        }
    }
    Ok(last)
}

fn held(trees: &[Tree]) -> anyhow::Result<u64> {
    let mut sum = 0;
    for tree in trees {
        for pid in tree.members()? {
            let path = format!("/proc/{pid}/smaps_rollup");
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
            sum += proportional(&text).with_context(|| format!("{path} has no Pss"))?;
        }
    }
    Ok(sum)
}

fn proportional(rollup: &str) -> Option<u64> {
    let value = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes = value.trim().strip_suffix("kB")?;
    Some(1024 * kilobytes.trim().parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::{held, proportional};
    use crate::cpu::Tree;

    #[test]
    fn what_a_process_holds_is_seen_to_grow() {
        let me = [Tree::of(std::process::id())];
        let before = held(&me).expect("the kernel tells");
        let block = vec![1_u8; 32 << 20];
        let after = held(&me).expect("the kernel tells");
        assert!(after - before > 30 << 20, "{before} and {after}");
        assert!(block.iter().all(|byte| *byte == 1));
    }

    #[test]
    fn the_proportional_size_is_read_in_bytes() {
        let text = "Rss:     100 kB\nPss:      12 kB\nPss_Anon:  7 kB\n";
        assert_eq!(proportional(text), Some(12 * 1024));
        assert_eq!(proportional("Rss: 1 kB\n"), None);
    }
}
