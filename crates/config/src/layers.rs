//! The top level of a configuration and the environment chosen with `--env`, read as one.
//!
//! wrangler sorts its keys into three: *inherited* ones fall back to the top level, *own* ones (variables and
//! every binding) must be repeated in the environment, and the rest exist at the top level only.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::section::Section;
use crate::tree::{Entry, Table};

/// Both tables being read.
pub(crate) struct Layers<'a> {
    /// The top level.
    pub(crate) top: Section<'a>,
    /// The chosen environment's section, where there is one.
    environment: Option<Section<'a>>,
}

impl<'a> Layers<'a> {
    /// Chooses the environment called `name`. One that is not configured is an error if others are, else only
    /// a warning, and the top level serves alone.
    pub(crate) fn choose(top: Section<'a>, name: Option<&str>) -> Self {
        let environments = top.section("env");
        let chosen = name.and_then(|name| environments.as_ref()?.table.entry(name));
        let environment = chosen.and_then(|entry| environment_section(entry, top.report));
        if let Some(name) = name.filter(|_| chosen.is_none()) {
            top.report.push(no_such_environment(name, environments.as_ref().map(|section| section.table)));
        }
        Self { top, environment }
    }

    /// Reads a key that environments inherit.
    pub(crate) fn inherited<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Section<'a>, &'static str) -> Option<T>,
    ) -> Option<T> {
        read(self.source(key, |environment| environment.has(key)), key)
    }

    /// Reads a key that environments do not inherit.
    pub(crate) fn own<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Section<'a>, &'static str) -> Option<T>,
    ) -> Option<T> {
        read(self.source(key, |_| true), key)
    }

    /// The same key at the top level, when an environment overrides it.
    pub(crate) fn overridden(&self, key: &str) -> Option<&'a Entry> {
        self.environment.as_ref().filter(|environment| environment.has(key))?;
        self.top.table.entry(key)
    }

    /// Warns if the top level has a key that the environment lacks and does not inherit.
    pub(crate) fn warn_if_left_behind(&self, key: &str) {
        let Some(environment) = &self.environment else { return };
        let Some(entry) = self.top.table.entry(key).filter(|_| !environment.has(key)) else { return };
        let name = environment.path();
        let message = format!(
            "\"{key}\" exists at the top level, but not on \"{name}\".\nThis is not what you probably want, since \
             \"{key}\" is not inherited by environments.\nPlease add \"{key}\" to \"{name}\"."
        );
        let diagnostic = Diagnostic::warning(Code::Environment, message);
        self.top.report.push(diagnostic.at(entry.key_span, "not used in this environment"));
    }

    /// The chosen environment's section, or the top level where there is none.
    pub(crate) fn innermost(&self) -> &Section<'a> {
        self.environment.as_ref().unwrap_or(&self.top)
    }

    /// Whether the chosen environment itself gives `key`.
    pub(crate) fn environment_has(&self, key: &str) -> bool {
        self.environment.as_ref().is_some_and(|environment| environment.has(key))
    }

    /// Keys of both levels that need nothing done.
    pub(crate) fn accept(&self, keys: &[&'static str]) {
        self.top.accept(keys);
        if let Some(environment) = &self.environment {
            environment.accept(keys);
        }
    }

    /// Warns of the unknown keys of both levels.
    pub(crate) fn finish(self) {
        self.top.finish();
        if let Some(environment) = self.environment {
            environment.finish();
        }
    }

    /// The level to read `key` from; known in both from now on.
    fn source(&self, key: &'static str, take: impl FnOnce(&Section<'a>) -> bool) -> &Section<'a> {
        self.accept(&[key]);
        self.environment.as_ref().filter(|environment| take(environment)).unwrap_or(&self.top)
    }
}

fn environment_section<'a>(entry: &'a Entry, report: &'a Report) -> Option<Section<'a>> {
    let path = format!("env.{}", entry.key);
    if let Some(table) = entry.node.as_table() {
        return Some(Section::new(table, path, entry.node.span, report));
    }
    let message = format!("Expected \"{path}\" to be of type object but got {}.", entry.node.shown());
    report.push(Diagnostic::error(Code::WrongType, message).at(entry.node.span, "expected an object"));
    None
}

fn no_such_environment(name: &str, environments: Option<&Table>) -> Diagnostic {
    let message = format!(
        "No environment found in configuration with name \"{name}\".\nBefore using `--env={name}` there should be an \
         equivalent environment section in the configuration."
    );
    let Some(environments) = environments else {
        return Diagnostic::warning(Code::Environment, message)
            .help("the configuration has no environments, so its top level is used");
    };
    let names: Vec<&str> = environments.entries.iter().map(|entry| entry.key.as_str()).collect();
    Diagnostic::error(Code::Environment, message)
        .help(format!("the available configured environment names are: {}", serde_json::Value::from(names)))
}
