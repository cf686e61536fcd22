//! The bindings of a configuration that lead to other Workers, read into the plan.

use crate::diagnostic::{Code, Diagnostic};
use crate::layers::Layers;
use crate::plan::ServiceBinding;
use crate::section::Section;
use crate::storage::{field, list};

/// Reads `services`.
pub(crate) fn services(layers: &Layers<'_>) -> Vec<ServiceBinding> {
    list(layers, "services", |section, node| {
        section.accept(&["environment", "remote"]);
        let binding = field(section, node, "binding", true);
        let service = field(section, node, "service", true);
        let entrypoint = field(section, node, "entrypoint", false);
        let props = props(section);
        Some(ServiceBinding {
            binding: binding?.to_owned(),
            service: service?.to_owned(),
            entrypoint: entrypoint.map(str::to_owned),
            props: props.unwrap_or_default(),
        })
    })
}

/// What the callee finds in `ctx.props`: an object.
fn props(section: &Section<'_>) -> Option<serde_json::Map<String, serde_json::Value>> {
    let node = section.node("props")?;
    if let serde_json::Value::Object(props) = node.to_json() {
        return Some(props);
    }
    let message =
        format!("Expected \"{}\" to be of type object but got {}.", section.path_of("props"), node.shown());
    section.report.push(Diagnostic::error(Code::WrongType, message).at(node.span, "expected an object"));
    None
}
