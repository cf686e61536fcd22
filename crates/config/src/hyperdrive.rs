//! Databases in `env`: Hyperdrive bindings, of which hognose uses the connection string for development.

use crate::diagnostic::{Code, Diagnostic};
use crate::layers::Layers;
use crate::plan::Hyperdrive;
use crate::storage::{field, list};

/// What the string begins with, for the databases that Hyperdrive knows.
const SCHEMES: [&str; 3] = ["postgres://", "postgresql://", "mysql://"];

/// Reads `hyperdrive`.
pub(crate) fn hyperdrive(layers: &Layers<'_>) -> Vec<Hyperdrive> {
    list(layers, "hyperdrive", |section, node| {
        let binding = field(section, node, "binding", true);
        let _id_on_cloudflare = field(section, node, "id", false);
        let connection_string = field(section, node, "localConnectionString", false);
        if connection_string.is_some_and(|text| !is_connection_string(text)) {
            let span = section.node("localConnectionString").map_or(node.span, |node| node.span);
            let message = format!("The connection string of \"{}\" names no database.", section.path());
            let example = "for example: \"postgres://user:password@localhost:5432/database\"";
            section.report.push(
                Diagnostic::error(Code::InvalidValue, message).at(span, "cannot be used").help(example),
            );
        }
        Some(Hyperdrive {
            binding: binding?.to_owned(),
            connection_string: connection_string.map(str::to_owned),
        })
    })
}

/// Whether it has the form of a connection string: a scheme that is known, and a host.
pub fn is_connection_string(text: &str) -> bool {
    let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        !host.is_empty() && !host.starts_with(':')
    })
}
