//! What loading the planned rules would change, rule by rule, in words.

use firewall::loaded::{ChainComparison, Comparison, Rule};
use serde_json::{Value, json};

use super::kernel::Beside;
use crate::output::Output;

/// Says on one line how what is loaded stands to what is planned.
pub(super) fn head(
    beside: &Beside,
    comparison: &Comparison<'_>,
    output: &Output,
) -> anyhow::Result<()> {
    let stands = if beside.loaded.is_none() {
        "no rules of ours are loaded"
    } else if comparison.is_same() {
        "the rules are loaded as planned"
    } else {
        "what is loaded is not what is planned"
    };
    output.line(format!("{}: {stands}", beside.place))
}

/// Prints what would change.
pub(super) fn print(comparison: &Comparison<'_>, output: &Output) -> anyhow::Result<()> {
    let mut all = comparison.chains.iter().flat_map(lines);
    all.try_for_each(|line| output.line(line))
}

/// What changes in one chain, each on a line of its own.
fn lines(chain: &ChainComparison<'_>) -> Vec<String> {
    let way = way(chain);
    let mut lines = Vec::new();
    if !chain.is_hung {
        lines.push(if chain.pairs.is_empty() {
            format!("- {way}: the chain {} goes", chain.name)
        } else {
            format!("+ {way}: everything is dropped that no rule lets pass")
        });
    }
    let added = chain.pairs.iter().filter(|pair| pair.loaded.is_none());
    lines.extend(added.map(|pair| format!("+ {way}, {}", told(pair.planned))));
    lines.extend(
        chain
            .beyond
            .iter()
            .map(|rule| format!("- {way}, {}", told(rule))),
    );
    if chain.is_reordered {
        lines.push(format!("~ {way}: rules stand in another order"));
    }
    lines
}

/// The way of a chain's packets; the name of a chain that hangs where none of ours does.
pub(super) fn way<'a>(chain: &ChainComparison<'a>) -> &'a str {
    chain
        .direction
        .map_or(chain.name, |direction| direction.name())
}

/// What a rule is for and what it does.
pub(super) fn told(rule: &Rule) -> String {
    if rule.comment.is_empty() {
        rule.words()
    } else {
        format!("{}: {}", rule.comment, rule.words())
    }
}

/// The same for programs.
pub(super) fn json(comparison: &Comparison<'_>) -> Value {
    let rule = |chain: &ChainComparison<'_>, rule: &Rule| json!({ "way": way(chain), "comment": rule.comment, "does": rule.words() });
    let each = |chain: &ChainComparison<'_>| {
        let added = chain.pairs.iter().filter(|pair| pair.loaded.is_none());
        let added: Vec<Value> = added.map(|pair| rule(chain, pair.planned)).collect();
        let removed: Vec<Value> = chain.beyond.iter().map(|one| rule(chain, one)).collect();
        (added, removed)
    };
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for chain in &comparison.chains {
        let (more, less) = each(chain);
        added.extend(more);
        removed.extend(less);
    }
    let ways = |is: fn(&ChainComparison<'_>) -> bool| -> Vec<&str> {
        comparison
            .chains
            .iter()
            .filter(|chain| is(chain))
            .map(way)
            .collect()
    };
    json!({
        "added": added,
        "removed": removed,
        "reordered": ways(|chain| chain.is_reordered),
        "hung_anew": ways(|chain| !chain.is_hung),
    })
}
