//! Which address an outgoing connection goes to: `--connect-to`, name resolution, and the addresses that are refused.
//!
//! The check comes after resolving and holds for every connection, redirects included, so that no name can be made to
//! point inwards between check and use.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};
use std::{io, vec};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

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
    /// For what the operator pointed somewhere with `--connect-to`.
    trusted: HttpConnector<Resolver>,
    /// For all else.
    guarded: HttpConnector<Resolver>,
    allow_private: bool,
}

impl Connector {
    pub(crate) fn new(connect_to: Vec<ConnectTo>, allow_private: bool) -> Self {
        let (trusted, guarded) = (tcp(true), tcp(allow_private));
        Self { connect_to, trusted, guarded, allow_private }
    }

    /// Where to connect for this URL, if the operator has said so.
    fn redirected(&self, uri: &Uri) -> Option<Uri> {
        let host = bare_host(uri.host()?).to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let rule = self.connect_to.iter().find(|rule| {
            rule.host.as_ref().is_none_or(|wanted| *wanted == host)
                && rule.port.is_none_or(|wanted| wanted == port)
        })?;
        let host = rule.to_host.as_deref().unwrap_or(&host);
        let port = rule.to_port.unwrap_or(port);
        let authority =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Uri::builder().scheme("http").authority(authority).path_and_query("/").build().ok()
    }
}

fn tcp(allow_private: bool) -> HttpConnector<Resolver> {
    let mut connector =
        HttpConnector::new_with_resolver(Resolver { system: GaiResolver::new(), allow_private });
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
            let connecting = self.trusted.call(uri);
            return Box::pin(async move { connecting.await.map_err(Into::into) });
        }
        // An address in the URL itself is not resolved, so it is checked here.
        let literal = uri.host().and_then(|host| bare_host(host).parse().ok());
        if !self.allow_private && literal.is_some_and(is_private) {
            return Box::pin(async move { Err(refusal(&uri.to_string()).into()) });
        }
        let connecting = self.guarded.call(uri);
        Box::pin(async move { connecting.await.map_err(Into::into) })
    }
}

/// The system's resolver, without addresses that may not be reached.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    allow_private: bool,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (resolving, allow_private) = (self.system.call(name.clone()), self.allow_private);
        Box::pin(async move {
            let mut addresses: Vec<SocketAddr> = resolving.await?.collect();
            addresses.retain(|address| allow_private || !is_private(address.ip()));
            if addresses.is_empty() { Err(refusal(name.as_str())) } else { Ok(addresses.into_iter()) }
        })
    }
}

fn refusal(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{what} is a private address, which Workers may not reach"),
    )
}

/// Whether an address belongs to the machine or the operator's network rather than to the internet (the IANA special
/// registries).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_private_v4(address),
            None => is_private_v6(address),
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let protocol_assignments = first == 192 && second == 0 && third == 0;
    let benchmarking = first == 198 && (second == 18 || second == 19);
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || shared
        || protocol_assignments
        || benchmarking
        || first == 0
        || first >= 240
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let embeds_v4 = matches!(address.segments(), [0x64, 0xff9b, ..] | [0x2002, ..] | [0, 0, 0, 0, 0, 0, ..]);
    address.is_multicast() || address.is_unique_local() || address.is_unicast_link_local() || embeds_v4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(rules: &[&str], url: &str) -> Option<String> {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Connector::new(rules, true)
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

    #[test]
    fn addresses_of_the_operators_network_are_told_from_the_internets() {
        let private = "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255 \
                       ::1 :: fe80::1 fd00::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:7f00:1::";
        let public = "1.1.1.1 100.128.0.1 172.32.0.1 2606:4700::1111 ::ffff:1.1.1.1";
        for address in private.split_whitespace() {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in public.split_whitespace() {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}
