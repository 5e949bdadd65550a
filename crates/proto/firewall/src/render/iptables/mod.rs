//! iptables: the whole table `filter` of one family, as `iptables-restore` and `ip6tables-restore` load it.
//!
//! Unlike nftables it knows no tables of one's own, so a load replaces whatever else is in `filter`; other tables stay. It
//! happens in one step, and again and again. What is not the plan's: on a machine nothing is forwarded, on a boundary
//! its own traffic passes.
//!
//! It knows no sets either (ipset is another program with another life). A rule with several sources becomes a chain of
//! its own, so that their number is added to that of the destinations and not multiplied; "all but" becomes RETURN.
//! Comments are those of nftables; what leads to a chain is commented `for flow N`, what leaves it `not for flow N`. Where a source finds no room among those whose rate is remembered, the kernel drops
//! what it sends: here a flood of false addresses costs other strangers time, with nftables it does not.

mod basics;
mod flows;

use crate::Family;
use crate::plan::{Basic, Chain, Direction, Rules};

/// The lines of the table, in the order of `iptables-save`: chains first, then the rules of each.
#[derive(Default)]
struct Filter {
    /// Chains of ours beside those of the kernel, each with its rules.
    own: Vec<(String, Vec<String>)>,
    /// Rules of the kernel's chains.
    rules: Vec<String>,
}

/// Returns the rules of a place for one family.
#[must_use]
pub fn text(rules: &Rules, family: Family) -> String {
    let program = match family {
        Family::V4 => "iptables-restore",
        Family::V6 => "ip6tables-restore",
    };
    let mut lines = vec![
        format!(
            "# The rules of {}, written by vestibule for {program}. Loading replaces the table filter.",
            rules.place
        ),
        "*filter".to_owned(),
    ];
    let mut filter = Filter::default();
    for chain in &rules.chains {
        filter.fill(chain, family);
    }
    // In the order in which they are saved again.
    filter.own.sort();
    for direction in [Direction::In, Direction::Through, Direction::Out] {
        lines.push(format!(
            ":{} {} [0:0]",
            builtin(direction),
            policy(rules, direction)
        ));
    }
    lines.extend(
        filter
            .own
            .iter()
            .map(|(name, _)| format!(":{name} - [0:0]")),
    );
    lines.extend(filter.rules);
    lines.extend(filter.own.into_iter().flat_map(|(_, rules)| rules));
    lines.push("COMMIT\n".to_owned());
    lines.join("\n")
}

impl Filter {
    fn fill(&mut self, chain: &Chain, family: Family) {
        let name = builtin(chain.direction);
        let before = |basic: &Basic| *basic != Basic::Rest;
        for basic in Basic::ALL.into_iter().filter(before) {
            self.rules
                .extend(basics::rules(basic, chain.direction, family));
        }
        for admit in chain.admits.iter().filter(|admit| admit.family == family) {
            flows::add(self, name, admit);
        }
        self.rules
            .extend(basics::rules(Basic::Rest, chain.direction, family));
    }
}

/// Returns the kernel's name of a chain.
const fn builtin(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "INPUT",
        Direction::Out => "OUTPUT",
        Direction::Through => "FORWARD",
    }
}

/// What becomes of packets that no rule decides: dropped where the plan has rules, and a machine passes nothing on.
fn policy(rules: &Rules, direction: Direction) -> &'static str {
    if rules.chain(direction).is_some() || direction == Direction::Through {
        "DROP"
    } else {
        "ACCEPT"
    }
}
