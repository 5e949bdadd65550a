//! The Debian packages that tests drive as peers, and their installation.
//!
//! Without root, or without a package server, nothing is installed; the tests that miss a peer then say SKIPPED.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A Debian package and why the tests want it.
struct Package {
    name: &'static str,
    wanted_for: &'static str,
}

const WANTED: [Package; 24] = [
    Package {
        name: "sip-tester",
        wanted_for: "interop: SIPp as gateways and as phones without TLS",
    },
    Package {
        name: "baresip-core",
        wanted_for: "interop: a phone that does not follow a redirected REGISTER",
    },
    Package {
        name: "linphone-cli",
        wanted_for: "interop: a phone that follows a redirected REGISTER",
    },
    Package {
        name: "kamailio",
        wanted_for: "interop: proves the phones alone; benches: the comparison",
    },
    Package {
        name: "kamailio-tls-modules",
        wanted_for: "the same, over TLS",
    },
    Package {
        name: "bind9-dnsutils",
        wanted_for: "interop: dig, a foreign client of the names",
    },
    Package {
        name: "bind9-utils",
        wanted_for: "interop: named-checkzone, which reads the zone files that we write",
    },
    Package {
        name: "zstd",
        wanted_for: "zstdcat, which reads trace files without us",
    },
    Package {
        name: "strace",
        wanted_for: "a disk that is slow, for trace files",
    },
    Package {
        name: "e2fsprogs",
        wanted_for: "small disks, for trace files",
    },
    Package {
        name: "openssl",
        wanted_for: "certificates of the interop tests, and a foreign TLS peer",
    },
    Package {
        name: "valgrind",
        wanted_for: "benches: counts instructions",
    },
    Package {
        name: "haproxy",
        wanted_for: "benches: the comparison of the VIP",
    },
    Package {
        name: "nginx",
        wanted_for: "benches: the members behind the VIP",
    },
    Package {
        name: "libnginx-mod-stream",
        wanted_for: "benches: nginx beside the VIP",
    },
    Package {
        name: "ripgrep",
        wanted_for: "benches: searching the text of trace records",
    },
    Package {
        name: "sqlite3",
        wanted_for: "benches: trace records in FTS5",
    },
    Package {
        name: "wrk",
        wanted_for: "interop and benches: a client of the VIP and of the reverse proxy",
    },
    Package {
        name: "nghttp2-client",
        wanted_for: "interop and benches: h2load, a client of HTTP/2",
    },
    Package {
        name: "curl",
        wanted_for: "interop: a browser",
    },
    Package {
        name: "iproute2",
        wanted_for: "tests in network namespaces of their own",
    },
    Package {
        name: "nftables",
        wanted_for: "the kernel that the rendered rules are loaded into",
    },
    Package {
        name: "iptables",
        wanted_for: "rule sets of other people's making",
    },
    Package {
        name: "tshark",
        wanted_for: "a reader of the captures that we write",
    },
];

/// Installs what is missing.
///
/// # Errors
/// Fails when packages are missing and cannot be installed.
pub(crate) fn install() -> Result<()> {
    let missing = missing()?;
    if missing.is_empty() {
        println!("packages: all {} present", WANTED.len());
        return Ok(());
    }
    for package in &missing {
        println!(
            "packages: {} is missing ({})",
            package.name, package.wanted_for
        );
    }
    if !is_root()? {
        let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
        bail!(
            "not root; install them with: apt-get install --no-install-recommends {}",
            names.join(" ")
        );
    }
    apt_get(&["update"])?;
    let mut words = vec!["install", "--yes", "--no-install-recommends"];
    words.extend(missing.iter().map(|package| package.name));
    let _asleep = Asleep::ensure()?;
    apt_get(&words)
}

/// The script that Debian asks before it starts a service: while it is there and says no, packages install their
/// services without starting them, which would take the ports that the tests use.
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// What it says: "action forbidden by policy".
const FORBIDDEN: &str = "#!/bin/sh\nexit 101\n";

/// Removes the script again; a machine that has one of its own keeps it.
struct Asleep {
    ours: bool,
}

impl Asleep {
    fn ensure() -> Result<Self> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY);
        match made {
            Ok(mut file) => {
                file.write_all(FORBIDDEN.as_bytes())
                    .with_context(|| format!("writing {POLICY}"))?;
                Ok(Self { ours: true })
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Self { ours: false }),
            Err(error) => Err(error).with_context(|| format!("making {POLICY}")),
        }
    }
}

impl Drop for Asleep {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = std::fs::remove_file(POLICY)
        {
            eprintln!("packages: remove {POLICY} by hand: {error}");
        }
    }
}

fn missing() -> Result<Vec<&'static Package>> {
    let mut missing = Vec::new();
    for package in &WANTED {
        let answer = Command::new("dpkg-query")
            .args(["--show", "--showformat", "${Status}", package.name])
            .stderr(Stdio::null())
            .output()
            .context("asking dpkg-query; this is not a Debian machine")?;
        if answer.stdout != b"install ok installed" {
            missing.push(package);
        }
    }
    Ok(missing)
}

fn is_root() -> Result<bool> {
    let answer = Command::new("id")
        .arg("--user")
        .output()
        .context("asking id")?;
    Ok(answer.stdout.trim_ascii() == b"0")
}

/// Runs apt-get with its progress on the terminal; it waits its turn when another installation runs.
fn apt_get(words: &[&str]) -> Result<()> {
    println!("packages: apt-get {}", words.join(" "));
    let status = Command::new("apt-get")
        .args([
            "-o",
            "DPkg::Lock::Timeout=300",
            "-o",
            "Acquire::Retries=3",
            "--quiet",
        ])
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context("starting apt-get")?;
    if !status.success() {
        bail!("apt-get {} ended with {status}", words.join(" "));
    }
    Ok(())
}
