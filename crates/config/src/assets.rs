//! `assets`: the folder of static files, and who answers which requests.

use std::path::Path;

use crate::diagnostic::{Code, Diagnostic};
use crate::layers::Layers;
use crate::plan::{Assets, HtmlHandling, NotFoundHandling, WorkerFirst};
use crate::section::Section;
use crate::tree::{Node, Value};
use crate::worker::resolve;

/// The most patterns of `run_worker_first`.
const PATTERNS_MAX: usize = 100;

/// Reads `assets`.
pub(crate) fn assets(layers: &Layers<'_>, directory: &Path) -> Option<Assets> {
    let section = layers.inherited("assets", Section::section)?;
    let folder = section.string("directory");
    if folder.is_none() {
        let message =
            "The `assets` property in your configuration is missing the required `directory` property.";
        let diagnostic = Diagnostic::error(Code::MissingKey, message).at(section.span, "names no directory");
        section.report.push(diagnostic.help("for example: directory = \"./public\""));
    }
    let html = [
        ("auto-trailing-slash", HtmlHandling::AutoTrailingSlash),
        ("force-trailing-slash", HtmlHandling::ForceTrailingSlash),
        ("drop-trailing-slash", HtmlHandling::DropTrailingSlash),
        ("none", HtmlHandling::None),
    ];
    let missing = [
        ("single-page-application", NotFoundHandling::SinglePageApplication),
        ("404-page", NotFoundHandling::NotFoundPage),
        ("none", NotFoundHandling::None),
    ];
    let assets = Assets {
        directory: resolve(directory, folder.map_or("", |folder| folder.value)),
        binding: section.string("binding").map(|binding| binding.value.to_owned()),
        html_handling: section.choice("html_handling", &html).unwrap_or_default(),
        not_found_handling: section.choice("not_found_handling", &missing).unwrap_or_default(),
        worker_first: worker_first(&section),
    };
    check_with_worker(layers, &section, &assets);
    section.finish();
    Some(assets)
}

fn worker_first(section: &Section<'_>) -> WorkerFirst {
    let default = WorkerFirst::All(false);
    match section.node("run_worker_first") {
        None => default,
        Some(Node { value: Value::Array(_), .. }) => {
            section.owned_strings("run_worker_first").map_or(default, |paths| {
                check_patterns(section, &paths);
                WorkerFirst::Paths(paths)
            })
        }
        Some(_) => WorkerFirst::All(section.boolean("run_worker_first").unwrap_or(false)),
    }
}

fn check_patterns(section: &Section<'_>, paths: &[String]) {
    let span = section.table.entry("run_worker_first").map_or(section.span, |entry| entry.node.span);
    let refuse = |message: String| {
        section.report.push(Diagnostic::error(Code::InvalidValue, message).at(span, "cannot be used"));
    };
    if paths.len() > PATTERNS_MAX {
        refuse(format!(
            "\"run_worker_first\" has {} patterns; at most {PATTERNS_MAX} are allowed.",
            paths.len()
        ));
    }
    if let Some(path) = paths.iter().find(|path| !path.trim_start_matches('!').starts_with('/')) {
        refuse(format!("The pattern \"{path}\" of \"run_worker_first\" should start with \"/\" or \"!/\"."));
    }
    if !paths.is_empty() && paths.iter().all(|path| path.starts_with('!')) {
        refuse(
            "\"run_worker_first\" only has patterns that begin with \"!\"; one without is needed.".to_owned(),
        );
    }
}

/// What only makes sense beside a Worker.
fn check_with_worker(layers: &Layers<'_>, section: &Section<'_>, assets: &Assets) {
    let has_worker = layers.inherited("main", Section::node).is_some();
    let span = |key: &str| section.table.entry(key).map_or(section.span, |entry| entry.key_span);
    if !has_worker && assets.binding.is_some() {
        let diagnostic =
            Diagnostic::error(Code::Conflict, "Cannot use assets with a binding in an assets-only Worker.");
        let help = "remove the binding, or provide a Worker script with \"main\"";
        section.report.push(diagnostic.at(span("binding"), "nobody could use it").help(help));
    }
    if !has_worker && assets.worker_first != WorkerFirst::All(false) {
        let diagnostic =
            Diagnostic::error(Code::Conflict, "Cannot set run_worker_first without a Worker script.");
        section.report.push(diagnostic.at(span("run_worker_first"), "there is no \"main\""));
    }
    if has_worker && assets.binding.is_none() && assets.worker_first == WorkerFirst::All(true) {
        let message = "run_worker_first=true set without an assets binding";
        let diagnostic = Diagnostic::warning(Code::Conflict, message).at(span("run_worker_first"), "");
        section.report.push(diagnostic.help("to fetch the assets from your Worker, set \"assets.binding\""));
    }
}
