//! Options of match modules.
//!
//! The names of options are their modules' own, so most are known without the module. An option that is not known
//! belongs to the module that was named last and is kept under its name, with all that follows of that module.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::rule::{Words, bad};
use crate::packet::{State, protocol};
use crate::ruleset::fault::LineFault;
use crate::ruleset::{End, Kind, Note, Step, Test, names};
use crate::space::Field;
use crate::{Family, addresses};

/// What earlier options of the rule say about later ones.
pub(super) struct Context {
    family: Family,
    /// The protocol of `-p`.
    pub(super) protocol: Option<u8>,
    module: String,
    /// Modules that were named and have not been asked anything yet.
    silent: Vec<String>,
}

impl Context {
    pub(super) const fn new(family: Family) -> Self {
        Self {
            family,
            protocol: None,
            module: String::new(),
            silent: Vec::new(),
        }
    }

    /// Enters a module.
    pub(super) fn enter(&mut self, module: &str) {
        module.clone_into(&mut self.module);
        self.silent.push(self.module.clone());
    }

    /// What modules ask that were named without an option.
    pub(super) fn before(&self) -> Vec<Step> {
        /// Modules that ask nothing by themselves.
        const QUIET: [&str; 10] = [
            "tcp", "udp", "sctp", "dccp", "udplite", "icmp", "icmp6", "comment", "limit",
            "addrtype",
        ];
        let asking = self.silent.iter().filter(|m| !QUIET.contains(&m.as_str()));
        asking
            .map(|module| Step::Ask(Test::Beyond(format!("module {module}"))))
            .collect()
    }

    /// Reads an option with its values.
    pub(super) fn option(
        &mut self,
        option: &str,
        words: &mut Words<'_>,
        notes: &mut Vec<Note>,
    ) -> Result<Test, LineFault> {
        self.silent.retain(|module| *module != self.module);
        Ok(match option {
            "--comment" => {
                words.value(option)?;
                Test::ALWAYS
            }
            "--sport" | "--source-port" | "--sports" | "--source-ports" => {
                self.carried(ports(&[Field::SourcePort], option, words.value(option)?)?)
            }
            "--dport" | "--destination-port" | "--dports" | "--destination-ports" => self.carried(
                ports(&[Field::DestinationPort], option, words.value(option)?)?,
            ),
            "--ports" => {
                let both = [Field::SourcePort, Field::DestinationPort];
                self.carried(ports(&both, option, words.value(option)?)?)
            }
            "--tcp-flags" => flags(words.value(option)?, words.value(option)?, option)?,
            "--syn" => flags("FIN,SYN,RST,ACK", "SYN", option)?,
            "--icmp-type" | "--icmpv6-type" => self.message(option, words.value(option)?)?,
            "--ctstate" | "--state" => states(words.value(option)?),
            "--mark" if self.module == "mark" => mark(option, words.value(option)?)?,
            "--src-range" => self.range(End::Source, option, words.value(option)?)?,
            "--dst-range" => self.range(End::Destination, option, words.value(option)?)?,
            "--src-type" => kinds(End::Source, words.value(option)?),
            "--dst-type" => kinds(End::Destination, words.value(option)?),
            "--hl-eq" => {
                let known = (words.value(option)? == "255").then(Test::neighbours);
                let other = Test::Beyond("module hl".to_owned());
                Test::Any(known.into_iter().chain([other]).collect())
            }
            _ => return Ok(self.counting(option, words, notes)),
        })
    }

    /// Modules that count packets: judged for one that comes alone. All others are beyond the model.
    fn counting(&self, option: &str, words: &mut Words<'_>, notes: &mut Vec<Note>) -> Test {
        let rest = words.skip_module();
        let all = format!("{option} {rest}");
        let has = |word: &str| all.split(' ').any(|part| part == word);
        let hits = all.split_once("--hitcount ").map(|(_, after)| after);
        let hits = hits.and_then(|after| after.split(' ').next()?.parse::<u32>().ok());
        if matches!(self.module.as_str(), "rt" | "frag" | "hbh" | "dst") {
            // Packets are judged without extension headers.
            return Test::NEVER;
        }
        let alone = match self.module.as_str() {
            "limit" => Some(true),
            "hashlimit" => Some(!has("--hashlimit-above")),
            "connlimit" => Some(!has("--connlimit-above")),
            "recent" if has("--set") => Some(true),
            "recent" if hits.is_some_and(|hits| hits > 1) => Some(false),
            _ => None,
        };
        match alone {
            Some(answer) => {
                notes.push(Note {
                    what: format!("module {}", self.module),
                    meaning: "it is judged for a packet that comes alone: within every rate, over none",
                });
                Test::Alone(answer)
            }
            None => Test::Beyond(format!("module {} ({})", self.module, all.trim_end())),
        }
    }

    /// A port is one only in packets of the rule's protocol.
    fn carried(&self, test: Test) -> Test {
        match self.protocol {
            Some(number) if protocol::WITH_PORTS.contains(&number) => test,
            _ => Test::Beyond("ports without -p".to_owned()),
        }
    }

    /// `8`, `8/0`, `echo-request`, `any`.
    fn message(&self, option: &str, value: &str) -> Result<Test, LineFault> {
        let (kind, code) = match value.split_once('/') {
            Some((kind, code)) => (kind, Some(code)),
            None => (value, None),
        };
        if kind == "any" || (self.family == Family::V4 && kind == "255") {
            return Ok(Test::ALWAYS);
        }
        let named = match self.family {
            Family::V4 => names::icmp_type(kind),
            Family::V6 => names::icmpv6_type(kind),
        };
        let number = |text: &str| {
            text.parse::<u8>()
                .map(u128::from)
                .map_err(|_| bad(option, value))
        };
        let mut tests = match named {
            Some(kind) => vec![Test::equal(Field::DestinationPort, kind)],
            // Some names stand for a code of "destination unreachable".
            None => match self.code(kind) {
                Some((kind, code)) => vec![
                    Test::equal(Field::DestinationPort, kind),
                    Test::equal(Field::SourcePort, code),
                ],
                None => vec![Test::equal(Field::DestinationPort, number(kind)?)],
            },
        };
        if let Some(code) = code {
            tests.push(Test::equal(Field::SourcePort, number(code)?));
        }
        Ok(Test::All(tests))
    }

    fn code(&self, name: &str) -> Option<(u128, u128)> {
        let name = if name == "fragmentation-needed" {
            "frag-needed"
        } else {
            name
        };
        match self.family {
            Family::V4 => names::icmp_code(&name.replace("network-", "net-")).map(|code| (3, code)),
            Family::V6 => names::icmpv6_code(name).map(|code| (1, code)),
        }
    }

    /// `10.0.0.1-10.0.0.9`.
    fn range(&self, end: End, option: &str, value: &str) -> Result<Test, LineFault> {
        let number = |text: &str| {
            let address: Option<IpAddr> = text.parse().ok();
            let own = address.filter(|address| Family::of(*address) == self.family);
            own.map(addresses::number).ok_or_else(|| bad(option, value))
        };
        let (first, last) = value.split_once('-').unwrap_or((value, value));
        Ok(Test::within(
            end.field(self.family),
            vec![(number(first)?, number(last)?)],
        ))
    }
}

/// `22`, `1000:2000`, `:1023`, `80,443,8000:8100`.
fn ports(fields: &[Field], option: &str, value: &str) -> Result<Test, LineFault> {
    let number = |text: &str, open: u16| match text {
        "" => Ok(u128::from(open)),
        text => text
            .parse::<u16>()
            .map(u128::from)
            .map_err(|_| bad(option, value)),
    };
    let ranges = value.split(',').map(|part| {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        if part.is_empty() {
            return Err(bad(option, value));
        }
        Ok((number(first, 0)?, number(last, u16::MAX)?))
    });
    let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    let each = fields
        .iter()
        .map(|field| Test::within(*field, ranges.clone()));
    Ok(Test::Any(each.collect()))
}

fn flags(mask: &str, wanted: &str, option: &str) -> Result<Test, LineFault> {
    let number = |text: &str| {
        let flags = text.split(',').map(names::tcp_flag);
        let all = flags.reduce(|all, flag| Some(all? | flag?)).flatten();
        all.ok_or_else(|| bad(option, text))
    };
    let wanted = number(wanted)?;
    Ok(Test::masked(
        Field::TcpFlags,
        number(mask)?,
        vec![(wanted, wanted)],
    ))
}

fn states(value: &str) -> Test {
    let each = value.split(',').map(|word| {
        let name = word.to_ascii_lowercase();
        match State::ALL.into_iter().find(|state| state.name() == name) {
            Some(state) => Test::states([state]),
            None if name == "dnat" => Test::Translated,
            None => Test::Beyond(format!("connection state {word}")),
        }
    });
    Test::Any(each.collect())
}

/// `0x1/0xff`, `5`.
fn mark(option: &str, value: &str) -> Result<Test, LineFault> {
    let number = |text: &str| {
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => text.parse(),
        };
        parsed.map(u128::from).map_err(|_| bad(option, value))
    };
    let (wanted, mask) = match value.split_once('/') {
        Some((wanted, mask)) => (number(wanted)?, number(mask)?),
        None => (number(value)?, Field::Mark.last()),
    };
    Ok(Test::masked(Field::Mark, mask, vec![(wanted, wanted)]))
}

fn kinds(of: End, value: &str) -> Test {
    let kinds: BTreeSet<Kind> = value
        .split(',')
        .map(|word| match word {
            "LOCAL" => Kind::Local,
            "BROADCAST" => Kind::Broadcast,
            "MULTICAST" => Kind::Multicast,
            _ => Kind::Other,
        })
        .collect();
    Test::Type { of, kinds }
}
