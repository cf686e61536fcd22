//! Which files are modules of the Worker, and of what kind.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::layers::Layers;
use crate::plan::{ModuleKind, Rule};
use crate::section::Section;
use crate::tree::Node;

const KINDS: [(&str, ModuleKind); 7] = [
    ("ESModule", ModuleKind::EsModule),
    ("CommonJS", ModuleKind::CommonJs),
    ("CompiledWasm", ModuleKind::CompiledWasm),
    ("Text", ModuleKind::Text),
    ("Data", ModuleKind::Data),
    ("PythonModule", ModuleKind::PythonModule),
    ("PythonRequirement", ModuleKind::PythonRequirement),
];

/// What holds after the configuration's own rules.
const DEFAULT_RULES: [(ModuleKind, &[&str]); 5] = [
    (ModuleKind::EsModule, &["**/*.js", "**/*.mjs"]),
    (ModuleKind::PythonModule, &["**/*.py"]),
    (ModuleKind::Text, &["**/*.txt", "**/*.html", "**/*.sql"]),
    (ModuleKind::Data, &["**/*.bin"]),
    (ModuleKind::CompiledWasm, &["**/*.wasm", "**/*.wasm?module"]),
];

/// The configuration's rules and the defaults behind them. A rule ends its kind, defaults included, unless it
/// says `fallthrough`.
pub(crate) fn rules(layers: &Layers<'_>) -> Vec<Rule> {
    let nodes = layers.inherited("rules", Section::array).unwrap_or_default();
    let given: Vec<_> = nodes
        .iter()
        .enumerate()
        .filter_map(|(index, node)| rule(&format!("rules[{index}]"), node, layers.top.report))
        .collect();
    let defaults = DEFAULT_RULES.iter().map(|(kind, globs)| {
        let globs = globs.iter().map(|&glob| glob.to_owned()).collect();
        (Rule { kind: *kind, globs }, false)
    });
    let mut ended: Vec<ModuleKind> = Vec::new();
    let mut rules = Vec::new();
    for (rule, fallthrough) in given.into_iter().chain(defaults) {
        if ended.contains(&rule.kind) {
            continue;
        }
        if !fallthrough {
            ended.push(rule.kind);
        }
        rules.push(rule);
    }
    rules
}

/// One rule, and whether later rules of its kind still count.
fn rule(path: &str, node: &Node, report: &Report) -> Option<(Rule, bool)> {
    let Some(table) = node.as_table() else {
        let message = format!("\"{path}\" should be an object but got {}.", node.shown());
        report.push(Diagnostic::error(Code::WrongType, message).at(node.span, "expected an object"));
        return None;
    };
    let section = Section::new(table, path, node.span, report);
    let kind = section.choice("type", &KINDS);
    let globs = section.owned_strings("globs");
    let fallthrough = section.boolean("fallthrough").unwrap_or(false);
    if !section.has("type") {
        let message = "bindings should have a string \"type\" field, which contains one of \"ESModule\", \
                       \"CommonJS\", \"CompiledWasm\", \"Text\", or \"Data\".";
        report.push(Diagnostic::error(Code::MissingKey, message).at(node.span, "no \"type\" here"));
    }
    if !section.has("globs") {
        let message = format!("\"{path}.globs\" is a required field.");
        report.push(Diagnostic::error(Code::MissingKey, message).at(node.span, "no \"globs\" here"));
    }
    section.finish();
    Some((Rule { kind: kind?, globs: globs? }, fallthrough))
}

/// Reads `python_modules.exclude`.
pub(crate) fn python_modules_exclude(layers: &Layers<'_>) -> Vec<String> {
    let default = || vec!["**/*.pyc".to_owned()];
    let Some(section) = layers.inherited("python_modules", Section::section) else { return default() };
    let exclude = section.owned_strings("exclude");
    section.finish();
    exclude.unwrap_or_else(default)
}
