//! What can be wrong with a topology file, and how it is told.
//!
//! A fault names the rule that is broken, the place, what is wrong and what would be right. All faults of a file come
//! together; they are told as text with the lines of the file, or as data.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// A rule that a file can break. Its name is stable: scripts may rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The file is larger than any topology needs to be.
    FileTooLarge,
    /// The text is not TOML.
    Syntax,
    /// A table has a key that it does not know.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value is of another type or out of its range.
    WrongType,
    /// A word is none of those allowed.
    UnknownWord,
    /// The version is not one that this program reads.
    Version,
    /// There is more of something than is supported.
    TooMany,
    /// A text is not a fully qualified name.
    Name,
    /// A text is not an address, or not one that a machine can have.
    Address,
    /// A text is not the address of a user.
    User,
    /// A text is not a network.
    Network,
    /// A text is not a duration.
    Duration,
    /// A text is not a size.
    Size,
    /// A number or duration is outside of what makes sense.
    Range,
    /// A simple URL breaks a rule of simple URLs.
    SimpleUrl,
    /// A list that must have something has nothing.
    Empty,
    /// A name, address or entry stands twice.
    Duplicate,
    /// A name refers to nothing in the file.
    UnknownReference,
    /// A name refers to a pool of the wrong role.
    WrongRole,
    /// A key stands in a pool or machine whose role has no use for it.
    KeyOfOtherRole,
    /// A deployment lacks a pool that it cannot do without.
    NoFrontEnd,
    /// A pool has no machine.
    PoolWithoutMachine,
    /// A pool has more members than its role may have.
    PoolTooLarge,
    /// A Front End pool of several members needs a shared store.
    SharedStore,
    /// The kind of load balancing does not fit the members or the VIP.
    Balancing,
    /// A web name is the pool name where they must differ, or is used twice.
    WebName,
    /// Two pools do not name each other as backup.
    Backup,
    /// More than one pool masters the directory.
    DirectoryMaster,
    /// A machine has more than one role that speaks SIP.
    SipRoles,
    /// Two roles of one machine would open the same port on the same address.
    PortClash,
    /// A pattern can match nothing.
    Pattern,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 32] = [
        Self::FileTooLarge,
        Self::Syntax,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::UnknownWord,
        Self::Version,
        Self::TooMany,
        Self::Name,
        Self::Address,
        Self::User,
        Self::Network,
        Self::Duration,
        Self::Size,
        Self::Range,
        Self::SimpleUrl,
        Self::Empty,
        Self::Duplicate,
        Self::UnknownReference,
        Self::WrongRole,
        Self::KeyOfOtherRole,
        Self::NoFrontEnd,
        Self::PoolWithoutMachine,
        Self::PoolTooLarge,
        Self::SharedStore,
        Self::Balancing,
        Self::WebName,
        Self::Backup,
        Self::DirectoryMaster,
        Self::SipRoles,
        Self::PortClash,
        Self::Pattern,
    ];

    /// Returns the rule's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FileTooLarge => "file-too-large",
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::UnknownWord => "unknown-word",
            Self::Version => "version",
            Self::TooMany => "too-many",
            Self::Name => "name",
            Self::Address => "address",
            Self::User => "user",
            Self::Network => "network",
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Range => "range",
            Self::SimpleUrl => "simple-url",
            Self::Empty => "empty",
            Self::Duplicate => "duplicate",
            Self::UnknownReference => "unknown-reference",
            Self::WrongRole => "wrong-role",
            Self::KeyOfOtherRole => "key-of-other-role",
            Self::NoFrontEnd => "no-front-end",
            Self::PoolWithoutMachine => "pool-without-machine",
            Self::PoolTooLarge => "pool-too-large",
            Self::SharedStore => "shared-store",
            Self::Balancing => "balancing",
            Self::WebName => "web-name",
            Self::Backup => "backup",
            Self::DirectoryMaster => "directory-master",
            Self::SipRoles => "sip-roles",
            Self::PortClash => "port-clash",
            Self::Pattern => "pattern",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The rule that is broken.
    pub rule: Rule,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The bytes of the file that are at fault.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

/// Everything that is wrong with a file, in the order of the file; at least one fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Faults {
    file: String,
    #[serde(skip)]
    text: String,
    faults: Vec<Fault>,
}

impl Faults {
    /// Returns the faults.
    #[must_use]
    pub fn all(&self) -> &[Fault] {
        &self.faults
    }

    /// Returns the file's name as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Tells all faults with the lines of the file, with colour or without.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let told = self.faults.iter().map(|fault| {
            let at = AnnotationKind::Primary.span(fault.span.clone());
            let snippet = Snippet::source(&self.text).path(&self.file).annotation(at);
            let title = Level::ERROR
                .primary_title(&fault.message)
                .id(fault.rule.name());
            let help = Level::HELP.message(&fault.help);
            renderer.render(&[title.element(snippet).element(help)])
        });
        let mut text = told.collect::<Vec<_>>().join("\n\n");
        let count = self.faults.len();
        let noun = if count == 1 { "fault" } else { "faults" };
        text.push_str(&format!("\n\n{count} {noun} in {}", self.file));
        text
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Faults {}

/// Where faults are gathered while a file is read.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    found: Vec<(Rule, Range<usize>, String, String)>,
}

impl Sink {
    pub(crate) fn report(
        &mut self,
        at: &Range<usize>,
        rule: Rule,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found
            .push((rule, at.clone(), message.into(), help.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Keeps only what lies on lines other than those of `spans`, and nothing that is said to be missing: the rest of
    /// a file with broken lines is told, its consequences are not.
    pub(crate) fn without_consequences<'s>(
        &mut self,
        text: &str,
        spans: impl Iterator<Item = &'s Range<usize>>,
    ) {
        let lines: Vec<usize> = spans.map(|span| line(text, span.start)).collect();
        self.found.retain(|(rule, span, ..)| {
            *rule != Rule::MissingKey && !lines.contains(&line(text, span.start))
        });
    }

    pub(crate) fn into_faults(self, file: &str, text: &str) -> Faults {
        let located = self.found.into_iter().map(|(rule, span, message, help)| {
            let span = span.start.min(text.len())..span.end.min(text.len());
            let (line, column) = place(text, span.start);
            Fault {
                rule,
                line,
                column,
                span,
                message,
                help,
            }
        });
        let mut faults: Vec<Fault> = located.collect();
        faults.sort_by_key(|fault| (fault.span.start, fault.rule));
        faults.dedup();
        Faults {
            file: file.to_owned(),
            text: text.to_owned(),
            faults,
        }
    }
}

/// The line of a byte, from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    place(text, at).0
}

/// The line and column of a byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or("");
    (line, last.chars().count() + 1)
}
