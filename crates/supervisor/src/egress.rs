//! `fetch()` as it leaves the machine: connections, certificates, redirects, and what may not be reached.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use http::header::{self, HeaderMap};
use http::{Method, Request, StatusCode, Uri, response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::sign::SingleCertAndKey;
use tokio::net::TcpStream;
use tower_service::Service as _;
use url::Url;

use crate::body::Body;
use crate::connector::{ConnectTo, Connector};
use crate::identities::ClientCertificate;
use crate::limits::REDIRECTS_MAX;
use crate::policy::EgressPolicy;
use crate::sockets::Ends;
use crate::websocket::{NetworkSocket, handshake};

/// How outgoing requests find their servers.
#[derive(Clone, Debug, Default)]
pub struct EgressOptions {
    /// A PEM file with certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Where to connect instead, as in curl's `--connect-to`; the first match counts.
    pub connect_to: Vec<ConnectTo>,
    /// What may be reached.
    pub policy: EgressPolicy,
}

/// Options that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The file of certificates cannot be read.
    #[error("cannot read certificates from `{path}`: {message}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// It holds none.
    #[error("`{path}` holds no certificate")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
}

/// Performs outgoing requests.
pub(crate) struct Egress {
    options: EgressOptions,
    certificates: Vec<rustls::pki_types::CertificateDer<'static>>,
    /// Shown to servers that ask who is there.
    own: Option<Arc<ClientCertificate>>,
    /// Made at the first request: reading the system's certificates takes milliseconds that most starts can spare.
    client: OnceLock<Client<HttpsConnector<Connector>, Body>>,
    /// The same for WebSockets, which need a connection of HTTP/1.1 to themselves.
    upgrading: OnceLock<Client<HttpsConnector<Connector>, Body>>,
    tls: OnceLock<Arc<ClientConfig>>,
}

/// What a server says that was asked for a WebSocket.
enum Granted {
    Socket(response::Parts, NetworkSocket),
    No(http::Response<hyper::body::Incoming>),
}

/// A request that a Worker wants performed.
pub(crate) struct Outgoing {
    pub(crate) head: Request<()>,
    pub(crate) body: Body,
    pub(crate) follow_redirects: bool,
    /// Whether a WebSocket is asked for.
    pub(crate) web_socket: bool,
}

/// What came back.
pub(crate) struct Fetched {
    pub(crate) head: response::Parts,
    pub(crate) body: Body,
    /// Of the request that this answers, without its fragment.
    pub(crate) url: String,
    pub(crate) redirected: bool,
    /// The WebSocket, where one was asked for and granted.
    pub(crate) web_socket: Option<NetworkSocket>,
}

/// Why there is no response. The texts are workerd's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("Fetch API cannot load: {0}")]
    Scheme(String),
    #[error("Network connection lost.")]
    Lost {
        /// Scheme, host and port of what was asked.
        origin: String,
        source: ClientError,
    },
    #[error("The server's answer to the request for a WebSocket is none.")]
    Handshake,
    #[error("Too many redirects.")]
    TooManyRedirects,
    #[error("Invalid URL: {0}")]
    RedirectUrl(String),
    #[error(
        "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect requiring the body to be retransmitted. To avoid this error in the future, construct this request from a buffer-like body initializer."
    )]
    OneTimeBody,
}

impl FetchError {
    fn lost(url: &Url) -> impl FnOnce(ClientError) -> Self {
        let origin = url.origin().ascii_serialization();
        |source| Self::Lost { origin, source }
    }

    /// The JavaScript error's class.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Lost { .. } | Self::Handshake => "Error",
            _ => "TypeError",
        }
    }

    /// What happened underneath, for the Worker's author.
    pub(crate) fn cause(&self) -> Option<String> {
        let Self::Lost { origin, source: error } = self else { return None };
        let mut text = format!("fetch() from {origin}: {error}");
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            text = format!("{text}: {inner}");
            source = inner.source();
        }
        Some(text)
    }
}

impl Egress {
    pub(crate) fn new(options: EgressOptions) -> Result<Self, EgressError> {
        let certificates = options.ca_file.as_ref().map(read_certificates).transpose()?.unwrap_or_default();
        Ok(Self::with(options, certificates, None))
    }

    /// The same way out with connections of its own, on which the certificate is presented.
    pub(crate) fn presenting(&self, own: Arc<ClientCertificate>) -> Self {
        Self::with(self.options.clone(), self.certificates.clone(), Some(own))
    }

    fn with(
        options: EgressOptions,
        certificates: Vec<rustls::pki_types::CertificateDer<'static>>,
        own: Option<Arc<ClientCertificate>>,
    ) -> Self {
        let (client, upgrading, tls) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { options, certificates, own, client, upgrading, tls }
    }

    /// Whether nothing can be reached through it, names included.
    pub(crate) fn is_closed(&self) -> bool {
        self.options.policy.is_closed
    }

    /// Performs a request, and those that redirects ask for.
    pub(crate) async fn fetch(&self, request: Outgoing) -> Result<Fetched, FetchError> {
        let Outgoing { mut head, body, follow_redirects, web_socket } = request;
        let mut url =
            Url::parse(&head.uri().to_string()).map_err(|_| FetchError::Scheme(head.uri().to_string()))?;
        let mut body = Replay::new(body);
        let mut redirects = 0;
        loop {
            let response = if web_socket {
                match self.ask_for_socket(&head, &url).await? {
                    Granted::Socket(head, socket) => return Ok(Fetched::socket(head, socket, url)),
                    Granted::No(response) => response,
                }
            } else {
                self.send(&head, &url, body.take()).await?
            };
            let target = follow_redirects.then(|| redirect_target(&response, &url)).flatten().transpose()?;
            let Some(target) = target else {
                let (head, incoming) = response.into_parts();
                let body = Body::from_network(incoming);
                url.set_fragment(None);
                let redirected = redirects > 0;
                return Ok(Fetched { head, body, url: url.into(), redirected, web_socket: None });
            };
            redirects += 1;
            if redirects > REDIRECTS_MAX {
                return Err(FetchError::TooManyRedirects);
            }
            if drops_body(response.status(), head.method()) {
                become_get(&mut head);
                body = Replay::Buffer(None);
            } else if body.is_spent() {
                return Err(FetchError::OneTimeBody);
            }
            if target.origin() != url.origin() {
                head.headers_mut().remove(header::AUTHORIZATION);
            }
            url = target;
        }
    }

    async fn send(
        &self,
        head: &Request<()>,
        url: &Url,
        body: Body,
    ) -> Result<http::Response<hyper::body::Incoming>, FetchError> {
        let request = outgoing(head, url, body)?;
        self.client().request(request).await.map_err(FetchError::lost(url))
    }

    /// Asks a server for a WebSocket.
    async fn ask_for_socket(&self, head: &Request<()>, url: &Url) -> Result<Granted, FetchError> {
        let mut request = outgoing(head, url, Body::None)?;
        let expected = handshake::ask(request.headers_mut());
        let response = self.upgrading.get_or_init(|| self.new_client(false)).request(request).await;
        let response = response.map_err(FetchError::lost(url))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Granted::No(response));
        }
        if !expected.is_met(response.headers()) {
            return Err(FetchError::Handshake);
        }
        let (head, body) = response.into_parts();
        let upgraded = hyper::upgrade::on(http::Response::from_parts(head.clone(), body)).await;
        Ok(Granted::Socket(head, NetworkSocket::to_server(upgraded.map_err(|_| FetchError::Handshake)?)))
    }

    pub(crate) fn client(&self) -> &Client<HttpsConnector<Connector>, Body> {
        self.client.get_or_init(|| self.new_client(true))
    }

    fn new_client(&self, speaks_http2: bool) -> Client<HttpsConnector<Connector>, Body> {
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(self.tls().as_ref().clone())
            .https_or_http()
            .enable_http1();
        let https = if speaks_http2 {
            https.enable_http2().wrap_connector(self.connector())
        } else {
            https.wrap_connector(self.connector())
        };
        Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https)
    }

    /// Makes a TCP connection for a Worker, under the same policy as requests.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> io::Result<(TcpStream, Ends)> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let uri = Uri::builder().scheme("http").authority(format!("{host}:{port}")).path_and_query("/");
        let uri = uri.build().map_err(io::Error::other)?;
        let stream = self.connector().call(uri).await.map_err(io::Error::other)?.into_inner();
        let ends = Ends::of(&stream)?;
        Ok((stream, ends))
    }

    fn connector(&self) -> Connector {
        Connector::new(self.options.connect_to.clone(), Arc::new(self.options.policy.clone()))
    }

    /// Where a socket that a Worker connects by itself goes, if policy lets it.
    pub(crate) fn permitted(&self, wanted: SocketAddr) -> io::Result<SocketAddr> {
        self.connector().address(wanted)
    }

    /// What connections with TLS trust and speak.
    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(self.tls.get_or_init(|| Arc::new(self.tls_config())))
    }

    fn tls_config(&self) -> ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        // What cannot be parsed is passed over, as browsers do: one odd certificate must not cost all of HTTPS.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(self.certificates.iter().cloned());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("invariant: aws-lc-rs speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots);
        match &self.own {
            Some(own) => {
                let resolver = SingleCertAndKey::from(own.0.as_ref().clone());
                config.with_client_cert_resolver(Arc::new(resolver))
            }
            None => config.with_no_client_auth(),
        }
    }
}

impl Fetched {
    fn socket(head: response::Parts, socket: NetworkSocket, url: Url) -> Self {
        Self { head, body: Body::None, url: url.into(), redirected: false, web_socket: Some(socket) }
    }
}

/// A request as it is sent.
fn outgoing(head: &Request<()>, url: &Url, body: Body) -> Result<Request<Body>, FetchError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchError::Scheme(url.to_string()));
    }
    let mut target = url.clone();
    target.set_fragment(None);
    let uri: Uri = target.as_str().parse().map_err(|_| FetchError::Scheme(url.to_string()))?;
    let mut request = Request::new(body);
    *request.method_mut() = head.method().clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = head.headers().clone();
    Ok(request)
}

/// A request's body, kept where it is there to be sent again.
enum Replay {
    Buffer(Option<bytes::Bytes>),
    Stream(Option<Body>),
}

impl Replay {
    fn new(body: Body) -> Self {
        match body {
            Body::None => Self::Buffer(None),
            Body::Whole(bytes) => Self::Buffer(Some(bytes)),
            body => Self::Stream(Some(body)),
        }
    }

    fn take(&mut self) -> Body {
        match self {
            Self::Buffer(bytes) => bytes.clone().map_or(Body::None, Body::Whole),
            Self::Stream(body) => body.take().unwrap_or_default(),
        }
    }

    /// Whether it was a stream that has been sent.
    fn is_spent(&self) -> bool {
        matches!(self, Self::Stream(None))
    }
}

/// Where a response redirects to, if it does. A fragment is inherited (Fetch standard, 4.4).
fn redirect_target<B>(response: &http::Response<B>, url: &Url) -> Option<Result<Url, FetchError>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?;
    let text = String::from_utf8_lossy(location.as_bytes());
    let target = url.join(&text).map_err(|_| FetchError::RedirectUrl(text.into_owned()));
    Some(target.map(|mut target| {
        if target.fragment().is_none() {
            target.set_fragment(url.fragment());
        }
        target
    }))
}

/// Whether the redirected request is a GET without body (Fetch standard, 4.4).
fn drops_body(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301 | 302 => method == Method::POST,
        303 => method != Method::GET && method != Method::HEAD,
        _ => false,
    }
}

fn become_get(head: &mut Request<()>) {
    *head.method_mut() = Method::GET;
    let headers: &mut HeaderMap = head.headers_mut();
    for name in
        [header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION, header::CONTENT_TYPE]
    {
        headers.remove(name);
    }
}

fn read_certificates(path: &PathBuf) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, EgressError> {
    use rustls::pki_types::pem::PemObject;
    let unreadable = |message: String| EgressError::CaFile { path: path.clone(), message };
    let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let found: Result<Vec<_>, _> = rustls::pki_types::CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| unreadable(error.to_string()))?;
    if found.is_empty() { Err(EgressError::NoCertificate { path: path.clone() }) } else { Ok(found) }
}
