//! The bindings that count: rate limits and datasets of the Analytics Engine.

use crate::diagnostic::{Code, Diagnostic};
use crate::layers::Layers;
use crate::plan::{AnalyticsDataset, RateLimit};
use crate::storage::{field, list};

/// The periods of a rate limit, in seconds.
const PERIODS_S: [u64; 2] = [10, 60];

/// Reads `ratelimits`.
pub(crate) fn rate_limits(layers: &Layers<'_>) -> Vec<RateLimit> {
    list(layers, "ratelimits", |section, node| {
        let binding = field(section, node, "name", true);
        let namespace_id = field(section, node, "namespace_id", true);
        let simple = section.section("simple");
        if simple.is_none() && !section.has("simple") {
            let message = format!(
                "\"{}\" bindings should have an object \"simple\" with \"limit\" and \"period\".",
                section.path()
            );
            let example = "for example: simple = { limit = 100, period = 60 }";
            section
                .report
                .push(Diagnostic::error(Code::MissingKey, message).at(node.span, "no limit").help(example));
        }
        let simple = simple?;
        let limit = simple.integer("limit", 1..=u64::from(u32::MAX));
        let period_s = simple.integer("period", PERIODS_S[0]..=PERIODS_S[1]);
        let fits = period_s.is_none_or(|period_s| PERIODS_S.contains(&period_s));
        if !fits || !simple.has("period") || !simple.has("limit") {
            let message = format!(
                "\"{}\" should have a \"limit\", and a \"period\" of 10 or 60 seconds.",
                simple.path()
            );
            simple
                .report
                .push(Diagnostic::error(Code::InvalidValue, message).at(simple.span, "cannot be used"));
        }
        simple.finish();
        Some(RateLimit {
            binding: binding?.to_owned(),
            namespace_id: namespace_id?.to_owned(),
            limit: limit? as u32,
            period_s: period_s? as u32,
        })
    })
}

/// Reads `analytics_engine_datasets`.
pub(crate) fn analytics_datasets(layers: &Layers<'_>) -> Vec<AnalyticsDataset> {
    list(layers, "analytics_engine_datasets", |section, node| {
        section.accept(&["remote"]);
        let binding = field(section, node, "binding", true);
        let dataset = field(section, node, "dataset", false);
        let binding = binding?;
        Some(AnalyticsDataset { binding: binding.to_owned(), dataset: dataset.unwrap_or(binding).to_owned() })
    })
}
