//! TLS: whom we trust, and whom we show ourselves to.

use std::{fs, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use spanlayer_pipeline::settings::{ClientCertificate, Otlp};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

use super::{LEFT, ONCE, TAKEN, Under, support::http::Server};

/// A certificate authority, and files in a directory that goes with it.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: rcgen::Certificate,
    directory: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let directory = std::env::temp_dir().join(format!("spanlayer-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        Self { issuer: Issuer::new(params, key), root, directory }
    }

    fn file(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.directory.join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    fn certificate(&self, host: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A server for 127.0.0.1 that may want to see a certificate of this authority.
    async fn server(&self, wants_certificate: bool) -> Server {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if wants_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.root.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = self.certificate("127.0.0.1");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Server::with_tls(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()).await
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn https(server: &Server) -> Otlp {
    Otlp::http(&format!("https://{}", server.address)).unwrap()
}

#[tokio::test]
async fn a_certificate_of_ones_own_authority_is_enough_by_itself() {
    let authority = Authority::new("alone");
    let server = authority.server(false).await;
    let mut http = https(&server);
    http.certificate = Some(authority.file("ca.pem", &authority.root.pem()));
    assert_eq!(Under::test(http, ONCE).sent(1).await, TAKEN);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_nothing() {
    let authority = Authority::new("stranger");
    let server = authority.server(false).await;
    let under = Under::test(https(&server), ONCE);
    assert_eq!(under.sent(1).await, LEFT);
    assert!(under.told().contains("invalid peer certificate"), "{}", under.told());
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_asks_who_we_are_is_shown_our_certificate() {
    let authority = Authority::new("mutual");
    let server = authority.server(true).await;
    let (certificate, key) = authority.certificate("client");
    let mut http = https(&server);
    http.certificate = Some(authority.file("ca.pem", &authority.root.pem()));
    assert_eq!(Under::test(http.clone(), ONCE).sent(1).await, LEFT, "not without one");
    http.client = Some(ClientCertificate {
        chain: authority.file("client.pem", &certificate.pem()),
        key: authority.file("key.pem", &key.serialize_pem()),
    });
    assert_eq!(Under::test(http, ONCE).sent(1).await, TAKEN);
}

#[tokio::test]
async fn certificates_that_are_replaced_count_from_the_next_request_on() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let server = new.server(true).await;
    let mut http = https(&server);
    let ca = old.file("ca.pem", &old.root.pem());
    let show = |authority: &Authority| {
        let (certificate, key) = authority.certificate("client");
        let chain = old.file("client.pem", &certificate.pem());
        ClientCertificate { chain, key: old.file("key.pem", &key.serialize_pem()) }
    };
    http.certificate = Some(ca.clone());
    http.client = Some(show(&old));
    let under = Under::test(http, ONCE);
    assert_eq!(under.sent(1).await, LEFT);
    // Of another length than before, so that the clock of the file system does not matter.
    fs::write(&ca, format!("{}\n\n", new.root.pem())).unwrap();
    show(&new);
    let report = under.pipeline.shutdown(super::Deadline::within(super::Duration::from_secs(5))).await;
    assert!(format!("{report:?}").contains("delivered: 1"), "{report:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_certificate_that_expires_within_two_weeks_is_told_of_once() {
    let authority = Authority::new("expiry");
    let server = authority.server(true).await;
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["client".to_owned()]).unwrap();
    let in_three_days = spanlayer_host::clock::unix() + super::Duration::from_secs(3 * 86_400 + 60);
    params.not_after = date_time_ymd(1970, 1, 1) + in_three_days;
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let chain = authority.file("client.pem", &certificate.pem());
    let mut http = https(&server);
    http.certificate = Some(authority.file("ca.pem", &authority.root.pem()));
    http.client = Some(ClientCertificate {
        chain: chain.clone(),
        key: authority.file("key.pem", &key.serialize_pem()),
    });
    let under = Under::test(http, ONCE);
    assert_eq!(under.sent(1).await, TAKEN);
    assert_eq!(under.sent(1).await, TAKEN);
    let warning =
        format!("a certificate in {}, for https://{}, expires in 3 days\n", chain.display(), server.address);
    assert_eq!(under.told().matches(&warning).count(), 1, "{}", under.told());
    // The authority's own lasts for longer: the first to expire counts.
    let seen = super::support::scrape::Scrape::of(&under.pipeline.metrics().to_prometheus());
    let left = seen.value("spanlayer_exporter_certificate_expiry_seconds", &[]);
    assert!((259_200.0..259_260.0).contains(&left), "{left}");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_and_nothing_is_lost() {
    let authority = Authority::new("files");
    let server = authority.server(false).await;
    let mut http = https(&server);
    for (file, says) in [
        (authority.directory.join("missing.pem"), "cannot be read"),
        (authority.file("empty.pem", "no PEM"), "holds no certificate in PEM form"),
    ] {
        http.certificate = Some(file.clone());
        let under = Under::test(http.clone(), ONCE);
        assert_eq!(under.sent(1).await, LEFT);
        let told = under.told();
        assert!(told.contains(says) && told.contains(&file.display().to_string()), "{told}");
    }
}
