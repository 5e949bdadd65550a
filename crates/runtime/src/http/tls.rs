//! TLS at a door: what is shown depends on the name that is called.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Secured;
use crate::tls::Credentials;

/// Makes the configuration of a door again only when its credentials have been reloaded.
#[derive(Default)]
pub(super) struct Ready {
    made: Option<(Arc<Credentials>, Arc<ServerConfig>)>,
}

impl Ready {
    /// Returns the configuration for a handshake that begins now.
    pub(super) fn config(&mut self, secured: &Secured) -> Arc<ServerConfig> {
        let current = secured.store.current();
        if let Some((of, config)) = &self.made
            && Arc::ptr_eq(of, &current)
        {
            return Arc::clone(config);
        }
        let config = match &secured.names {
            None => current.web(),
            Some(names) => Arc::new(only(names, &current.web())),
        };
        self.made = Some((current, Arc::clone(&config)));
        config
    }
}

fn only(names: &Arc<[String]>, config: &ServerConfig) -> ServerConfig {
    let mut config = config.clone();
    config.cert_resolver = Arc::new(Only {
        names: Arc::clone(names),
        shown: Arc::clone(&config.cert_resolver),
    });
    config
}

/// Shows a certificate to whoever calls one of these names, and an alert to everybody else.
#[derive(Debug)]
struct Only {
    names: Arc<[String]>,
    shown: Arc<dyn ResolvesServerCert>,
}

impl ResolvesServerCert for Only {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let called = hello.server_name()?;
        let known = self
            .names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(called));
        if known {
            self.shown.resolve(hello)
        } else {
            None
        }
    }
}
