//! Which certificate was not believed: the library ends the handshake and forgets it, but whoever looks for the fault wants
//! to know which one it was.
//!
//! A configuration is shared by many handshakes, so a verifier cannot know for which of them it is asked. It runs on the
//! thread that takes the handshake on, though, within that one step, and whoever made the step takes what it left there
//! before anything else runs on the thread ([`take`], [`watch`]).

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

thread_local! {
    static REFUSED: RefCell<Option<CertificateDer<'static>>> = const { RefCell::new(None) };
}

/// Takes the certificate that was refused in the step just made, if one was.
pub(crate) fn take() -> Option<CertificateDer<'static>> {
    REFUSED.take()
}

/// Takes a handshake on to its end; returns with it the certificate that was refused in it.
pub(crate) async fn watch<F: Future>(handshake: F) -> (F::Output, Option<CertificateDer<'static>>) {
    let mut handshake = pin!(handshake);
    let mut refused = None;
    let output = poll_fn(|cx| {
        let _of_another = take();
        let polled = handshake.as_mut().poll(cx);
        refused = refused.take().or_else(take);
        polled
    })
    .await;
    (output, refused)
}

fn noted<T>(verdict: Result<T, Error>, certificate: &CertificateDer<'_>) -> Result<T, Error> {
    verdict.inspect_err(|_| REFUSED.set(Some(certificate.clone().into_owned())))
}

/// A verifier of clients that leaves behind what it refuses.
#[derive(Debug)]
pub(super) struct OfClients(pub(super) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for OfClients {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verdict = self.0.verify_client_cert(end_entity, intermediates, now);
        noted(verdict, end_entity)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict = self.0.verify_tls12_signature(message, certificate, signed);
        noted(verdict, certificate)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict = self.0.verify_tls13_signature(message, certificate, signed);
        noted(verdict, certificate)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.0.requires_raw_public_keys()
    }
}

/// A verifier of servers that leaves behind what it refuses.
#[derive(Debug)]
pub(super) struct OfServers(pub(super) Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for OfServers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = &self.0;
        let verdict = verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        noted(verdict, end_entity)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict = self.0.verify_tls12_signature(message, certificate, signed);
        noted(verdict, certificate)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict = self.0.verify_tls13_signature(message, certificate, signed);
        noted(verdict, certificate)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.0.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.0.root_hint_subjects()
    }
}
