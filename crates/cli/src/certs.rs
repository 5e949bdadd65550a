//! `vestibule certs`: the private authority, and what each machine has and needs.
//!
//! The commands read the topology for what is needed and leave the doing to `pki`. A command that finds something
//! wrong ends with 1, so that a timer can tell.

mod act;
pub(crate) mod needs;
pub(crate) mod operators;
mod show;
mod words;

use std::path::PathBuf;

use base::net::Face;
use clap::{Args, Subcommand, ValueEnum};
use pki::State;

use crate::output::{Outcome, Output};

/// Make, check and renew certificates, of a private authority or of your own.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
With the private authority:
  vestibule certs init                      once
  vestibule certs issue topology.toml       whatever is missing or wrong
  vestibule certs show topology.toml        ends with 1 if anything is wrong, so a timer can run it
  vestibule certs issue topology.toml --operator ann

Machines that run read new certificates after `vestibule reload`. docs/certificates.md has the rest.")]
pub(crate) enum Certs {
    /// Make a private certificate authority.
    Init {
        #[command(flatten)]
        state: StateDir,
        /// The authority's name.
        #[arg(long, default_value = "Vestibule private CA")]
        name: String,
    },
    /// Issue what is missing or wrong, pool keys included; what is right stays.
    Issue {
        #[command(flatten)]
        scope: Scope,
        /// Only the certificate of this operator, by which they command machines.
        #[arg(long, value_name = "NAME", conflicts_with = "machine")]
        operator: Option<String>,
    },
    /// Renew what expires soon or no longer fits, and the revocation list.
    Renew {
        #[command(flatten)]
        scope: Scope,
        /// Renew every certificate, due or not.
        #[arg(long)]
        all: bool,
    },
    /// Make a key and a signing request for an authority of your own.
    #[command(after_help = "\
The key stays where it is made. Have the request signed, then run `vestibule certs install`.")]
    Request(One),
    /// Sign a request with the private authority and print the certificate.
    Sign {
        #[command(flatten)]
        one: One,
        /// The signing request.
        #[arg(long, value_name = "FILE")]
        csr: PathBuf,
    },
    /// Check a certificate from another authority and put it in place.
    Install {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        files: Files,
    },
    /// Show what is installed beside what is needed.
    Show(Scope),
    /// Revoke certificates of the private authority.
    Revoke {
        #[command(flatten)]
        state: StateDir,
        #[command(flatten)]
        what: What,
    },
}

impl Certs {
    /// Carries the command out.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Init { state, name } => act::init(&State::new(state.dir), &name, output),
            Self::Issue {
                scope,
                operator: Some(name),
            } => operators::issue(&scope, &name, output),
            Self::Issue {
                scope,
                operator: None,
            } => act::issue(&scope, output),
            Self::Renew { scope, all } => act::renew(&scope, all, output),
            Self::Request(one) => act::request(&one, output),
            Self::Sign { one, csr } => act::sign(&one, &csr, output),
            Self::Install { one, files } => act::install(&one, &files, output),
            Self::Show(scope) => act::show(&scope, output),
            Self::Revoke { state, what } => act::revoke(&State::new(state.dir), &what, output),
        }
    }
}

/// Where the state is.
#[derive(Debug, Args)]
pub(crate) struct StateDir {
    /// The state directory.
    #[arg(long = "state", value_name = "DIR", default_value = "vestibule-state")]
    dir: PathBuf,
}

/// A topology, or one machine of it.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// The topology file.
    topology: PathBuf,
    /// Only this machine.
    #[arg(long, value_name = "FQDN")]
    machine: Option<String>,
    #[command(flatten)]
    state: StateDir,
}

/// One certificate of one machine.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The topology file.
    topology: PathBuf,
    /// The machine.
    #[arg(long, value_name = "FQDN")]
    machine: String,
    /// The face of a machine with two certificates: inside or outside. If left out, `request` means both and the others
    /// the inside.
    #[arg(long, hide_possible_values = true)]
    face: Option<FaceName>,
    #[command(flatten)]
    state: StateDir,
}

/// The files of a certificate from another authority.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The certificate, followed by its intermediates.
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Its key, if it was not made by `request`.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The authorities to trust; those already trusted if left out.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Their revocation lists.
    #[arg(long, value_name = "FILE")]
    crl: Option<PathBuf>,
}

/// What to revoke.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct What {
    /// Every certificate of this machine.
    #[arg(long, value_name = "FQDN")]
    machine: Option<String>,
    /// Every certificate of this operator; their files here are taken away.
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// The certificate with this serial number.
    #[arg(long, value_name = "HEX")]
    serial: Option<String>,
}

/// A face of a machine, as it is written on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FaceName {
    /// Towards the organisation.
    Inside,
    /// Towards the world.
    Outside,
}

impl From<FaceName> for Face {
    fn from(name: FaceName) -> Self {
        match name {
            FaceName::Inside => Self::Inside,
            FaceName::Outside => Self::Outside,
        }
    }
}
