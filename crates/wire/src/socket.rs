//! What a Worker's way out says of TCP connections. Beside `fetch` it has two methods: `connect`, whose parameters are
//! postcard of a [`Connect`], and `startTls`, with a [`StartTls`]; both are answered with a [`Connected`].
//!
//! What is written to a connection is a stream of the caller's, named in the parameters; what it gives is a stream of
//! the answer's. Both end by themselves, so that a connection can be half open.

use serde::{Deserialize, Serialize};

use crate::codec::decode;
use crate::fetch::ReadError;
use crate::value::Body;
use crate::violation::Violation;

/// The longest name of a host, in bytes (RFC 1035).
pub const HOST_MAX_BYTES: usize = 255;

/// Whether a connection speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Security {
    /// Never.
    Off,
    /// From the start.
    On,
    /// From the moment that `startTls` is called.
    StartTls,
}

/// A connection to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect<'a> {
    /// A name or an address, IPv6 without brackets.
    pub host: &'a str,
    /// Not 0.
    pub port: u16,
    /// Whether it speaks TLS.
    pub security: Security,
    /// What is written to it.
    #[serde(borrow)]
    pub body: Body<'a>,
}

/// A connection that is to speak TLS from now on. Its streams have ended before; these take their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartTls<'a> {
    /// Which, as its [`Connected`] says.
    pub socket: u32,
    /// Whom the certificate must name.
    pub host: &'a str,
    /// What is written to it.
    #[serde(borrow)]
    pub body: Body<'a>,
}

/// A connection that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected<'a> {
    /// Its number among those of this cell that may still start TLS; 0 for all others.
    pub socket: u32,
    /// This end, as `address:port`.
    pub local_address: &'a str,
    /// The other end.
    pub remote_address: &'a str,
    /// What it gives.
    #[serde(borrow)]
    pub body: Body<'a>,
}

/// Reads and checks a [`Connect`].
pub fn read_connect(bytes: &[u8]) -> Result<Connect<'_>, ReadError> {
    let connect: Connect = decode(bytes)?;
    check_host(connect.host)?;
    Ok(connect)
}

/// Reads and checks a [`StartTls`].
pub fn read_start_tls(bytes: &[u8]) -> Result<StartTls<'_>, ReadError> {
    let start: StartTls = decode(bytes)?;
    check_host(start.host)?;
    Ok(start)
}

/// Reads a [`Connected`].
pub fn read_connected(bytes: &[u8]) -> Result<Connected<'_>, ReadError> {
    Ok(decode(bytes)?)
}

fn check_host(host: &str) -> Result<(), Violation> {
    if host.len() <= HOST_MAX_BYTES {
        return Ok(());
    }
    Err(Violation::TooLong { what: "host", size: host.len(), limit: HOST_MAX_BYTES })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(host: &str) -> Vec<u8> {
        let connect = Connect { host, port: 1, security: Security::On, body: Body::None };
        postcard::to_allocvec(&connect).expect("an address is plain data")
    }

    #[test]
    fn hosts_keep_to_their_limit() {
        let longest = "h".repeat(HOST_MAX_BYTES);
        assert_eq!(read_connect(&encoded(&longest)).map(|connect| connect.port), Ok(1));
        let longer = "h".repeat(HOST_MAX_BYTES + 1);
        assert!(matches!(read_connect(&encoded(&longer)), Err(ReadError::Rule(_))));
    }
}
