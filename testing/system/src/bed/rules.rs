//! Packet filters in the namespaces of a bed: loaded, read back, taken away, one rule at a time where a test wants that.
//!
//! The kernel is asked by `nft`, as an operator would ask it; what is read is what the kernel has, not what was loaded.

use std::io;

use serde_json::Value;

use super::Namespace;

/// A rule as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The family and the name of its table.
    pub table: [String; 2],
    /// Its chain.
    pub chain: String,
    /// The number by which it can be deleted.
    pub handle: u64,
    /// What is written beside it.
    pub comment: String,
    /// How many packets it has counted, if it counts.
    pub packets: Option<u64>,
}

impl Rule {
    /// Returns the row of the flow table whose rule this is: its comment begins with `flow N`.
    #[must_use]
    pub fn flow(&self) -> Option<u8> {
        let number = self.comment.strip_prefix("flow ")?;
        let end = number.find(|c: char| !c.is_ascii_digit());
        number.get(..end.unwrap_or(number.len()))?.parse().ok()
    }

    fn read(item: &Value) -> Option<Self> {
        let rule = item.get("rule")?;
        let word = |key: &str| rule.get(key)?.as_str().map(str::to_owned);
        let mut parts = rule.get("expr")?.as_array()?.iter();
        let counted = parts.find_map(|part| part.get("counter")?.get("packets")?.as_u64());
        Some(Self {
            table: [word("family")?, word("table")?],
            chain: word("chain")?,
            handle: rule.get("handle")?.as_u64()?,
            comment: word("comment").unwrap_or_default(),
            packets: counted,
        })
    }
}

impl Namespace {
    /// Loads rules, written as `nft -f` reads them.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses them.
    pub fn load(&self, rules: &str) -> io::Result<()> {
        self.run("nft", &["-f", "-"], rules).map(drop)
    }

    /// Takes all rules away.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses.
    pub fn unload(&self) -> io::Result<()> {
        self.load("flush ruleset\n")
    }

    /// Returns everything that the kernel has of packet filters, as JSON.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses.
    pub fn ruleset(&self) -> io::Result<Value> {
        let output = self.run("nft", &["-j", "list", "ruleset"], "")?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Returns the rules in their order.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses.
    pub fn rules(&self) -> io::Result<Vec<Rule>> {
        let all = self.ruleset()?;
        let items = all.get("nftables").and_then(Value::as_array);
        Ok(items.into_iter().flatten().filter_map(Rule::read).collect())
    }

    /// Takes one rule away.
    ///
    /// # Errors
    /// With the words of `nft` when it refuses.
    pub fn delete(&self, rule: &Rule) -> io::Result<()> {
        let [family, table] = &rule.table;
        let (chain, handle) = (&rule.chain, rule.handle);
        self.load(&format!(
            "delete rule {family} {table} {chain} handle {handle}\n"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn a_rule_says_of_which_flow_it_is() {
        let text = r#"{"rule":{"family":"inet","table":"vestibule","chain":"input","handle":7,"comment":"flow 14: sign-in",
            "expr":[{"match":{}},{"counter":{"packets":3,"bytes":180}},{"accept":null}]}}"#;
        let rule = Rule::read(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(
            (rule.flow(), rule.packets, rule.handle),
            (Some(14), Some(3), 7)
        );
        let basic = Rule {
            comment: "basic rest".to_owned(),
            ..rule
        };
        assert_eq!(basic.flow(), None);
    }
}
