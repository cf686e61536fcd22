//! What the host and JavaScript say to each other of TCP connections.

use hognose_engine::{Context, Result, Value};

use crate::BodyId;

/// Whether a connection speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketSecurity {
    /// Never.
    Off,
    /// From the start.
    On,
    /// From [`Host::start_tls`](crate::Host::start_tls) on.
    StartTls,
}

/// A connection to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketRequest {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// Not 0.
    pub port: u16,
    /// Whether it speaks TLS.
    pub security: SocketSecurity,
    /// The body that holds what is written to it.
    pub writes: BodyId,
}

/// A connection that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketConnection {
    /// Its number, with which TLS can be started.
    pub socket: u32,
    /// This end, as `address:port`.
    pub local_address: String,
    /// The other end.
    pub remote_address: String,
    /// The body that it gives.
    pub reads: BodyId,
}

impl SocketSecurity {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "on" => Self::On,
            "starttls" => Self::StartTls,
            _ => Self::Off,
        }
    }
}

impl SocketConnection {
    /// `[socket, local address, remote address, body]`
    pub(crate) fn into_value(self, context: Context) -> Result<Value> {
        context.array(&[
            context.number(self.socket),
            context.string(&self.local_address)?,
            context.string(&self.remote_address)?,
            context.number(self.reads.0),
        ])
    }
}
