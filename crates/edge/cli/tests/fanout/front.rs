//! What operators put in front of a witness: something that terminates TLS, here with certificates of the test's own
//! authorities.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its certificate, as `SSL_CERT_FILE` takes it (RFC 7468).
    pub(crate) fn write(&self, path: &Path) {
        let text = quorate_note::base64::encode(self.0.der());
        let lines = text.as_bytes().chunks(64);
        let lines = lines.map(|line| format!("{}\n", str::from_utf8(line).unwrap()));
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n",
            lines.collect::<String>()
        );
        std::fs::write(path, pem).unwrap();
    }

    /// A server with a certificate for `host` that is valid until the first day of `year`.
    pub(crate) fn server(&self, host: &str, year: i32) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        showing(&certificate, &key)
    }
}

/// A server whose certificate for `host` is signed with its own key and may sign others.
pub(crate) fn self_signed(host: &str) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    showing(&params.self_signed(&key).unwrap(), &key)
}

fn showing(certificate: &Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key);
    Arc::new(config.unwrap())
}

/// Terminates TLS in front of a witness.
pub(crate) struct Front {
    address: SocketAddr,
    server: Arc<Mutex<Arc<ServerConfig>>>,
    handshakes: Arc<AtomicUsize>,
}

impl Front {
    /// Listens on a free port of localhost and passes on what comes to `witness`.
    pub(crate) async fn of(witness: String, server: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Self {
            address: listener.local_addr().unwrap(),
            server: Arc::new(Mutex::new(server)),
            handshakes: Arc::default(),
        };
        let (server, handshakes) = (Arc::clone(&front.server), Arc::clone(&front.handshakes));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = TlsAcceptor::from(Arc::clone(&*server.lock().unwrap()));
                let (witness, handshakes) = (witness.clone(), Arc::clone(&handshakes));
                tokio::spawn(async move {
                    // The client breaks off where it does not take the certificate.
                    let Ok(mut tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    handshakes.fetch_add(1, Ordering::SeqCst);
                    let mut plain = TcpStream::connect(witness).await.unwrap();
                    let _either_end = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
                });
            }
        });
        front
    }

    /// The submission prefix.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Shows another certificate from now on.
    pub(crate) fn shows(&self, server: Arc<ServerConfig>) {
        *self.server.lock().unwrap() = server;
    }

    /// How many connections got as far as that a request could be sent.
    pub(crate) fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::SeqCst)
    }
}
