//! What a try found, and whether that is right.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::expected::{Expected, Question};

/// What came of a try: the last thing that went well, or what went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Found {
    /// It was answered as it should be.
    Answered,
    /// The connection came about, and no more was asked.
    Connected,
    /// Nothing came back in time.
    Dropped,
    /// Nobody listens: a reset, or "port unreachable".
    Refused,
    /// No way leads there.
    NoRoute {
        /// The router that said so, if it was one.
        by: Option<IpAddr>,
    },
    /// A packet filter said that it is forbidden.
    Prohibited {
        /// Who said so, if anybody did.
        by: Option<IpAddr>,
    },
    /// What answers does not speak TLS.
    NotTls,
    /// The other side ended TLS and said why.
    Alert {
        /// The name of the alert.
        alert: String,
    },
    /// It proves another name.
    WrongName {
        /// The names that it proves.
        presented: Vec<String>,
    },
    /// Its certificate is not to be believed.
    Untrusted {
        /// Why.
        reason: String,
    },
    /// It ended the connection without a word.
    Closed,
    /// It took the connection and is silent.
    Mute,
    /// It proves its name, and does not ask for a certificate where it has to.
    NoCertificateAsked,
    /// It answered, and lets in whoever has no certificate.
    StrangerLetIn,
    /// Something else answers than what belongs there.
    WrongRole {
        /// What it said.
        said: String,
    },
    /// What belongs there answers, and does not let this machine in.
    NotLetIn {
        /// What it said.
        said: String,
    },
    /// What belongs there answers that it is not well.
    Unhealthy {
        /// What it said.
        said: String,
    },
    /// It could not be tried from here.
    Untried {
        /// Why.
        reason: String,
    },
}

/// How far a try came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Not even to a connection.
    Nothing,
    /// To a connection.
    Connected,
    /// To TLS in which the wanted name was proven.
    Secured,
    /// To an answer.
    Answered,
}

/// Whether what was found is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Pass,
    /// It could not be found out.
    Untried,
    /// It is not.
    Fail,
}

impl Found {
    /// Returns how far the try came.
    #[must_use]
    pub const fn depth(&self) -> Depth {
        match self {
            Self::Dropped
            | Self::Refused
            | Self::NoRoute { .. }
            | Self::Prohibited { .. }
            | Self::Untried { .. } => Depth::Nothing,
            Self::Connected
            | Self::NotTls
            | Self::Alert { .. }
            | Self::WrongName { .. }
            | Self::Untrusted { .. }
            | Self::Closed
            | Self::Mute => Depth::Connected,
            Self::NoCertificateAsked | Self::WrongRole { .. } => Depth::Secured,
            Self::Answered
            | Self::StrangerLetIn
            | Self::NotLetIn { .. }
            | Self::Unhealthy { .. } => Depth::Answered,
        }
    }

    /// Judges it.
    #[must_use]
    pub fn verdict(&self, expected: &Expected) -> Verdict {
        match (expected, self) {
            (_, Self::Untried { .. }) => Verdict::Untried,
            (Expected::Wanted(_), Self::Answered) => Verdict::Pass,
            (Expected::Wanted(_), _) => Verdict::Fail,
            (
                Expected::Unwanted { .. },
                Self::Dropped | Self::NoRoute { .. } | Self::Prohibited { .. },
            ) => Verdict::Pass,
            (Expected::Unwanted { .. }, _) => Verdict::Fail,
        }
    }
}

/// From this status on an answer says that its sender is in trouble.
const TROUBLE: u16 = 500;
const OK: u16 = 200;

impl Question {
    /// Judges the status of an answer to OPTIONS. A stranger may be refused; that shows SIP as well.
    #[must_use]
    pub fn judge_options(status: u16, by_a_stranger: bool) -> Found {
        let said = status.to_string();
        match status {
            OK => Found::Answered,
            TROUBLE.. => Found::Unhealthy { said },
            _ if by_a_stranger => Found::Answered,
            _ => Found::NotLetIn { said },
        }
    }

    /// Judges an answer about health: its status, and whether it has the form of one.
    #[must_use]
    pub fn judge_health(status: u16, is_health: bool) -> Found {
        let said = status.to_string();
        match status {
            OK if is_health => Found::Answered,
            TROUBLE.. => Found::Unhealthy { said },
            _ => Found::WrongRole {
                said: format!("HTTP {said}"),
            },
        }
    }

    /// Judges the status of the directory's answer.
    #[must_use]
    pub fn judge_directory(status: u16) -> Found {
        let said = status.to_string();
        match status {
            GONE => Found::Answered,
            FORBIDDEN => Found::NotLetIn { said },
            TROUBLE.. => Found::Unhealthy { said },
            _ => Found::WrongRole {
                said: format!("HTTP {said}"),
            },
        }
    }

    /// Judges the stratum of a time server's answer; one without a clock to follow says 0 or 16 (RFC 5905 section 7.3).
    #[must_use]
    pub fn judge_time(stratum: u8) -> Found {
        match stratum {
            1..16 => Found::Answered,
            _ => Found::Unhealthy {
                said: format!("stratum {stratum}"),
            },
        }
    }

    /// Judges the code of a name server's answer. That there is no such name is an answer too.
    #[must_use]
    pub fn judge_address(code: &str) -> Found {
        match code {
            "NOERROR" | "NXDOMAIN" => Found::Answered,
            "REFUSED" => Found::NotLetIn {
                said: code.to_owned(),
            },
            _ => Found::Unhealthy {
                said: code.to_owned(),
            },
        }
    }
}

const GONE: u16 = 410;
const FORBIDDEN: u16 = 403;
