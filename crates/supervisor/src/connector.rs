//! Which address an outgoing connection goes to: `--connect-to`, name resolution, and what policy says of the result.
//! That holds for every connection, redirects included.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{io, vec};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use crate::policy::{EgressPolicy, refusal};

/// One `HOST:PORT:HOST2:PORT2`: connections to the first pair go to the second. An empty part of the first pair matches
/// everything; an empty part of the second leaves it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    /// The host as the URL names it, in lower case, IPv6 without brackets.
    pub host: Option<String>,
    /// The port as the URL names or implies it.
    pub port: Option<u16>,
    /// The host or address to connect to instead.
    pub to_host: Option<String>,
    /// The port to connect to instead.
    pub to_port: Option<u16>,
}

/// A text that is no `HOST:PORT:HOST2:PORT2`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form HOST:PORT:HOST2:PORT2")]
pub struct ConnectToError(String);

impl FromStr for ConnectTo {
    type Err = ConnectToError;

    fn from_str(text: &str) -> Result<Self, ConnectToError> {
        let wrong = || ConnectToError(text.to_owned());
        let [host, port, to_host, to_port] =
            <[&str; 4]>::try_from(split_colons(text)).map_err(|_| wrong())?;
        let some_host =
            |host: &str| Some(bare_host(host).to_ascii_lowercase()).filter(|host| !host.is_empty());
        let some_port = |port: &str| match port {
            "" => Ok(None),
            port => port.parse().map(Some).map_err(|_| wrong()),
        };
        Ok(Self {
            host: some_host(host),
            port: some_port(port)?,
            to_host: some_host(to_host),
            to_port: some_port(to_port)?,
        })
    }
}

/// Splits at the colons outside brackets.
fn split_colons(text: &str) -> Vec<&str> {
    let mut inside = false;
    text.split(|character| {
        inside = (inside || character == '[') && character != ']';
        character == ':' && !inside
    })
    .collect()
}

fn bare_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Makes TCP connections.
#[derive(Clone)]
pub(crate) struct Connector {
    connect_to: Vec<ConnectTo>,
    policy: Arc<EgressPolicy>,
}

impl Connector {
    pub(crate) fn new(connect_to: Vec<ConnectTo>, policy: Arc<EgressPolicy>) -> Self {
        Self { connect_to, policy }
    }

    /// Where to connect instead of an address: where the operator has said, or there if policy permits it.
    pub(crate) fn address(&self, wanted: SocketAddr) -> io::Result<SocketAddr> {
        let host = wanted.ip().to_string();
        let Some(rule) = self.rule(&host, wanted.port()) else {
            return if self.policy.permits(wanted) { Ok(wanted) } else { Err(refusal(&wanted.to_string())) };
        };
        let to = rule.to_host.as_deref().unwrap_or(&host).parse().map_err(io::Error::other)?;
        Ok(SocketAddr::new(to, rule.to_port.unwrap_or(wanted.port())))
    }

    fn rule(&self, host: &str, port: u16) -> Option<&ConnectTo> {
        self.connect_to.iter().find(|rule| {
            rule.host.as_ref().is_none_or(|wanted| *wanted == host)
                && rule.port.is_none_or(|wanted| wanted == port)
        })
    }

    /// Where to connect for this URL, if the operator has said so.
    fn redirected(&self, uri: &Uri) -> Option<Uri> {
        let host = bare_host(uri.host()?).to_ascii_lowercase();
        let port = port_of(uri);
        let rule = self.rule(&host, port)?;
        let host = rule.to_host.as_deref().unwrap_or(&host);
        let port = rule.to_port.unwrap_or(port);
        let authority =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Uri::builder().scheme("http").authority(authority).path_and_query("/").build().ok()
    }
}

/// `policy` is asked about each address; where there is none, the operator has pointed there.
fn tcp(policy: Option<(Arc<EgressPolicy>, u16)>) -> HttpConnector<Resolver> {
    let mut connector = HttpConnector::new_with_resolver(Resolver { system: GaiResolver::new(), policy });
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}

impl Service<Uri> for Connector {
    type Response = <HttpConnector<Resolver> as Service<Uri>>::Response;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if let Some(uri) = self.redirected(&uri) {
            let connecting = tcp(None).call(uri);
            return Box::pin(async move { connecting.await.map_err(Into::into) });
        }
        let port = port_of(&uri);
        // An address in the URL itself is not resolved, so it is checked here.
        let literal = uri.host().and_then(|host| bare_host(host).parse().ok());
        if literal.is_some_and(|ip: IpAddr| !self.policy.permits((ip, port).into())) {
            return Box::pin(async move { Err(refusal(&uri.to_string()).into()) });
        }
        let connecting = tcp(Some((Arc::clone(&self.policy), port))).call(uri);
        Box::pin(async move { connecting.await.map_err(Into::into) })
    }
}

/// The port as the URL names or implies it.
fn port_of(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })
}

/// The system's resolver, without addresses that may not be reached.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    /// With the port that the connection is to have.
    policy: Option<(Arc<EgressPolicy>, u16)>,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (resolving, policy) = (self.system.call(name.clone()), self.policy.clone());
        Box::pin(async move {
            let mut addresses: Vec<SocketAddr> = resolving.await?.collect();
            let permits = |(policy, port): &(Arc<EgressPolicy>, u16), ip| policy.permits((ip, *port).into());
            addresses.retain(|address| policy.as_ref().is_none_or(|policy| permits(policy, address.ip())));
            if addresses.is_empty() { Err(refusal(name.as_str())) } else { Ok(addresses.into_iter()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(rules: &[&str], url: &str) -> Option<String> {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Connector::new(rules, Arc::default())
            .redirected(&url.parse().unwrap())
            .map(|uri| uri.authority().unwrap().to_string())
    }

    #[test]
    fn connect_to_matches_host_and_port_and_replaces_what_it_names() {
        assert_eq!(
            target(&["a.example:443:127.0.0.1:8443"], "https://A.example/x").unwrap(),
            "127.0.0.1:8443"
        );
        assert_eq!(target(&["a.example:443:127.0.0.1:8443"], "http://a.example/x"), None);
        assert_eq!(target(&["::localhost:"], "http://b.example:81/").unwrap(), "localhost:81");
        assert_eq!(target(&[":80::9"], "http://b.example/").unwrap(), "b.example:9");
        assert_eq!(target(&["[::1]:80:[::2]:9"], "http://[::1]/").unwrap(), "[::2]:9");
        assert_eq!(target(&["x:::1", "a:::2"], "http://a/").unwrap(), "a:2");
    }

    #[test]
    fn connect_to_of_another_form_is_refused() {
        for text in ["", "a:1:b", "a:1:b:2:3", "a:x:b:2", "a:1:b:65536"] {
            assert!(text.parse::<ConnectTo>().is_err(), "{text}");
        }
    }
}
