//! Encrypted connections, with libpq's levels of trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// How much of the server's identity is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Encrypt, to whomever: against listeners only.
    Anyone,
    /// The certificate comes from a trusted authority.
    Authority,
    /// And it is for this host.
    Host,
}

/// The certificates of the trusted authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("could not read certificates from {path} (`sslrootcert`): {reason}")]
    RootCertificates { path: PathBuf, reason: String },
    #[error("this machine has no trusted certificates: name some with `sslrootcert`")]
    NoRootCertificates,
    #[error("{0}")]
    Setup(String),
}

/// The authorities are those in `roots`, else those of the machine.
pub(super) fn client_config(trust: Trust, roots: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let setup = |err: &dyn std::fmt::Display| TlsError::Setup(err.to_string());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Anyone => Arc::new(Lenient { authority: None, provider: Arc::clone(&provider) }),
        Trust::Authority | Trust::Host => {
            let roots = Arc::new(root_certificates(roots)?);
            let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
            let strict = builder.build().map_err(|err| setup(&err))?;
            match trust {
                Trust::Host => strict,
                _ => Arc::new(Lenient { authority: Some(strict), provider: Arc::clone(&provider) }),
            }
        }
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|err| setup(&err))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn root_certificates(path: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = path.filter(|path| *path != Path::new("system")) else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() { Err(TlsError::NoRootCertificates) } else { Ok(roots) };
    };
    let failed = |reason: String| TlsError::RootCertificates { path: path.to_owned(), reason };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|err| failed(err.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|err| failed(err.to_string()))?;
        roots.add(certificate).map_err(|err| failed(err.to_string()))?;
    }
    if roots.is_empty() { Err(failed("it holds none".to_owned())) } else { Ok(roots) }
}

/// Forgives a wrong host name, and without an authority any certificate. That the server owns the
/// key of its certificate is always checked.
#[derive(Debug)]
struct Lenient {
    authority: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        // The name is the last thing that it checks.
        match authority.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
