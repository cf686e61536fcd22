//! The bindings of a configuration that lead to other Workers, read into the plan.

use crate::diagnostic::{Code, Diagnostic};
use crate::layers::Layers;
use crate::plan::{SendEmail, ServiceBinding, Workflow};
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

/// Reads `worker_loaders`.
pub(crate) fn worker_loaders(layers: &Layers<'_>) -> Vec<String> {
    list(layers, "worker_loaders", |section, node| field(section, node, "binding", true).map(str::to_owned))
}

/// Reads `tail_consumers`.
pub(crate) fn tail_consumers(layers: &Layers<'_>) -> Vec<String> {
    list(layers, "tail_consumers", |section, node| {
        section.accept(&["environment"]);
        field(section, node, "service", true).map(str::to_owned)
    })
}

/// Reads `send_email`.
pub(crate) fn send_email(layers: &Layers<'_>) -> Vec<SendEmail> {
    list(layers, "send_email", |section, node| {
        section.accept(&["remote"]);
        let binding = field(section, node, "name", true);
        let destination = field(section, node, "destination_address", false);
        let addresses = |key| {
            let given = section.strings(key)?;
            Some(given.into_iter().map(|address| address.value.to_owned()).collect())
        };
        let destinations = addresses("allowed_destination_addresses");
        let senders = addresses("allowed_sender_addresses");
        let destination = destination.map(str::to_owned);
        Some(SendEmail { binding: binding?.to_owned(), destination, destinations, senders })
    })
}

/// How many steps an instance of a workflow may take where nobody says otherwise, and at the most.
const STEPS: (u64, u64) = (10_000, 25_000);

/// Reads `workflows`.
pub(crate) fn workflows(layers: &Layers<'_>) -> Vec<Workflow> {
    list(layers, "workflows", |section, node| {
        section.accept(&["remote", "schedules"]);
        let binding = field(section, node, "binding", true);
        let name = field(section, node, "name", true);
        let class_name = field(section, node, "class_name", true);
        let script_name = field(section, node, "script_name", false);
        let limits = section.section("limits");
        let steps_max = limits.as_ref().and_then(|limits| limits.integer("steps", 1..=STEPS.1));
        limits.into_iter().for_each(Section::finish);
        Some(Workflow {
            binding: binding?.to_owned(),
            name: name?.to_owned(),
            class_name: class_name?.to_owned(),
            script_name: script_name.map(str::to_owned),
            steps_max: steps_max.unwrap_or(STEPS.0),
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
