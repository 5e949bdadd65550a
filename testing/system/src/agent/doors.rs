//! The doors of a deployment: how an agent gets to a name of it, and how it signs in as a phone does.

use std::net::SocketAddr;

use sip::msg::Uri;

use super::{Agent, AgentError, Link};
use crate::deployment::{Deployment, Entrance, User};
use crate::names::Names;
use crate::sip_client::contacts;
use crate::tls::{Manner, Wire, WireError};

/// What an agent has to know of a deployment to connect to it.
#[derive(Debug, Clone)]
pub struct Doors {
    manner: Manner,
    names: Names,
    inside: Entrance,
    outside: Entrance,
}

impl Doors {
    /// Reads it off a running deployment.
    ///
    /// # Errors
    /// Fails when its root certificate cannot be read.
    pub fn of(product: &Deployment) -> Result<Self, WireError> {
        Ok(Self {
            manner: Manner::of_a_phone(&product.root_certificate())?,
            names: product.names(),
            inside: product.facts().inside.clone(),
            outside: product.facts().outside.clone(),
        })
    }

    /// The same where each machine runs alone and none of them says it.
    #[must_use]
    pub const fn new(manner: Manner, names: Names, inside: Entrance, outside: Entrance) -> Self {
        Self {
            manner,
            names,
            inside,
            outside,
        }
    }

    /// Connects over TLS to the first address of a name that answers.
    ///
    /// # Errors
    /// Fails when there is none, or as the last of them failed.
    pub fn tls(&self, name: &str, port: u16) -> Result<Link, AgentError> {
        let mut last = AgentError::Unknown(name.to_owned());
        for address in self.names.addresses(name) {
            match Wire::connect(&self.manner, SocketAddr::from((*address, port)), name) {
                Ok(wire) => return Ok(Link::Tls(Box::new(wire))),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    /// Connects to where phones inside sign in, as nobody yet.
    ///
    /// # Errors
    /// Fails when nobody answers there.
    pub fn inside(&self) -> Result<Agent, AgentError> {
        Agent::new(self.tls(&self.inside.host, self.inside.port)?)
    }

    /// Connects to where phones outside sign in, as nobody yet.
    ///
    /// # Errors
    /// Fails when nobody answers there.
    pub fn outside(&self) -> Result<Agent, AgentError> {
        Agent::new(self.tls(&self.outside.host, self.outside.port)?)
    }

    /// Signs a user in inside: to a Director, and from there to the home pool.
    ///
    /// # Errors
    /// Fails when anything but a 301 and then a 200 comes.
    pub fn sign_in_inside(&self, user: &User) -> Result<Agent, AgentError> {
        let mut first = self.inside()?.acting_for(user);
        let sent = first.registration();
        let (_, redirection) = first.prove(sent)?;
        if redirection.status() != 301 {
            return Err(AgentError::status(301, &redirection));
        }
        // The home pool stands first, its backup behind it.
        let mut last = AgentError::status(301, &redirection);
        for home in contacts(&redirection) {
            match self.sign_in_at(user, &home) {
                Ok(agent) => return Ok(agent),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn sign_in_at(&self, user: &User, home: &str) -> Result<Agent, AgentError> {
        let uri = Uri::parse(home).map_err(AgentError::Garbled)?;
        let link = self.tls(uri.host, uri.port.unwrap_or(self.inside.port))?;
        let mut agent = Agent::new(link)?.acting_for(user);
        let sent = agent.registration();
        agent.sign_in(sent.start(format!("REGISTER {home} SIP/2.0")))?;
        Ok(agent)
    }

    /// Signs a user in outside, through the Edge.
    ///
    /// # Errors
    /// Fails when anything but a 200 comes in the end.
    pub fn sign_in_outside(&self, user: &User) -> Result<Agent, AgentError> {
        let mut agent = self.outside()?.acting_for(user);
        let sent = agent.registration();
        agent.sign_in(sent)?;
        Ok(agent)
    }
}
