//! What calls a Worker: routes and cron schedules.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::layers::Layers;
use crate::plan::Route;
use crate::section::{Section, Spanned};
use crate::tree::{Node, Value};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Cloudflare counts weekdays from 1, which is Sunday.
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The five fields of a schedule, in order.
const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[], special: |_| false },
    Field { name: "hour", least: 0, most: 23, names: &[], special: |_| false },
    Field { name: "day of month", least: 1, most: 31, names: &[], special: special_day },
    Field { name: "month", least: 1, most: 12, names: &MONTHS, special: |_| false },
    Field { name: "weekday", least: 1, most: 7, names: &WEEKDAYS, special: special_weekday },
];

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names for the values from `least` on.
    names: &'static [&'static str],
    /// Forms that only this field has.
    special: fn(&str) -> bool,
}

/// Reads `triggers.crons`.
pub(crate) fn crons(layers: &Layers<'_>) -> Vec<String> {
    let Some(section) = layers.inherited("triggers", Section::section) else { return Vec::new() };
    section.accept(&["events"]);
    let crons = section.strings("crons").unwrap_or_default();
    for cron in &crons {
        if let Some(reason) = cron_mistake(cron.value) {
            let message = format!("\"{}\" is not a cron schedule: {reason}", cron.value);
            let diagnostic = Diagnostic::error(Code::InvalidValue, message).at(cron.span, "not a schedule");
            section.report.push(diagnostic.help(
                "five fields: minute, hour, day of month, month, weekday (1 = Sunday … 7 = Saturday), in UTC",
            ));
        }
    }
    section.finish();
    crons.into_iter().map(|cron| cron.value.to_owned()).collect()
}

fn cron_mistake(cron: &str) -> Option<String> {
    let cron = cron.to_ascii_lowercase();
    let parts: Vec<&str> = cron.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Some(format!("it has {} fields instead of {}", parts.len(), FIELDS.len()));
    }
    FIELDS.iter().zip(parts).find_map(|(field, part)| {
        let wrong = part.split(',').find(|item| !field.allows(item))?;
        Some(format!("\"{wrong}\" is not a {} ({} to {})", field.name, field.least, field.most))
    })
}

impl Field {
    /// Whether `item` is `*`, a value or a range, each with an optional step, or a form of this field alone.
    fn allows(&self, item: &str) -> bool {
        if (self.special)(item) {
            return true;
        }
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let values = range == "*" || (self.is_value(from) && self.is_value(to));
        values && number(step).is_some_and(|step| (1..=self.most).contains(&step))
    }

    fn is_value(&self, text: &str) -> bool {
        self.names.contains(&text)
            || number(text).is_some_and(|value| (self.least..=self.most).contains(&value))
    }
}

/// `l` the last day, `lw` the last weekday, `15w` the weekday nearest to the 15th.
fn special_day(item: &str) -> bool {
    let day = item.strip_suffix('w').and_then(number);
    item == "l" || item == "lw" || day.is_some_and(|day| (1..=31).contains(&day))
}

/// `fril` or `6l` the last Friday of the month, `6#2` the second.
fn special_weekday(item: &str) -> bool {
    let weekday = |text: &str| {
        WEEKDAYS.contains(&text) || number(text).is_some_and(|weekday| (1..=7).contains(&weekday))
    };
    let last = item.strip_suffix('l').is_some_and(|text| text.is_empty() || weekday(text));
    let nth = item
        .split_once('#')
        .is_some_and(|(text, nth)| weekday(text) && number(nth).is_some_and(|nth| (1..=5).contains(&nth)));
    last || nth
}

/// Digits only: no sign, no blanks.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
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
    fn schedules_in_cloudflares_syntax_are_taken() {
        for cron in [
            "* * * * *",
            "*/5 0-23/2 1,15 JAN-mar MON-FRI",
            "59 23 31 12 7",
            "0 0 L * *",
            "0 0 LW * *",
            "0 0 15W * *",
            "0 0 * * friL",
            "0 0 * * 6L",
            "0 0 * * 2#1",
        ] {
            assert_eq!(cron_mistake(cron), None, "{cron}");
        }
    }

    #[test]
    fn values_one_past_their_range_are_refused() {
        for (cron, reason) in [
            ("60 * * * *", "\"60\" is not a minute (0 to 59)"),
            ("* 24 * * *", "\"24\" is not a hour (0 to 23)"),
            ("* * 32 * *", "\"32\" is not a day of month (1 to 31)"),
            ("* * 0 * *", "\"0\" is not a day of month (1 to 31)"),
            ("* * 32W * *", "\"32w\" is not a day of month (1 to 31)"),
            ("* * * 13 *", "\"13\" is not a month (1 to 12)"),
            ("* * * * 0", "\"0\" is not a weekday (1 to 7)"),
            ("* * * * 8", "\"8\" is not a weekday (1 to 7)"),
            ("* * * * 2#6", "\"2#6\" is not a weekday (1 to 7)"),
            ("*/0 * * * *", "\"*/0\" is not a minute (0 to 59)"),
            ("+1 * * * *", "\"+1\" is not a minute (0 to 59)"),
            ("* * * *", "it has 4 fields instead of 5"),
            ("* * * * * *", "it has 6 fields instead of 5"),
        ] {
            assert_eq!(cron_mistake(cron).as_deref(), Some(reason), "{cron}");
        }
    }

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
