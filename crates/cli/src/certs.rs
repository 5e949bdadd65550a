//! `vestibule certs`: the private authority, and what each machine has and needs.
//!
//! The commands read the topology for what is needed and leave the doing to `pki`. A command that finds something
//! wrong ends with 1, so that a timer can tell.

mod act;
pub(crate) mod needs;
mod show;
mod words;

use std::path::PathBuf;

use base::net::Face;
use clap::{Args, Subcommand, ValueEnum};
use pki::State;

use crate::output::{Outcome, Output};

/// Make, check and renew certificates, of a private authority or of your own.
#[derive(Debug, Subcommand)]
pub(crate) enum Certs {
    /// Makes a private certificate authority.
    Init {
        #[command(flatten)]
        state: StateDir,
        /// The authority's name.
        #[arg(long, default_value = "Vestibule private CA")]
        name: String,
    },
    /// Issues what is missing or wrong, pool keys included; changes nothing that is right.
    Issue(Scope),
    /// Renews what expires soon or no longer fits, and the revocation list.
    Renew {
        #[command(flatten)]
        scope: Scope,
        /// Renews every certificate, due or not.
        #[arg(long)]
        all: bool,
    },
    /// Makes a key and a signing request for an authority of your own.
    Request(One),
    /// Signs a request with the private authority and prints the certificate.
    Sign {
        #[command(flatten)]
        one: One,
        /// The signing request.
        #[arg(long, value_name = "FILE")]
        csr: PathBuf,
    },
    /// Checks a certificate from another authority and puts it in place.
    Install {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        files: Files,
    },
    /// Shows what is installed beside what is needed.
    Show(Scope),
    /// Revokes certificates of the private authority.
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
            Self::Issue(scope) => act::issue(&scope, output),
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
    /// The face of the machine, for one that has two certificates; the inside unless said otherwise.
    #[arg(long)]
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
