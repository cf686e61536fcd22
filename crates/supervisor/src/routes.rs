//! Which Worker a request is for: the one whose route names its host and path most closely, else the first.
//!
//! A pattern is `host/path`, as in wrangler's configuration: `*` may start the host and end the path, and a pattern
//! without a path stands for the host's `/` alone. The more letters a pattern fixes, the closer it is; the host counts
//! before the path.

use std::sync::{Arc, PoisonError, RwLock};

use crate::slot::Slot;

/// Where a Worker is to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What the host is, or, after `*`, ends with; in lower case, without a port.
    host: String,
    any_host_before: bool,
    /// What the path is, or, before `*`, begins with.
    path: String,
    any_path_after: bool,
}

impl Route {
    /// A pattern of the configuration, which has checked it. A scheme before it is passed over.
    pub fn new(pattern: &str) -> Self {
        let pattern = pattern.split_once("://").map_or(pattern, |(_scheme, rest)| rest);
        let (host, path) = pattern.split_at(pattern.find('/').unwrap_or(pattern.len()));
        let bare_host = host.strip_prefix('*');
        let bare_path = path.strip_suffix('*');
        Self {
            host: bare_host.unwrap_or(host).to_ascii_lowercase(),
            any_host_before: bare_host.is_some(),
            path: bare_path.unwrap_or(if path.is_empty() { "/" } else { path }).to_owned(),
            any_path_after: bare_path.is_some(),
        }
    }

    /// A whole host.
    pub fn domain(host: &str) -> Self {
        Self::new(&format!("{host}/*"))
    }

    /// How closely it names a request; `None`: not at all.
    fn closeness(&self, host: &str, path: &str) -> Option<impl Ord + use<>> {
        let host_fits = if self.any_host_before { host.ends_with(&self.host) } else { host == self.host };
        let path_fits = if self.any_path_after { path.starts_with(&self.path) } else { path == self.path };
        let closeness = (!self.any_host_before, self.host.len(), !self.any_path_after, self.path.len());
        (host_fits && path_fits).then_some(closeness)
    }
}

/// The routes of one Worker, which a reload may change.
#[derive(Debug, Default)]
pub(crate) struct Routes(RwLock<Vec<Route>>);

impl Routes {
    pub(crate) fn set(&self, routes: Vec<Route>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }

    fn closeness(&self, host: &str, path: &str) -> Option<impl Ord + use<>> {
        let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        routes.iter().filter_map(|route| route.closeness(host, path)).max()
    }
}

/// The Worker that a request to `host` (with or without a port) is for; `None`: there is no Worker.
pub(crate) fn choose<'a>(slots: &'a [Arc<Slot>], host: &str, path: &str) -> Option<&'a Arc<Slot>> {
    let (first, others) = slots.split_first()?;
    if others.is_empty() {
        return Some(first);
    }
    let host = without_port(host).to_ascii_lowercase();
    let named = slots.iter().filter_map(|slot| Some((slot.routes().closeness(&host, path)?, slot)));
    // Where two are equally close the first is meant.
    let closest = named.reduce(|best, next| if next.0 > best.0 { next } else { best });
    Some(closest.map_or(first, |(_, slot)| slot))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str, path: &str) -> bool {
        Route::new(pattern).closeness(host, path).is_some()
    }

    #[test]
    fn a_pattern_fixes_what_has_no_star() {
        assert!(matches("example.com/*", "example.com", "/a/b"));
        assert!(matches("https://Example.com/api/*", "example.com", "/api/x"));
        assert!(!matches("example.com/api/*", "example.com", "/apx"));
        assert!(!matches("example.com/*", "www.example.com", "/"));
        assert!(matches("*.example.com/*", "www.example.com", "/"));
        assert!(!matches("*.example.com/*", "example.com", "/"));
        assert!(matches("*example.com/*", "example.com", "/"));
        assert!(matches("example.com", "example.com", "/"));
        assert!(!matches("example.com", "example.com", "/a"));
        assert!(Route::domain("example.com").closeness("example.com", "/a").is_some());
    }

    #[test]
    fn the_closest_pattern_comes_first() {
        let closest =
            ["*/*", "*.com/*", "*.example.com/*", "a.example.com/*", "a.example.com/x*", "a.example.com/xy"];
        let ranks = closest.map(|pattern| Route::new(pattern).closeness("a.example.com", "/xy"));
        assert!(ranks.iter().all(Option::is_some));
        assert!(ranks.is_sorted());
    }

    #[test]
    fn a_port_is_no_part_of_the_host() {
        let hosts = ["a.b:80", "a.b", "[::1]:80", "[::1]"].map(without_port);
        assert_eq!(hosts, ["a.b", "a.b", "[::1]", "[::1]"]);
    }
}
