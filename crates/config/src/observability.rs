//! Logs and traces: what is kept, and of how many invocations.

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::{Observability, Signal};
use crate::section::Section;

/// Reads `observability`.
pub(crate) fn read(section: Section<'_>) -> Observability {
    let enabled = section.boolean("enabled");
    let rate = sampling_rate(&section);
    let logs = section.section("logs");
    let traces = section.section("traces");
    let says = |part: &Option<Section<'_>>| part.as_ref().is_some_and(|part| part.has("enabled"));
    if !section.has("enabled") && !says(&logs) && !says(&traces) {
        let path = section.path();
        let message = format!(
            "\"{path}.enabled\" or \"{path}.logs.enabled\" or \"{path}.traces.enabled\" is required."
        );
        section
            .report
            .push(Diagnostic::error(Code::MissingKey, message).at(section.span, "says none of them"));
    }
    let outer = Signal { enabled: enabled.unwrap_or(false), head_sampling_rate: rate.unwrap_or(1.0) };
    let invocation_logs = logs.as_ref().and_then(|logs| logs.boolean("invocation_logs")).unwrap_or(true);
    section.accept(&["redact"]);
    section.finish();
    Observability {
        logs: signal(logs, outer),
        invocation_logs,
        // Traces are never on merely because logs are.
        traces: signal(traces, Signal { enabled: false, ..outer }),
    }
}

/// What a part of its own says, with `outer` for what it leaves out.
fn signal(section: Option<Section<'_>>, outer: Signal) -> Signal {
    let Some(section) = section else { return outer };
    let signal = Signal {
        enabled: section.boolean("enabled").unwrap_or(outer.enabled),
        head_sampling_rate: sampling_rate(&section).unwrap_or(outer.head_sampling_rate),
    };
    section.accept(&["destinations", "persist", "propagation_policy"]);
    section.finish();
    signal
}

fn sampling_rate(section: &Section<'_>) -> Option<f64> {
    let rate = section.number("head_sampling_rate")?;
    if (0.0..=1.0).contains(&rate.value) {
        return Some(rate.value);
    }
    let path = section.path_of("head_sampling_rate");
    let message = format!("\"{path}\" must be a value between 0 and 1.");
    section.report.push(Diagnostic::error(Code::InvalidValue, message).at(rate.span, "out of range"));
    None
}
