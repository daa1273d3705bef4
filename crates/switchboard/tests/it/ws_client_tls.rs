//! The WebSocket client over TLS: whom it trusts, and that it never falls back to plain text.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    CertificateError, ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version,
};
use switchboard::ws::{self, ConnectError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::client::within;
use crate::ws_client::{Scripted, read_head, switching};

/// Somebody who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate and its key.
type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        Self::named("Authority of a test")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn sign_for(&self, names: &[&str]) -> Identity {
        self.sign(&params(names))
    }

    /// A client that trusts this authority and nobody else.
    fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// How a server does TLS.
struct Tls {
    identity: Identity,
    alpn: &'static [&'static [u8]],
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl From<Identity> for Tls {
    fn from(identity: Identity) -> Self {
        Self {
            identity,
            alpn: &[b"h2", b"http/1.1"],
            versions: vec![&version::TLS13, &version::TLS12],
        }
    }
}

/// A server that accepts one WebSocket and sends `hello`.
struct Running {
    port: u16,
    /// The application protocol, or why there was none.
    served: JoinHandle<Result<Option<Vec<u8>>, std::io::Error>>,
}

async fn start(tls: impl Into<Tls>) -> Running {
    let Tls { identity: (certificate, key), alpn, versions } = tls.into();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&versions).unwrap().with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|it| it.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let stream = listener.accept().await?.0;
        let mut stream = acceptor.accept(stream).await?;
        let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let head = read_head(&mut stream).await;
        stream.write_all(switching(&head, "").as_bytes()).await?;
        stream.write_all(b"\x81\x05hello").await?;
        // The client's goodbye.
        stream.read_u8().await?;
        Ok(alpn)
    });
    Running { port, served }
}

impl Running {
    /// What comes of a connection to this server under the name of `host`.
    async fn connect(
        &self,
        host: &str,
        config: Option<Arc<ClientConfig>>,
    ) -> Result<ws::WebSocket, ConnectError> {
        let mut connecting = ws::connect(format!("wss://{host}:{}/", self.port));
        if let Some(config) = config {
            connecting = connecting.tls_config(config);
        }
        within(connecting.into_future()).await
    }

    /// The reason why a client of this configuration does not trust this server.
    async fn distrust(&self, host: &str, config: Arc<ClientConfig>) -> CertificateError {
        match self.connect(host, Some(config)).await {
            Err(ConnectError::Certificate(why)) => why,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_of_a_trusted_authority_is_spoken_to_in_http1() {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1"] {
        let server = start(authority.sign_for(&[host])).await;
        let mut socket = server.connect(host, Some(authority.trusted())).await.unwrap();
        assert_eq!(within(socket.recv()).await.unwrap(), Some("hello".into()));
        drop(socket);
        let alpn = within(server.served).await.unwrap().unwrap();
        assert_eq!(alpn.as_deref(), Some(&b"http/1.1"[..]));
    }
}

#[tokio::test]
async fn tls_of_version_1_2_still_works() {
    let authority = Authority::new();
    let tls = Tls { versions: vec![&version::TLS12], ..authority.sign_for(&["localhost"]).into() };
    let server = start(tls).await;
    server.connect("localhost", Some(authority.trusted())).await.unwrap();
}

#[tokio::test]
async fn a_configuration_that_offers_http2_is_made_to_offer_http1() {
    let authority = Authority::new();
    let server = start(authority.sign_for(&["localhost"])).await;
    let mut config = Arc::unwrap_or_clone(authority.trusted());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    drop(server.connect("localhost", Some(Arc::new(config))).await.unwrap());
    let alpn = within(server.served).await.unwrap().unwrap();
    assert_eq!(alpn.as_deref(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted() {
    let server = start(Authority::new().sign_for(&["localhost"])).await;
    let why = server.distrust("localhost", Authority::named("another").trusted()).await;
    assert_eq!(why, CertificateError::UnknownIssuer);
}

#[tokio::test]
async fn an_authority_that_borrows_the_name_of_a_trusted_one_is_not_trusted() {
    let server = start(Authority::new().sign_for(&["localhost"])).await;
    let why = server.distrust("localhost", Authority::new().trusted()).await;
    assert_eq!(why, CertificateError::BadSignature);
}

#[tokio::test]
async fn by_default_an_authority_that_the_platform_does_not_know_is_not_trusted() {
    let server = start(Authority::new().sign_for(&["localhost"])).await;
    let error = server.connect("localhost", None).await.unwrap_err();
    // A machine without any roots cannot even ask.
    assert!(matches!(error, ConnectError::Certificate(_) | ConnectError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn a_certificate_that_signs_itself_is_not_trusted() {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["localhost"]).self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let server = start((certificate.clone(), key.clone_key())).await;
    let why = server.distrust("localhost", Authority::new().trusted()).await;
    assert_eq!(why, CertificateError::UnknownIssuer);
    let server = start((certificate, key)).await;
    let error = server.connect("localhost", None).await.unwrap_err();
    assert!(matches!(error, ConnectError::Certificate(_) | ConnectError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_trusted() {
    let authority = Authority::new();
    let mut named_by_subject = params(&[]);
    named_by_subject.distinguished_name.push(DnType::CommonName, "localhost");
    let identities = [
        ("localhost", authority.sign_for(&["example.org", "*.localhost"])),
        ("localhost", authority.sign_for(&["127.0.0.1"])),
        ("127.0.0.1", authority.sign_for(&["127.0.0.2"])),
        ("127.0.0.1", authority.sign_for(&["localhost"])),
        // Without alternative names the subject does not count (RFC 9525, section 2).
        ("localhost", authority.sign(&named_by_subject)),
    ];
    for (host, identity) in identities {
        let server = start(identity).await;
        let why = server.distrust(host, authority.trusted()).await;
        let is_expected = matches!(
            why,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        );
        assert!(is_expected, "{why:?}");
    }
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_not_trusted() {
    let authority = Authority::new();
    let mut expired = params(&["localhost"]);
    (expired.not_before, expired.not_after) =
        (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 2, 1));
    let server = start(authority.sign(&expired)).await;
    let why = server.distrust("localhost", authority.trusted()).await;
    assert!(matches!(why, CertificateError::ExpiredContext { .. }), "{why:?}");

    let mut early = params(&["localhost"]);
    (early.not_before, early.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1));
    let server = start(authority.sign(&early)).await;
    let why = server.distrust("localhost", authority.trusted()).await;
    assert!(matches!(why, CertificateError::NotValidYetContext { .. }), "{why:?}");
}

#[tokio::test]
async fn nothing_is_said_in_plain_text_to_a_server_without_tls() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.6\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://{}/secret", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut stream = listener.accept().await.unwrap().0;
            let mut heard = vec![0; 16];
            stream.read_exact(&mut heard).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.read_to_end(&mut heard).await.ok();
            heard
        });
        let connecting = ws::connect(url).tls_config(Authority::new().trusted());
        let error = within(connecting.into_future()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
        let heard = within(served).await.unwrap();
        // A handshake record, and never the request.
        assert_eq!(heard[0], 22);
        assert!(!heard.windows(6).any(|it| it == b"secret"));
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_or_is_silent_during_tls_is_given_up() {
    let silent = Scripted::start(|_| "").await;
    let connecting = ws::connect(silent.url().replace("ws:", "wss:"))
        .tls_config(Authority::new().trusted())
        .timeout(std::time::Duration::from_millis(200));
    let error = within(connecting.into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout), "{error:?}");
    // It waits for a head that never came; there is nothing more to learn from it.
    drop(silent);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    let connecting = ws::connect(url).tls_config(Authority::new().trusted());
    let error = within(connecting.into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_can_only_do_old_tls_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        stream.read_exact(&mut [0; 16]).await.unwrap();
        // ServerHello of TLS 1.1 with TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA.
        let mut hello = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02".to_vec();
        hello.extend([7; 32]);
        hello.extend(b"\x00\xc0\x13\x00");
        stream.write_all(&hello).await.unwrap();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|it| it != 0) {}
    });
    let connecting = ws::connect(url).tls_config(Authority::new().trusted());
    let error = within(connecting.into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_speaks_http2_alone_is_refused() {
    let authority = Authority::new();
    let tls = Tls { alpn: &[b"h2"], ..authority.sign_for(&["localhost"]).into() };
    let server = start(tls).await;
    let error = server.connect("localhost", Some(authority.trusted())).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_of_tls_is_not_understood_without_it() {
    let authority = Authority::new();
    let server = start(authority.sign_for(&["localhost"])).await;
    let connecting = ws::connect(format!("ws://localhost:{}/", server.port));
    let error = within(connecting.into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotHttp(_) | ConnectError::Lost(_)), "{error:?}");
}

#[tokio::test]
async fn a_url_whose_host_no_certificate_can_name_is_refused() {
    let error = within(ws::connect("wss://127.1:1/").into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::BadUrl(_)), "{error:?}");
}
