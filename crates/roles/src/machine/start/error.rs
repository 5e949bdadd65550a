//! Why a machine did not start: each says what it was about and, by its source, what to do.

use runtime::tls::CredentialsError;

use crate::machine::services::ServiceError;
use crate::signalling::BindError;

/// Why a machine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The topology has no machine of this name.
    #[error("the topology has no machine {machine}")]
    NoMachine {
        /// The name.
        machine: String,
    },
    /// Its certificate or key is missing or not fit; `vestibule certs show` says what is needed.
    #[error("the credentials of {machine} cannot be used")]
    Credentials {
        /// Which machine.
        machine: String,
        /// Why.
        source: CredentialsError,
    },
    /// A key that it shares with others is missing or not fit; `vestibule certs issue` makes it.
    #[error("a shared key of {machine} cannot be used")]
    Secret {
        /// Which machine.
        machine: String,
        /// Why.
        source: pki::FileError,
    },
    /// The users on its disk cannot be read.
    #[error("the directory of users of {machine} cannot be opened")]
    Directory {
        /// Which machine.
        machine: String,
        /// Why.
        source: store::OpenError,
    },
    /// The registrations on its disk cannot be read.
    #[error("the registrations of {machine} cannot be opened")]
    Bindings {
        /// Which machine.
        machine: String,
        /// Why.
        source: store::OpenError,
    },
    /// The messages on its disk that wait for their users cannot be read.
    #[error("the kept messages of {machine} cannot be opened")]
    Messages {
        /// Which machine.
        machine: String,
        /// Why.
        source: store::OpenError,
    },
    /// The topology's names do not make a zone.
    #[error("the name service of {machine} cannot be set up")]
    Names {
        /// Which machine.
        machine: String,
        /// Why.
        source: dns::ZoneError,
    },
    /// A listening socket cannot be opened.
    #[error("{machine} cannot listen")]
    Listen {
        /// Which machine.
        machine: String,
        /// Why.
        source: BindError,
    },
    /// The system has no thread or randomness left.
    #[error("{machine} cannot be started by this system")]
    System {
        /// Which machine.
        machine: String,
        /// Why.
        source: std::io::Error,
    },
    /// The service thread did not start; another process may run this machine.
    #[error("the services of {machine} cannot be started")]
    Services {
        /// Which machine.
        machine: String,
        /// Why.
        source: ServiceError,
    },
}
