//! `certs issue --operator`: by what certificate an operator commands machines.

use anyhow::Context as _;
use pki::{Operator, State};
use time::OffsetDateTime;
use topology::Topology;

use super::{Scope, act};
use crate::output::{Outcome, Output};
use crate::topology_file;

/// Makes the certificate of an operator where it is missing or wrong.
pub(super) fn issue(scope: &Scope, name: &str, output: &Output) -> anyhow::Result<Outcome> {
    let Some(topology) = topology_file::load(&scope.topology, output)? else {
        return Ok(Outcome::Faults);
    };
    let state = State::new(&scope.state.dir);
    let operator = Operator::new(domain(&topology)?, name)?;
    let done = pki::ensure_operator(&state, &operator, OffsetDateTime::now_utc())?;
    act::tell(done.into_iter().collect(), output)
}

/// Returns the operators that have a directory in the state.
pub(super) fn known(state: &State, topology: &Topology) -> anyhow::Result<Vec<Operator>> {
    let domain = domain(topology)?;
    let names = pki::operators(state)?.into_iter();
    let operators = names.map(|name| Operator::new(domain, &name));
    Ok(operators.collect::<Result<_, _>>()?)
}

/// The domain under which operators of a deployment are named.
pub(crate) fn domain(topology: &Topology) -> anyhow::Result<&str> {
    let first = topology.domains().first();
    first
        .map(|domain| domain.as_str())
        .context("the topology names no SIP domain")
}
