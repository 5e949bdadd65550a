//! One rule of `iptables-save`: options of its own, of modules and of its target.

use super::{module, target};
use crate::ruleset::fault::LineFault;
use crate::ruleset::{End, Note, Rule, Step, Test, names};
use crate::space::{Field, Pattern};
use crate::{Family, addresses};

/// The words of a rule that are still to be read.
pub(super) struct Words<'a> {
    rest: &'a [String],
}

impl<'a> Words<'a> {
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.rest.first().map(String::as_str)
    }

    pub(super) fn value(&mut self, option: &str) -> Result<&'a str, LineFault> {
        self.next()
            .ok_or_else(|| LineFault::NoValue(option.to_owned()))
    }

    /// The words up to the next module, target or negation, as one text.
    pub(super) fn skip_module(&mut self) -> String {
        let mut skipped = Vec::new();
        while let Some(word) = self.peek() {
            if matches!(word, "-m" | "-j" | "-g") {
                break;
            }
            skipped.push(word);
            self.next();
        }
        skipped.join(" ")
    }
}

/// Reads the words behind `-A CHAIN`.
pub(super) fn of(
    family: Family,
    words: &[String],
    notes: &mut Vec<Note>,
) -> Result<Rule, LineFault> {
    let mut words = Words { rest: words };
    let mut steps = vec![Step::Ask(Test::family(family))];
    let mut context = module::Context::new(family);
    let mut negated = false;
    while let Some(word) = words.next() {
        match word {
            "!" => {
                negated = true;
                continue;
            }
            "-m" | "--match" => context.enter(words.value(word)?),
            "-j" | "--jump" => steps.extend(target::of(&mut words, false)?),
            "-g" | "--goto" => steps.extend(target::of(&mut words, true)?),
            "-c" => {
                words.value(word)?;
                words.value(word)?;
            }
            _ => {
                let test = match own(family, word, &mut words, &mut context)? {
                    Some(test) => test,
                    None => context.option(word, &mut words, notes)?,
                };
                steps.push(Step::Ask(test.negated_if(negated)));
            }
        }
        negated = false;
    }
    steps.splice(1..1, context.before());
    Ok(Rule {
        at: String::new(),
        text: String::new(),
        steps,
        counted: None,
    })
}

/// The options that need no module.
fn own(
    family: Family,
    word: &str,
    words: &mut Words<'_>,
    context: &mut module::Context,
) -> Result<Option<Test>, LineFault> {
    let interface = |side, name: &str| Test::Interface {
        side,
        pattern: match name.strip_suffix('+') {
            Some(beginning) => Pattern::beginning(beginning),
            None => Pattern::exact(name),
        },
    };
    Ok(Some(match word {
        "-s" | "--source" => address(family, End::Source, word, words.value(word)?)?,
        "-d" | "--destination" => address(family, End::Destination, word, words.value(word)?)?,
        "-i" | "--in-interface" => interface(Field::InInterface, words.value(word)?),
        "-o" | "--out-interface" => interface(Field::OutInterface, words.value(word)?),
        "-p" | "--protocol" => {
            let name = words.value(word)?;
            let number = protocol(word, name)?;
            context.protocol = number;
            number.map_or(Test::ALWAYS, Test::protocol)
        }
        // Connection tracking puts fragments together, so there are none.
        "-f" | "--fragment" => Test::NEVER,
        _ => return Ok(None),
    }))
}

fn protocol(option: &str, name: &str) -> Result<Option<u8>, LineFault> {
    if name == "all" || name == "0" {
        return Ok(None);
    }
    let number = name.parse().ok();
    let number = number.or_else(|| names::protocol(name).and_then(|n| u8::try_from(n).ok()));
    number.map(Some).ok_or_else(|| bad(option, name))
}

/// `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fe80::/10`.
fn address(family: Family, end: End, option: &str, value: &str) -> Result<Test, LineFault> {
    let (network, mask) = value.split_once('/').unwrap_or((value, ""));
    let number = |text: &str| {
        let address = text
            .parse()
            .ok()
            .filter(|address| Family::of(*address) == family);
        address
            .map(addresses::number)
            .ok_or_else(|| bad(option, value))
    };
    let all = family.last();
    let mask = match mask.parse::<u32>() {
        _ if mask.is_empty() => all,
        Ok(length) if length <= u32::from(family.bits()) => {
            all & !all.checked_shr(length).unwrap_or(0)
        }
        Ok(_) => return Err(bad(option, value)),
        Err(_) => number(mask)?,
    };
    let first = number(network)? & mask;
    Ok(Test::masked(end.field(family), mask, vec![(first, first)]))
}

/// The fault of a value that its option cannot have.
pub(super) fn bad(option: &str, value: &str) -> LineFault {
    LineFault::BadValue {
        option: option.to_owned(),
        value: value.to_owned(),
    }
}
