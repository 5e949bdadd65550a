//! `fuzz`: lets a fuzzer make up inputs for the targets of `testing/model/src/fuzz`.
//!
//! What it makes up goes to `testing/fuzz/grown/<target>`, which is not committed. With `--keep` what reaches code that
//! the committed corpus does not is added to `testing/fuzz/corpus/<target>`, where the ordinary tests replay it. What
//! breaks a property is kept in `testing/fuzz/artifacts`. Which compiler is used is the matter of [`tools`].

mod tools;

use std::path::Path;
use std::process::ExitStatus;

use anyhow::{Context, Result, bail};

const TARGETS: [&str; 5] = [
    "log_frame",
    "sip_message",
    "sip_stream",
    "sip_transaction",
    "system_model",
];
/// Longer inputs find little more and cost much.
const MAX_LEN: &str = "8192";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wish<'a> {
    targets: Vec<&'a str>,
    minutes: u64,
    keep: bool,
}

/// Runs the named targets, or all in turn: `fuzz [target ...] [--minutes N] [--keep]`, 20 minutes each unless told.
///
/// # Errors
/// Fails when a tool is missing and cannot be had, or when a target broke a property.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<()> {
    let wish = read(words)?;
    let compiler = tools::prepare(root)?;
    for target in &wish.targets {
        let grown = format!("grown/{target}");
        let corpus = format!("corpus/{target}");
        std::fs::create_dir_all(root.join("testing/fuzz").join(&grown))?;
        let start = |folders: [&str; 2], flags: &[&str]| -> Result<ExitStatus> {
            let mut cargo = compiler.cargo_fuzz(root);
            // Our code has no unsafe block for a sanitizer to watch; without one the targets run faster, and no
            // runtime of a sanitizer is needed.
            cargo.args(["run", "--fuzz-dir", ".", "--sanitizer", "none", target]);
            cargo.args(folders).arg("--").args(flags);
            cargo.status().context("starting cargo fuzz")
        };
        if wish.minutes > 0 {
            println!("{target}: {} minutes", wish.minutes);
            let time = format!("-max_total_time={}", wish.minutes * 60);
            let length = format!("-max_len={MAX_LEN}");
            let flags = ["-timeout=20", "-print_final_stats=1", &time, &length];
            let status = start([&grown, &corpus], &flags)?;
            if !status.success() {
                bail!("{target} broke a property, or could not be run: {status}");
            }
        }
        if wish.keep {
            // By code that is reached and not by how often: a corpus that can be read through.
            let status = start([&corpus, &grown], &["-merge=1", "-use_counters=0"])?;
            if !status.success() {
                bail!("what {target} found could not be added to its corpus: {status}");
            }
        }
    }
    println!("{} targets, nothing found", wish.targets.len());
    Ok(())
}

fn read(words: &[String]) -> Result<Wish<'_>> {
    let mut wish = Wish {
        targets: Vec::new(),
        minutes: 20,
        keep: false,
    };
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--minutes" {
            let number = words.next().context("how many minutes?")?;
            wish.minutes = number
                .parse()
                .with_context(|| format!("{number:?} is no number"))?;
        } else if word == "--keep" {
            wish.keep = true;
        } else if TARGETS.contains(&word) {
            wish.targets.push(word);
        } else {
            bail!(
                "there is no target {word:?}; there are {}",
                TARGETS.join(", ")
            );
        }
    }
    if wish.targets.is_empty() {
        wish.targets.extend(TARGETS);
    }
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use super::{TARGETS, Wish, read};

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn one_target_or_all_for_some_minutes() {
        let all = read(&[]).unwrap();
        assert_eq!((all.minutes, all.keep), (20, false));
        assert_eq!(all.targets, TARGETS);
        let line = words("sip_stream --minutes 2 --keep");
        let wish = Wish {
            targets: vec!["sip_stream"],
            minutes: 2,
            keep: true,
        };
        assert_eq!(read(&line).unwrap(), wish);
        for bad in ["sip_steam", "--minutes", "--minutes soon"] {
            assert!(read(&words(bad)).is_err(), "{bad}");
        }
    }
}
