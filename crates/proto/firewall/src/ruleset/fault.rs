//! Why a text is not taken as a ruleset.

/// What is wrong with a text. Each says where, so that whoever made the text can look there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text is longer than anything sensible.
    #[error("the text has {bytes} bytes, more than {most}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        most: usize,
    },
    /// Neither of the known formats: give the output of `nft -j list ruleset`, `iptables-save` or `ip6tables-save`.
    #[error("this is neither the output of `nft -j list ruleset` nor that of `iptables-save`")]
    UnknownFormat,
    /// It begins as JSON and is not.
    #[error("line {line}, column {column}: this is not JSON")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// It is JSON without a list `nftables`.
    #[error("there is no list \"nftables\"; it must be the output of `nft -j list ruleset`")]
    NotNft,
    /// An object of the list lacks something.
    #[error("object {number} of the list ({kind}) has no {key}")]
    Lacks {
        /// Which, from 1.
        number: usize,
        /// What it is.
        kind: String,
        /// What it lacks.
        key: &'static str,
    },
    /// A rule stands in a chain that the list does not have.
    #[error("object {number} of the list is a rule of chain {chain}, which is not there")]
    RuleWithoutChain {
        /// Which, from 1.
        number: usize,
        /// Its chain.
        chain: String,
    },
    /// A line of `iptables-save` cannot be read.
    #[error("line {line}: {why}")]
    Line {
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        why: LineFault,
    },
    /// Two chains have the same name in the same table.
    #[error("chain {chain} is there twice")]
    ChainTwice {
        /// Which.
        chain: String,
    },
    /// A rule leads to a chain that its table does not have.
    #[error("{at} of chain {chain} leads to {target}, which is not there")]
    NoSuchChain {
        /// The chain of the rule.
        chain: String,
        /// The rule.
        at: String,
        /// Where it leads.
        target: String,
    },
    /// A chain can be reached from itself.
    #[error("jumps from chain {chain} lead back to it")]
    JumpsBack {
        /// Which.
        chain: String,
    },
    /// Jumps lead through too many chains at once.
    #[error("jumps through chain {chain} open more than {most} chains at once")]
    JumpsTooDeep {
        /// The last chain that was still allowed.
        chain: String,
        /// How many may be open.
        most: usize,
    },
    /// There are more rules than are taken in.
    #[error("there are more than {most} rules")]
    TooManyRules {
        /// How many are.
        most: usize,
    },
    /// Sets and maps have more elements than are taken in.
    #[error("sets and maps have more than {most} elements")]
    TooManyElements {
        /// How many are.
        most: usize,
    },
}

/// What is wrong with a line of `iptables-save`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// A quotation mark without its other half.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// A rule or chain before any `*table`.
    #[error("there is no `*table` line before this one")]
    NoTable,
    /// No table of iptables has this name.
    #[error("there is no table {0}")]
    UnknownTable(String),
    /// A rule of a chain that has no `:chain` line.
    #[error("chain {0} is not there")]
    UnknownChain(String),
    /// A line that is neither a table, a chain, a rule, `COMMIT` nor a comment.
    #[error("this is no line of `iptables-save`")]
    Unknown,
    /// An option without its value.
    #[error("{0} has no value")]
    NoValue(String),
    /// A value that its option cannot have.
    #[error("{option} cannot be {value}")]
    BadValue {
        /// The option.
        option: String,
        /// The value.
        value: String,
    },
    /// The text ends before `COMMIT`.
    #[error("the table is not ended by COMMIT")]
    NoCommit,
}
