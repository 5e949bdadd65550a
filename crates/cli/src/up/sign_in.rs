//! How a phone signs in at what `up` runs, for people and for programs.

use std::net::SocketAddr;
use std::path::Path;

use base::net::Role;
use serde::Serialize;
use topology::{Digest, Port, SignIn, Topology};

use super::demo::DemoUser;
use crate::output::Output;

/// A server and port that a phone is told.
#[derive(Serialize)]
pub(super) struct Entrance {
    host: String,
    port: u16,
}

impl Entrance {
    /// Where a phone inside signs in: the Director pool, or the Front Ends where there is none.
    pub(super) fn inside(topology: &Topology) -> Option<Self> {
        let pool = topology.sign_in_pool()?;
        Some(Self {
            host: pool.fqdn.to_string(),
            port: topology.ports().number(Port::Sip),
        })
    }

    /// Where a phone outside signs in: the Edge.
    pub(super) fn outside(topology: &Topology) -> Option<Self> {
        let pool = topology.pools_of(Role::Edge).next()?;
        Some(Self {
            host: pool.external_fqdn.as_ref()?.to_string(),
            port: topology.ports().number(Port::EdgeAccess),
        })
    }

    fn uri(&self) -> String {
        format!("sip:{}:{};transport=tls", self.host, self.port)
    }
}

/// Who answers for the names of the deployment, inside and outside.
#[derive(Clone, Copy, Serialize)]
pub(super) struct NameServers {
    pub(super) inside: Option<SocketAddr>,
    pub(super) outside: Option<SocketAddr>,
}

impl NameServers {
    /// What is said of them, before other ways to the names.
    fn told(self) -> Option<String> {
        match (self.inside, self.outside) {
            (Some(inside), Some(outside)) => {
                Some(format!("ask the name server {inside} (outside {outside})"))
            }
            (Some(one), None) | (None, Some(one)) => Some(format!("ask the name server {one}")),
            (None, None) => None,
        }
    }
}

/// Prints what a phone on this machine has to be told.
pub(super) fn print(
    topology: &Topology,
    state: &Path,
    name_servers: NameServers,
    user: Option<&DemoUser>,
    output: &Output,
) -> anyhow::Result<()> {
    let (inside, outside) = (Entrance::inside(topology), Entrance::outside(topology));
    let hosts = format!(
        "add the lines of {} to /etc/hosts",
        state.join("hosts").display()
    );
    output.line("To sign in with a phone on this machine")?;
    output.line(format!(
        "  trust     {}",
        state.join("ca").join("ca.pem").display()
    ))?;
    output.line(match name_servers.told() {
        Some(servers) => format!("  names     {servers}, or {hosts}"),
        None => format!("  names     {hosts}; this topology has no name server"),
    })?;
    for (place, entrance) in [("inside ", &inside), ("outside", &outside)] {
        if let Some(entrance) = entrance {
            output.line(format!("  {place}   {}", entrance.uri()))?;
        }
    }
    if topology
        .sign_in_pool()
        .is_some_and(|pool| pool.web.is_some())
    {
        output.line(format!("  browser   {}", topology.simple_urls().dialin))?;
    }
    let (Some(user), Some(entrance)) = (user, inside) else {
        return Ok(());
    };
    output.line(format!(
        "  linphone  the file in README.md: user {}, password {}, {}",
        user.name(),
        user.password,
        user.aor
    ))?;
    output.line(format!(
        "  baresip   {}",
        baresip(topology, user, &entrance)
    ))
}

/// The line of baresip's accounts, or why there is none: it knows MD5 only and does not follow a redirect.
fn baresip(topology: &Topology, user: &DemoUser, entrance: &Entrance) -> String {
    let policy = topology.sip().policy("baresip");
    let is_redirected = policy.internal_sign_in == SignIn::Redirect
        && topology.pools_of(Role::Director).next().is_some();
    if !policy.digest.contains(&Digest::Md5) || is_redirected {
        return "needs a [[sip.user_agent]] rule, as in examples/reference.toml: it knows MD5 only and follows no 301"
            .to_owned();
    }
    format!(
        "<{};transport=tls>;auth_user={};auth_pass={};outbound=\"{}\"",
        user.aor,
        user.name(),
        user.password,
        entrance.uri()
    )
}
