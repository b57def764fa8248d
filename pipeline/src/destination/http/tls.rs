//! TLS as the settings say, made with the first client: certificates are read then, not at start.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use spanlayer_host::files;

use super::Transport;

/// The configuration for a destination. One that speaks no TLS gets one that trusts nobody, since the HTTP client
/// wants some.
///
/// # Errors
///
/// Says which file cannot be read or used, and why.
pub(super) fn config(transport: &Transport) -> Result<ClientConfig, String> {
    let mut config = identified(transport)?;
    if transport.http2 {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    Ok(config)
}

/// Whom we trust, and whom we show ourselves as.
fn identified(transport: &Transport) -> Result<ClientConfig, String> {
    let roots = match &transport.certificate {
        _ if !transport.tls => RootCertStore::empty(),
        Some(file) => trusting_only(file)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no TLS: {error}"))?
        .with_root_certificates(roots);
    let Some(client) = &transport.client else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(&client.chain)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&client.key)?)
        .map_err(|_| format!("{} holds no private key in PEM form", client.key.display()))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| {
        format!("{} and {} do not fit: {error}", client.chain.display(), client.key.display())
    })
}

fn trusting_only(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(roots)
}

pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("{} holds no certificate in PEM form", file.display())),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    files::bytes(file).map_err(|why| format!("{} {why}", file.display()))
}
