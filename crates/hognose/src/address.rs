//! Where to listen: what the command line says, else the configuration, else wrangler's defaults.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use hognose_config::Dev;

use crate::cli::ServerArguments;
use crate::error::CommandError;

/// Wrangler's default.
const PORT: u16 = 8787;

/// How many ports after the default are tried, where none was asked for.
const PORTS_TRIED: u16 = 100;

/// An address that is free now. A port that was asked for must be; the default makes way for the next free one.
pub(crate) fn choose(options: &ServerArguments, dev: &Dev) -> Result<SocketAddr, CommandError> {
    let ip = ip(options.ip.as_deref().or(dev.ip.as_deref()))?;
    if let Some(port) = options.port.or(dev.port) {
        return free(SocketAddr::new(ip, port));
    }
    let default = SocketAddr::new(ip, PORT);
    let next = (PORT..PORT + PORTS_TRIED).map(|port| free(SocketAddr::new(ip, port)));
    let taken = |tried: &Result<_, _>| matches!(tried, Err(CommandError::PortInUse(_)));
    next.into_iter().find(|tried| !taken(tried)).unwrap_or(Err(CommandError::PortInUse(default)))
}

/// The address in a form that a browser takes.
pub(crate) fn url(protocol: &str, address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => format!("{protocol}://localhost:{}", address.port()),
        _ => format!("{protocol}://{address}"),
    }
}

fn ip(named: Option<&str>) -> Result<IpAddr, CommandError> {
    match named {
        None | Some("localhost") => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Some("*") => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Some(address) => address.parse().map_err(|_| CommandError::NotAnAddress(address.to_owned())),
    }
}

/// `address`, if it can be listened on at this moment. The server binds it again right after.
fn free(address: SocketAddr) -> Result<SocketAddr, CommandError> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(address),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(CommandError::PortInUse(address)),
        Err(source) => Err(CommandError::Listen { address, source }),
    }
}
