//! Passwords on their way to verifiers.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};
use clap::Args;
use directory::{Algorithm, Aor};
use roles::directory_admin::NewVerifier;
use roles::signalling::algorithm;
use topology::Topology;
use zeroize::Zeroizing;

/// The longest password, in bytes; far above any that is typed.
const LONGEST: usize = 1024;
/// How many characters a made-up password has: 20 of 32 are 100 bits.
const MADE_UP: usize = 20;
/// Without characters that are mistaken for one another.
const CHARACTERS: [u8; 32] = *b"abcdefghijkmnpqrstuvwxyz23456789";

/// Where a password comes from.
#[derive(Debug, Args)]
pub(crate) struct PasswordFrom {
    /// Read the password from the first line of standard input.
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordFrom {
    /// Reads a password; from a terminal twice.
    pub(super) fn read(&self) -> anyhow::Result<Zeroizing<String>> {
        let password = if self.password_stdin {
            from_stdin()?
        } else {
            from_terminal()?
        };
        if let Some(fault) = fault(&password) {
            bail!("{fault}");
        }
        Ok(password)
    }
}

/// Says what is wrong with a password, if anything is.
pub(super) fn fault(password: &str) -> Option<&'static str> {
    if password.is_empty() {
        Some("the password is empty")
    } else if password.len() > LONGEST {
        Some("the password is longer than 1024 bytes")
    } else if password.chars().any(char::is_control) {
        Some("the password holds a control character")
    } else {
        None
    }
}

/// Makes a password up.
pub(super) fn make_up() -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0_u8; MADE_UP]);
    getrandom::fill(bytes.as_mut_slice()).context("no random numbers for a password")?;
    // 256 is a multiple of 32, so every character is as likely as another.
    let letter = |byte: &u8| {
        CHARACTERS
            .get(usize::from(byte % 32))
            .copied()
            .map_or('a', char::from)
    };
    Ok(Zeroizing::new(bytes.iter().map(letter).collect()))
}

/// Makes a verifier for every hash that the topology offers to anyone.
pub(crate) fn verifiers(password: &str, aor: &Aor, topology: &Topology) -> Vec<NewVerifier> {
    let sip = topology.sip();
    let offered = sip
        .digest
        .iter()
        .chain(sip.user_agents.iter().flat_map(|rule| &rule.digest));
    let algorithms: BTreeSet<Algorithm> = offered.map(|digest| algorithm(*digest)).collect();
    let verifier = |algorithm| NewVerifier {
        algorithm,
        ha1: sip::auth::ha1(algorithm, aor.user(), aor.domain(), password),
    };
    algorithms.into_iter().map(verifier).collect()
}

fn from_stdin() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    let mut input = std::io::stdin().lock().take(LONGEST as u64 + 2);
    input
        .read_line(&mut line)
        .context("cannot read the password from standard input")?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

fn from_terminal() -> anyhow::Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask for the password; use --password-stdin");
    }
    let ask = |prompt| {
        rpassword::prompt_password(prompt)
            .context("cannot read the password")
            .map(Zeroizing::new)
    };
    let (first, second) = (ask("Password: ")?, ask("Once more: ")?);
    if first != second {
        bail!("the two passwords differ");
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_passwords_are_good_and_differ() {
        let (one, two) = (make_up().unwrap(), make_up().unwrap());
        assert_eq!((one.len(), fault(&one)), (MADE_UP, None));
        assert_ne!(one, two);
    }

    #[test]
    fn what_no_phone_can_type_is_refused() {
        assert!(fault("").is_some());
        assert!(fault("with\ttab").is_some());
        assert!(fault(&"x".repeat(LONGEST + 1)).is_some());
        assert_eq!(fault("with blank, comma and ü"), None);
    }
}
