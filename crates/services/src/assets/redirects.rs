//! `_redirects`: lines of `from to [status]`.

use std::collections::{HashMap, HashSet};

use http::StatusCode;

use super::Place;
use super::pattern::{Pattern, fill};

/// The most rules that name one place.
const STATIC_MAX: usize = 2000;
/// The most rules with `*` or `:name`.
const DYNAMIC_MAX: usize = 100;
/// The longest line, in bytes.
const LINE_MAX: usize = 2000;

/// The rules.
#[derive(Default)]
pub(super) struct Redirects {
    /// By what they are for: a path, or `https://host/path`.
    fixed: HashMap<String, Rule>,
    dynamic: Vec<(Pattern, Rule)>,
}

struct Rule {
    to: String,
    status: StatusCode,
}

/// Where a rule leads.
pub(super) enum Destination {
    /// To a `Location`.
    Elsewhere(StatusCode, String),
    /// To another path of the same assets, without the client's knowing.
    Here(String),
}

impl Redirects {
    /// Reads the rules; what is wrong with a line is added to `remarks`, and the line passed over.
    pub(super) fn parse(text: &str, remarks: &mut Vec<String>) -> Self {
        let (mut rules, mut seen) = (Self::default(), HashSet::new());
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let added = parse_line(line).and_then(|(from, rule)| {
                if !seen.insert(from.to_owned()) {
                    return Err(format!("there is a rule for {from} already"));
                }
                rules.add(from, rule)
            });
            if let Err(why) = added {
                remarks.push(format!("_redirects, line {number} is ignored: {why}"));
            }
        }
        rules
    }

    /// A rule that names one place is looked up before all others, unless one of those comes before it in the file.
    fn add(&mut self, from: &str, rule: Rule) -> Result<(), String> {
        let pattern = Pattern::new(from);
        if pattern.is_static() && self.dynamic.is_empty() {
            if self.fixed.len() == STATIC_MAX {
                return Err(format!("there may be {STATIC_MAX} rules without * and :name"));
            }
            self.fixed.insert(from.to_owned(), rule);
            return Ok(());
        }
        if self.dynamic.len() == DYNAMIC_MAX {
            return Err(format!("there may be {DYNAMIC_MAX} rules with * or :name, or after one"));
        }
        self.dynamic.push((pattern, rule));
        Ok(())
    }

    pub(super) fn find(&self, place: Place<'_>) -> Option<Destination> {
        let fixed = (!self.fixed.is_empty()).then(|| {
            let crossing = self.fixed.get(&format!("https://{}{}", place.host_name(), place.path));
            crossing.or_else(|| self.fixed.get(place.path))
        });
        if let Some(rule) = fixed.flatten() {
            return Some(rule.lead(rule.to.clone(), place));
        }
        let captured = |(pattern, rule): &(Pattern, Rule)| {
            pattern.captures(place).map(|captures| rule.lead(fill(&rule.to, &captures), place))
        };
        self.dynamic.iter().find_map(captured)
    }
}

impl Rule {
    /// The request's query goes along, unless the rule gives one.
    fn lead(&self, to: String, place: Place<'_>) -> Destination {
        if self.status == StatusCode::OK {
            let path = to.split(['?', '#']).next().unwrap_or_default();
            return Destination::Here(path.to_owned());
        }
        let (to, fragment) = to.split_at(to.find('#').unwrap_or(to.len()));
        let query = if to.contains('?') { "" } else { place.query };
        Destination::Elsewhere(self.status, format!("{to}{query}{fragment}"))
    }
}

fn parse_line(line: &str) -> Result<(&str, Rule), String> {
    if line.len() > LINE_MAX {
        return Err(format!("it is longer than {LINE_MAX} bytes"));
    }
    let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
    let (from, to, status) = match words[..] {
        [from, to] => (from, to, "302"),
        [from, to, status] => (from, to, status),
        _ => return Err(format!("it has {} words; give `from to` or `from to status`", words.len())),
    };
    let status = match status {
        "200" => StatusCode::OK,
        "301" => StatusCode::MOVED_PERMANENTLY,
        "302" => StatusCode::FOUND,
        "303" => StatusCode::SEE_OTHER,
        "307" => StatusCode::TEMPORARY_REDIRECT,
        "308" => StatusCode::PERMANENT_REDIRECT,
        other => {
            return Err(format!(
                "the status {other} is none of 200, 301, 302 (the default), 303, 307 and 308"
            ));
        }
    };
    if !from.starts_with('/') && !from.starts_with("https://") {
        return Err(format!("{from} is neither a path nor a URL with https"));
    }
    let is_path = to.starts_with('/');
    if !is_path && (status == StatusCode::OK || !(to.starts_with("https://") || to.starts_with("http://"))) {
        return Err(format!(
            "{to} is no path{}",
            if status == StatusCode::OK { ", as the status 200 needs" } else { " and no URL" }
        ));
    }
    let catches_all = from.ends_with("/*") || from.ends_with('/');
    if catches_all && (to.ends_with("/index") || to.ends_with("/index.html")) {
        return Err("it leads back to itself, since `index.html` is dropped from paths".to_owned());
    }
    Ok((from, Rule { to: to.to_owned(), status }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(rules: &str, path: &str, query: &str) -> Option<String> {
        let mut remarks = Vec::new();
        let rules = Redirects::parse(rules, &mut remarks);
        assert_eq!(remarks, Vec::<String>::new());
        Some(match rules.find(Place { host: "a.example", path, query })? {
            Destination::Elsewhere(status, to) => format!("{} {to}", status.as_u16()),
            Destination::Here(path) => path,
        })
    }

    #[test]
    fn a_path_is_sent_where_its_first_rule_says() {
        let rules =
            "# moved\n/old /new 301\n/blog/* /posts/:splat\n/old/x /late\n/in/:page /out/:page.html 200\n";
        assert_eq!(led(rules, "/old", "?a=b").unwrap(), "301 /new?a=b");
        assert_eq!(led(rules, "/blog/x/y", "").unwrap(), "302 /posts/x/y");
        assert_eq!(led(rules, "/in/a", "?q").unwrap(), "/out/a.html");
        assert_eq!(led(rules, "/old/x", "").unwrap(), "302 /late");
        assert!(led(rules, "/other", "").is_none());
        assert_eq!(led("/a https://b.example/?c#d", "/a", "?e").unwrap(), "302 https://b.example/?c#d");
        assert_eq!(led("https://a.example/x /y", "/x", "").unwrap(), "302 /y");
    }

    #[test]
    fn lines_that_mean_nothing_are_named() {
        let mut remarks = Vec::new();
        Redirects::parse(
            "/a\n/a /b 404\n/a /b\n/a /c\nhttp://x /y\n/* /index.html 200\n/z https://x/ 200",
            &mut remarks,
        );
        let lines: Vec<&str> = remarks.iter().map(|remark| &remark[.."_redirects, line 1".len()]).collect();
        let expected = [1, 2, 4, 5, 6, 7].map(|number| format!("_redirects, line {number}"));
        assert_eq!(lines, expected);
    }

    #[test]
    fn rules_are_taken_up_to_their_limits() {
        let count = |dynamic: &str, most: usize| {
            let lines: Vec<String> = (0..=most).map(|number| format!("/{number}{dynamic} /x")).collect();
            let text = lines.join("\n");
            let mut remarks = Vec::new();
            Redirects::parse(&text, &mut remarks);
            remarks.len()
        };
        assert_eq!((count("", STATIC_MAX), count("", STATIC_MAX - 1)), (1, 0));
        assert_eq!((count("/*", DYNAMIC_MAX), count("/*", DYNAMIC_MAX - 1)), (1, 0));
    }
}
