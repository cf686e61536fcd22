//! What calls a Worker: routes and cron schedules.

use crate::cron::Schedule;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::layers::Layers;
use crate::plan::Route;
use crate::section::{Section, Spanned};
use crate::tree::{Node, Value};

/// Reads `triggers.crons`.
pub(crate) fn crons(layers: &Layers<'_>) -> Vec<Schedule> {
    let Some(section) = layers.inherited("triggers", Section::section) else { return Vec::new() };
    section.accept(&["events"]);
    let crons = section.strings("crons").unwrap_or_default();
    let schedules = crons.iter().filter_map(|cron| schedule(&section, cron)).collect();
    section.finish();
    schedules
}

fn schedule(section: &Section<'_>, cron: &Spanned<&str>) -> Option<Schedule> {
    match Schedule::parse(cron.value) {
        Ok(schedule) => Some(schedule),
        Err(reason) => {
            let message = format!("\"{}\" is not a cron schedule: {reason}", cron.value);
            let diagnostic = Diagnostic::error(Code::InvalidValue, message).at(cron.span, "not a schedule");
            section.report.push(diagnostic.help(
                "five fields: minute, hour, day of month, month, weekday (1 = Sunday … 7 = Saturday), in UTC",
            ));
            None
        }
    }
}

/// Reads `route` or `routes`, of which there may be only one.
pub(crate) fn routes(layers: &Layers<'_>) -> Vec<Route> {
    let report = layers.top.report;
    // Either key of an environment replaces both of the top level.
    layers.accept(&["route", "routes"]);
    let in_environment = layers.environment_has("route") || layers.environment_has("routes");
    let section = if in_environment { layers.innermost() } else { &layers.top };
    let (single, several) = (section.node("route"), section.array("routes"));
    if let (Some(single), Some(_)) = (single, several) {
        let message = "Expected exactly one of the following fields [\"routes\",\"route\"].";
        let diagnostic = Diagnostic::error(Code::Conflict, message);
        report.push(diagnostic.at(single.span, "there is \"routes\", too"));
    }
    single.into_iter().chain(several.unwrap_or_default()).filter_map(|node| route(node, report)).collect()
}

fn route(node: &Node, report: &Report) -> Option<Route> {
    let custom_domain = is_custom_domain(node);
    let Some(pattern) = pattern(node) else {
        let message = format!(
            "Expected a route to be either a string, or an object with shape {{ pattern, custom_domain, zone_id | \
             zone_name, enabled, previews_enabled }}, but got {}.",
            node.shown()
        );
        report.push(Diagnostic::error(Code::WrongType, message).at(node.span, "not a route"));
        return None;
    };
    if let Some(mistake) = pattern_mistake(pattern.value, custom_domain) {
        let message = format!("\"{}\" is not a usable route: {mistake}", pattern.value);
        report.push(Diagnostic::error(Code::InvalidValue, message).at(pattern.span, "not a route"));
    }
    Some(Route { pattern: pattern.value.to_owned(), custom_domain })
}

fn is_custom_domain(node: &Node) -> bool {
    let given = node.as_table().and_then(|table| table.get("custom_domain"));
    given.is_some_and(|given| given.value == Value::Boolean(true))
}

/// The pattern of a route of the right shape.
fn pattern(node: &Node) -> Option<Spanned<&str>> {
    let Value::Table(table) = &node.value else { return node.as_string() };
    let well_typed = table.entries.iter().all(|entry| match entry.key.as_str() {
        "pattern" | "zone_id" | "zone_name" => entry.node.as_string().is_some(),
        "custom_domain" | "enabled" | "previews_enabled" => matches!(entry.node.value, Value::Boolean(_)),
        _ => false,
    });
    let has = |key| table.get(key).is_some();
    let placed = has("zone_id") || has("zone_name") || has("custom_domain");
    let exclusive = !(has("zone_id") && has("zone_name"));
    table.get("pattern")?.as_string().filter(|_| well_typed && placed && exclusive)
}

fn pattern_mistake(pattern: &str, custom_domain: bool) -> Option<&'static str> {
    let address = pattern.strip_prefix("https://").or(pattern.strip_prefix("http://")).unwrap_or(pattern);
    if custom_domain {
        return match address {
            _ if address.contains('*') => Some("Wildcard operators (*) are not allowed in Custom Domains"),
            _ if address.contains('/') => Some("Paths are not allowed in Custom Domains"),
            _ => None,
        };
    }
    let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    if host.is_empty() {
        return Some("it has no host");
    }
    let inner_host = host.strip_prefix('*').unwrap_or(host);
    let inner_path = path.strip_suffix('*').unwrap_or(path);
    let misplaced = inner_host.contains('*') || inner_path.contains('*');
    misplaced.then_some("`*` may only start the host and end the path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_at_the_ends_of_a_route() {
        for pattern in ["example.com/*", "*.example.com/api/*", "*example.com", "https://example.com/a"] {
            assert_eq!(pattern_mistake(pattern, false), None, "{pattern}");
        }
        for pattern in ["a.*.com/", "example.com/*/x", "example.com*"] {
            assert_eq!(
                pattern_mistake(pattern, false),
                Some("`*` may only start the host and end the path"),
                "{pattern}"
            );
        }
        assert_eq!(pattern_mistake("/x", false), Some("it has no host"));
    }

    #[test]
    fn a_custom_domain_is_a_bare_host() {
        assert_eq!(pattern_mistake("api.example.com", true), None);
        assert_eq!(
            pattern_mistake("*.example.com", true),
            Some("Wildcard operators (*) are not allowed in Custom Domains")
        );
        assert_eq!(pattern_mistake("example.com/a", true), Some("Paths are not allowed in Custom Domains"));
    }
}
