//! TLS towards callers: certificate and key from PEM files, HTTP/2 and HTTP/1.1 by ALPN.

use std::{io, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::config::TlsFiles;

/// Why the files can not be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {why}")]
    File { path: String, why: String },
    #[error("certificate {cert} and key {key} do not go together: {source}")]
    Mismatch { cert: String, key: String, source: rustls::Error },
    #[error("TLS is not available: {0}")]
    Unavailable(rustls::Error),
}

/// Reads the files and makes the configuration of a listener.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let file = |path: &Path, why: String| TlsError::File { path: path.display().to_string(), why };
    let certs = CertificateDer::pem_file_iter(&files.cert)
        .and_then(|certs| certs.collect::<Result<Vec<_>, _>>())
        .map_err(|e| file(&files.cert, e.to_string()))?;
    if certs.is_empty() {
        return Err(file(&files.cert, io::Error::other("holds no certificate").to_string()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| file(&files.key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unavailable)?
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .map_err(|source| TlsError::Mismatch {
            cert: files.cert.display().to_string(),
            key: files.key.display().to_string(),
            source,
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
