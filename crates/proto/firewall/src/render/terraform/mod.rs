//! Security groups of AWS as Terraform JSON: one group for each machine, or one for each face of a machine that has two.
//!
//! A group belongs to a network interface. What is in it is the plan's In and Out of the addresses there; that answers pass is
//! how security groups work. What they cannot say, and the file therefore does not: rates of strangers; that a source must
//! *not* be somebody, so strangers are written as any address; the boundaries, which are no machines; and counters. For
//! these the rules of the machine itself stay useful.
//!
//! Bounds: AWS takes 60 rules for each direction and family of a group unless asked for more. Groups beyond that are
//! written and named in [`Rendered::beyond`].

mod faces;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::Family;
use crate::plan::{Direction, Place, Plan, Rules};

use faces::{Face, Rule};

/// How many rules of one direction and family a group has by the usual quota.
pub const RULES_MAX: usize = 60;
/// How long names and descriptions may be.
const TEXT_MAX: usize = 255;

/// The file, and what AWS would refuse in it.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The configuration.
    pub json: Value,
    /// Groups with more rules than the usual quota.
    pub beyond: Vec<Beyond>,
}

/// A group with too many rules of one direction and family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// The name of the group.
    pub group: String,
    /// In or Out.
    pub direction: Direction,
    /// IPv4 or IPv6.
    pub family: Family,
    /// How many rules it has.
    pub rules: usize,
}

/// Returns the groups of these machines; a boundary has none.
#[must_use]
pub fn render(plan: &Plan, places: &[&Rules]) -> Rendered {
    let mut file = File::default();
    for rules in places {
        let Place::Machine(name) = &rules.place else {
            continue;
        };
        let faces = faces::of(plan, rules);
        let both = faces.len() > 1;
        for face in faces {
            let name = if both {
                format!("{name} {}", face.word)
            } else {
                name.to_string()
            };
            file.add(&name, plan, rules, &face);
        }
    }
    file.rendered()
}

#[derive(Default)]
struct File {
    groups: Map<String, Value>,
    ingress: Map<String, Value>,
    egress: Map<String, Value>,
    outputs: Map<String, Value>,
    counts: BTreeMap<(String, Direction, Family), usize>,
}

impl File {
    fn add(&mut self, name: &str, plan: &Plan, rules: &Rules, face: &Face) {
        let key = key(name);
        let group = json!({
            "name": text(&format!("vestibule {name}")),
            "description": text(&format!("What {name} has to let pass, written by vestibule")),
            "vpc_id": "${var.vpc_id}",
            "tags": { "Name": text(&format!("vestibule {name}")) },
        });
        self.groups.insert(key.clone(), group);
        self.outputs.insert(
            name.to_owned(),
            json!(format!("${{aws_security_group.{key}.id}}")),
        );
        for chain in &rules.chains {
            for rule in faces::rules(plan, chain, face) {
                self.rule(name, &key, chain.direction, &rule);
            }
        }
    }

    fn rule(&mut self, name: &str, group: &str, direction: Direction, rule: &Rule) {
        let id = (name.to_owned(), direction, rule.family);
        *self.counts.entry(id).or_default() += 1;
        let cidr = match rule.family {
            Family::V4 => "cidr_ipv4",
            Family::V6 => "cidr_ipv6",
        };
        let value = json!({
            "security_group_id": format!("${{aws_security_group.{group}.id}}"),
            "description": text(&rule.description),
            "ip_protocol": rule.protocol,
            "from_port": rule.from,
            "to_port": rule.to,
            (cidr): rule.peer,
        });
        let peer = rule.peer.replace(['.', ':', '/'], "-");
        let key = format!("{group}_{}_{}_{}_{peer}", rule.protocol, rule.from, rule.to);
        match direction {
            Direction::In | Direction::Through => self.ingress.insert(key, value),
            Direction::Out => self.egress.insert(key, value),
        };
    }

    fn rendered(self) -> Rendered {
        let beyond = self
            .counts
            .into_iter()
            .filter(|(_, rules)| *rules > RULES_MAX);
        let beyond = beyond.map(|((group, direction, family), rules)| Beyond {
            group,
            direction,
            family,
            rules,
        });
        let json = json!({
            "//": "Written by vestibule from a topology. A group belongs to the network interface that has the addresses of its machine.",
            "terraform": { "required_providers": { "aws": { "source": "hashicorp/aws", "version": ">= 4.56.0" } } },
            "variable": { "vpc_id": { "type": "string", "description": "The VPC of the machines." } },
            "resource": {
                "aws_security_group": self.groups,
                "aws_vpc_security_group_ingress_rule": self.ingress,
                "aws_vpc_security_group_egress_rule": self.egress,
            },
            "output": { "security_group_ids": { "description": "The group of each machine or face.", "value": self.outputs } },
        });
        Rendered {
            json,
            beyond: beyond.collect(),
        }
    }
}

/// A name by which Terraform knows something: it has no dots or blanks and begins with a letter.
fn key(name: &str) -> String {
    let fits = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let key: String = name.chars().map(fits).collect();
    if key.starts_with(|c: char| c.is_ascii_alphabetic()) {
        key
    } else {
        format!("m_{key}")
    }
}

/// A text of the characters and the length that AWS takes in names and descriptions.
fn text(text: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(*c);
    text.chars().filter(fits).take(TEXT_MAX).collect()
}
