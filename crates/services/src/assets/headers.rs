//! `_headers`: a pattern on a line of its own, and below it, indented, the fields that responses there get (`Name:
//! value`) or lose (`! Name`).

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::Place;
use super::pattern::{Pattern, fill};

/// The most rules.
const RULES_MAX: usize = 100;
/// The longest line, in bytes.
const LINE_MAX: usize = 2000;

/// The rules.
#[derive(Default)]
pub(super) struct HeaderRules(Vec<Rule>);

struct Rule {
    pattern: Pattern,
    unset: Vec<HeaderName>,
    set: Vec<(HeaderName, String)>,
}

impl HeaderRules {
    /// Reads the rules; what is wrong with a line is added to `remarks`, and the line passed over.
    pub(super) fn parse(text: &str, remarks: &mut Vec<String>) -> Self {
        let mut rules = Self::default();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(why) = rules.add(line) {
                remarks.push(format!("_headers, line {number} is ignored: {why}"));
            }
        }
        rules
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        if line.len() > LINE_MAX {
            return Err(format!("it is longer than {LINE_MAX} bytes"));
        }
        if line.starts_with('/') || line.starts_with("https://") {
            if self.0.len() == RULES_MAX {
                return Err(format!("there may be {RULES_MAX} rules"));
            }
            self.0.push(Rule { pattern: Pattern::new(line), unset: Vec::new(), set: Vec::new() });
            return Ok(());
        }
        let rule = self.0.last_mut().ok_or("no path stands above it")?;
        let name = |name: &str| name.trim().parse().map_err(|_| format!("{name} is no header's name"));
        if let Some(unset) = line.strip_prefix('!') {
            rule.unset.push(name(unset)?);
            return Ok(());
        }
        let (field, value) = line.split_once(':').ok_or("it has no colon")?;
        HeaderValue::from_str(value.trim()).map_err(|_| format!("{value} cannot be a header's value"))?;
        rule.set.push((name(field)?, value.trim().to_owned()));
        Ok(())
    }

    /// Applies every rule that fits. A field that several give gets all their values.
    pub(super) fn apply(&self, place: Place<'_>, headers: &mut HeaderMap) {
        let mut given: HeaderMap = HeaderMap::new();
        for rule in &self.0 {
            let Some(captures) = rule.pattern.captures(place) else { continue };
            for name in &rule.unset {
                headers.remove(name);
                given.remove(name);
            }
            for (name, value) in &rule.set {
                let Ok(value) = HeaderValue::try_from(fill(value, &captures)) else { continue };
                // What the answer had before any rule gave it is replaced.
                if given.append(name, value.clone()) {
                    headers.append(name, value);
                } else {
                    headers.insert(name, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(rules: &str, path: &str) -> Vec<String> {
        let mut headers = HeaderMap::from_iter([("etag".parse().unwrap(), "x".parse().unwrap())]);
        let place = Place { host: "a.example", path, query: "" };
        HeaderRules::parse(rules, &mut Vec::new()).apply(place, &mut headers);
        let mut lines: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn rules_add_replace_and_remove() {
        let rules = "/a/*\n  X-A: 1\n  X-A: 2\n  ETag: own\n/a/:name\n  X-Name: :name\n/a/b\n  ! ETag\n";
        assert_eq!(applied(rules, "/a/b"), ["x-a: 1", "x-a: 2", "x-name: b"]);
        assert_eq!(applied(rules, "/a/b/c"), ["etag: own", "x-a: 1", "x-a: 2"]);
        assert_eq!(applied(rules, "/"), ["etag: x"]);
    }

    #[test]
    fn lines_that_mean_nothing_are_named() {
        let mut remarks = Vec::new();
        HeaderRules::parse("X-A: 1\n/a\nno colon\nbad name: x\n", &mut remarks);
        assert_eq!(remarks.len(), 3);
        assert!(remarks[0].starts_with("_headers, line 1 is ignored"));
    }
}
