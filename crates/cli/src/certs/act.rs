//! Carries the commands out.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use base::net::Face;
use pki::{Ca, Done, Material, Need, Operator, Order, PoolNeed, Revoke, State};
use serde_json::json;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::show::Row;
use super::words::{self, Said};
use super::{Files, One, Scope, What, needs, operators};
use crate::output::{Outcome, Output, Table};
use crate::topology_file;

/// Makes the authority.
pub(super) fn init(state: &State, name: &str, output: &Output) -> anyhow::Result<Outcome> {
    let ca = Ca::init(&state.ca(), name, OffsetDateTime::now_utc())?;
    let path = state.ca().join("ca.pem").display().to_string();
    let until = words::date(ca.not_after());
    if output.is_json() {
        output.json(&json!({ "ca": path, "not_after": until }))?;
    } else {
        output.line(format!(
            "certificate authority made: {path}, valid until {until}"
        ))?;
    }
    Ok(Outcome::Done)
}

/// Makes what is missing or wrong, under an authority that is there.
pub(super) fn issue(scope: &Scope, output: &Output) -> anyhow::Result<Outcome> {
    let Some(plan) = Plan::read(scope, output)? else {
        return Ok(Outcome::Faults);
    };
    // `ensure` would make an authority, which here has to be asked for.
    drop(Ca::open(&plan.state.ca())?);
    tell(plan.ensure(OffsetDateTime::now_utc())?, output)
}

/// Makes a new revocation list and what is due, or everything.
pub(super) fn renew(scope: &Scope, all: bool, output: &Output) -> anyhow::Result<Outcome> {
    let now = OffsetDateTime::now_utc();
    let Some(plan) = Plan::read(scope, output)? else {
        return Ok(Outcome::Faults);
    };
    if all {
        return tell(pki::renew_all(&plan.state, &plan.needs, now)?, output);
    }
    let mut ca = Ca::open(&plan.state.ca())?;
    ca.publish_crl(now)?;
    drop(ca);
    let mut done = vec![Done::CrlRenewed];
    done.extend(plan.ensure(now)?);
    tell(done, output)
}

/// Makes keys and signing requests.
pub(super) fn request(one: &One, output: &Output) -> anyhow::Result<Outcome> {
    let state = State::new(&one.state.dir);
    let Some(needs) = one.needs(output)? else {
        return Ok(Outcome::Faults);
    };
    let mut made = Vec::new();
    for need in needs {
        let path = pki::request(&state, &need)?.path.display().to_string();
        made.push(json!({ "machine": need.machine, "face": words::face(need.face), "csr": path }));
        if !output.is_json() {
            output.line(format!("to be signed: {path}"))?;
        }
    }
    if output.is_json() {
        output.json(&made)?;
    }
    Ok(Outcome::Done)
}

/// Signs a request.
pub(super) fn sign(one: &One, csr: &Path, output: &Output) -> anyhow::Result<Outcome> {
    let Some(need) = one.need(output)? else {
        return Ok(Outcome::Faults);
    };
    let csr = read(csr)?;
    let mut ca = Ca::open(&State::new(&one.state.dir).ca())?;
    let order = Order {
        machine: &need.machine,
        names: &need.names,
        validity: pki::MACHINE_VALIDITY,
    };
    let signed = ca.sign_csr(&order, &csr, OffsetDateTime::now_utc())?;
    if output.is_json() {
        let until = words::date(signed.not_after);
        let (pem, serial) = (signed.chain_pem, signed.serial);
        output.json(&json!({ "certificate": pem, "serial": serial, "not_after": until }))?;
    } else {
        output.bytes(signed.chain_pem.as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// Puts a certificate in place if nothing is wrong with it.
pub(super) fn install(one: &One, files: &Files, output: &Output) -> anyhow::Result<Outcome> {
    let state = State::new(&one.state.dir);
    let Some(need) = one.need(output)? else {
        return Ok(Outcome::Faults);
    };
    let cert = read(&files.cert)?;
    let key = files
        .key
        .as_deref()
        .map(read)
        .transpose()?
        .map(Zeroizing::new);
    let ca = files.ca.as_deref().map(read).transpose()?;
    let crl = files.crl.as_deref().map(read).transpose()?;
    let material = Material {
        cert: &cert,
        key: key.as_ref().map(|key| key.as_str()),
        ca: ca.as_deref(),
        crl: crl.as_deref(),
    };
    let (is_installed, findings) =
        match pki::install(&state, &need, &material, OffsetDateTime::now_utc()) {
            Ok(notices) => (true, notices),
            Err(pki::Error::Refused { findings }) => (false, findings),
            Err(error) => return Err(error.into()),
        };
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if output.is_json() {
        output.json(&json!({ "installed": is_installed, "findings": findings }))?;
    } else {
        let what = if is_installed {
            "installed"
        } else {
            "not installed"
        };
        output.line(format!(
            "{}: certificate {what} ({})",
            need.machine,
            words::face(need.face)
        ))?;
        for finding in findings {
            output.line(format!("  {finding}"))?;
        }
    }
    Ok(if is_installed {
        Outcome::Done
    } else {
        Outcome::Faults
    })
}

/// Holds what is installed against what is needed.
pub(super) fn show(scope: &Scope, output: &Output) -> anyhow::Result<Outcome> {
    let now = OffsetDateTime::now_utc();
    let Some(plan) = Plan::read(scope, output)? else {
        return Ok(Outcome::Faults);
    };
    let machines = plan.needs.iter();
    let mut rows: Vec<Row> = machines
        .map(|need| Row::read(&plan.state, need, now))
        .collect();
    rows.extend(
        plan.operators
            .iter()
            .map(|operator| Row::of_operator(&plan.state, operator, now)),
    );
    if output.is_json() {
        output.json(&rows)?;
    } else {
        let head = [
            "Whose",
            "Face",
            "Needed",
            "Installed",
            "Days left",
            "Issuer",
            "Verdict",
        ];
        let mut table = Table::new(head).right(4);
        for row in &rows {
            table.row(row.cells());
        }
        output.table(&table)?;
    }
    Ok(if rows.iter().any(Row::is_wrong) {
        Outcome::Faults
    } else {
        Outcome::Done
    })
}

/// Revokes, and hands the new list to every machine in the state directory.
pub(super) fn revoke(state: &State, what: &What, output: &Output) -> anyhow::Result<Outcome> {
    let now = OffsetDateTime::now_utc();
    let meant = match (&what.machine, &what.operator, &what.serial) {
        (Some(machine), None, None) => Revoke::Machine(machine),
        (None, Some(operator), None) => Revoke::Operator(operator),
        (None, None, Some(serial)) => Revoke::Serial(serial),
        _ => bail!("name a machine, an operator or a serial number"),
    };
    let mut ca = Ca::open(&state.ca())?;
    let serials = ca.revoke(meant, now)?;
    if let Some(name) = &what.operator {
        pki::forget_operator(state, &ca, name)?;
    }
    pki::distribute_crl(state, &mut ca, now)?;
    let list = state.ca().join("crl.pem").display().to_string();
    if output.is_json() {
        output.json(&json!({ "revoked": serials, "crl": list }))?;
    } else {
        for serial in serials {
            output.line(format!("revoked: {serial}"))?;
        }
        output.line(format!(
            "carry {list} to the machines that do not share this directory"
        ))?;
    }
    Ok(Outcome::Done)
}

pub(super) fn tell(done: Vec<Done>, output: &Output) -> anyhow::Result<Outcome> {
    let said: Vec<Said> = done.into_iter().map(Said::from).collect();
    if output.is_json() {
        output.json(&said)?;
    } else if said.is_empty() {
        output.line("everything is as needed")?;
    } else {
        for one in &said {
            output.line(one.line())?;
        }
    }
    let is_wrong = said.iter().any(|said| said.is_fault);
    Ok(if is_wrong {
        Outcome::Faults
    } else {
        Outcome::Done
    })
}

/// What a topology, or one machine of it, needs.
struct Plan {
    state: State,
    ca_name: String,
    needs: Vec<Need>,
    pools: Vec<PoolNeed>,
    /// Those who have a directory here; none where one machine is asked about.
    operators: Vec<Operator>,
}

impl Plan {
    /// Returns `None` if the topology has faults, which have been told.
    fn read(scope: &Scope, output: &Output) -> anyhow::Result<Option<Self>> {
        let Some(topology) = topology_file::load(&scope.topology, output)? else {
            return Ok(None);
        };
        let state = State::new(&scope.state.dir);
        let mut operators = operators::known(&state, &topology)?;
        let mut needs = needs::certificates(&topology);
        let mut pools = needs::pools(&topology);
        if let Some(machine) = &scope.machine {
            let machine = topology_file::machine(&topology, machine)?.fqdn.as_str();
            operators.clear();
            needs.retain(|need| need.machine == machine);
            pools.retain(|pool| pool.members.iter().any(|member| member == machine));
        }
        let ca_name = needs::ca_name(&topology);
        Ok(Some(Self {
            state,
            ca_name,
            needs,
            pools,
            operators,
        }))
    }

    fn ensure(&self, now: OffsetDateTime) -> Result<Vec<Done>, pki::Error> {
        pki::ensure(&self.state, &self.ca_name, &self.needs, &self.pools, now)
    }
}

impl One {
    /// Returns the certificates that are meant: that of the face given, or all that the machine needs. `None` if the
    /// topology has faults, which have been told.
    fn needs(&self, output: &Output) -> anyhow::Result<Option<Vec<Need>>> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(None);
        };
        let machine = topology_file::machine(&topology, &self.machine)?;
        let mut needs = needs::of_machine(&topology, machine);
        if let Some(face) = self.face.map(Face::from) {
            needs.retain(|need| need.face == face);
        }
        if needs.is_empty() {
            let face = words::face(self.face.map_or(Face::Inside, Face::from));
            bail!(
                "{} has no certificate on the {face}; it has one face only",
                machine.fqdn
            );
        }
        Ok(Some(needs))
    }

    /// Returns the one certificate that is meant: the inside comes first.
    fn need(&self, output: &Output) -> anyhow::Result<Option<Need>> {
        Ok(self
            .needs(output)?
            .and_then(|needs| needs.into_iter().next()))
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
