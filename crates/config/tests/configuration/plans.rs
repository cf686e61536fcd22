//! What a configuration means.

use std::path::Path;

use hognose_config::{
    Date, Dev, Format, KvNamespace, Limits, ModuleKind, PythonVersion, Route, Schedule, Secrets, Severity,
    Variable,
};

use super::{plan, read, with};

#[test]
fn the_smallest_configuration_runs_with_todays_defaults() {
    let text = "main = \"./src/index.py\"\nkv_namespaces = [ { binding = \"FOO\", id = \"<YOUR_KV_NAMESPACE_ID>\" } ]";
    let accepted = read(text, Format::Toml, None).unwrap();
    let plan = accepted.value;
    assert_eq!(plan.name, None);
    assert_eq!(plan.main, Path::new("/worker/src/index.py"));
    assert_eq!(plan.base_dir, Path::new("/worker/src"));
    assert_eq!(plan.directory, Path::new("/worker"));
    assert!(plan.handlers.global && plan.handlers.class);
    assert_eq!(plan.python, None);
    assert!(plan.compatibility_flags.enabled("python_workers"));
    assert!(plan.compatibility_flags.enabled("url_standard"));
    let namespace = KvNamespace { binding: "FOO".to_owned(), id: "<YOUR_KV_NAMESPACE_ID>".to_owned() };
    assert_eq!(plan.kv_namespaces, [namespace]);
    assert_eq!(accepted.diagnostics.len(), 1, "the defaults are said once");
    assert_eq!(accepted.diagnostics[0].severity, Severity::Note);
    assert_eq!(
        accepted.diagnostics[0].message,
        "No compatibility_date was specified. Using today's date: 2026-06-01; as handlers, `on_*` functions and \
         classes are accepted."
    );
}

#[test]
fn everything_is_read_from_jsonc() {
    let text = r#"{
        // A comment, and a trailing comma at the end.
        "$schema": "node_modules/wrangler/config-schema.json",
        "name": "my-worker",
        "main": "src/app/entry.py",
        "base_dir": "./src",
        "compatibility_date": "2025-11-02",
        "compatibility_flags": ["python_workers"],
        "kv_namespaces": [{ "binding": "A", "id": "x", "remote": true }, { "binding": "B" }],
        "vars": { "TEXT": "a", "TREE": { "list": [1, null] }, "NUMBER": 1 },
        "secrets": { "required": ["TOKEN"] },
        "routes": ["example.com/*", { "pattern": "api.example.com", "custom_domain": true }],
        "triggers": { "crons": ["*/5 * * * *"] },
        "limits": { "cpu_ms": 300000, "subrequests": 50 },
        "observability": { "enabled": true, "head_sampling_rate": 0.5, "traces": { "enabled": true } },
        "dev": { "ip": "0.0.0.0", "port": 0, "host": "example.com" },
        "python_modules": { "exclude": ["**/tests/**"] },
    }"#;
    let accepted = read(text, Format::Json, None).unwrap();
    assert_eq!(accepted.diagnostics, []);
    let plan = accepted.value;
    assert_eq!(plan.name.as_deref(), Some("my-worker"));
    assert_eq!(plan.main, Path::new("/worker/src/app/entry.py"));
    assert_eq!(plan.base_dir, Path::new("/worker/src"));
    assert_eq!(plan.compatibility_date, Date::parse("2025-11-02"));
    assert_eq!(plan.python, Some(PythonVersion::V313));
    assert_eq!(plan.kv_namespaces[1].id, "B", "without an id the data is kept under the binding's name");
    assert_eq!(plan.vars["TEXT"], Variable::Text("a".to_owned()));
    assert_eq!(plan.vars["TREE"], Variable::Json(serde_json::json!({ "list": [1, null] })));
    assert_eq!(plan.required_secrets, Some(vec!["TOKEN".to_owned()]));
    assert_eq!(plan.routes[1], Route { pattern: "api.example.com".to_owned(), custom_domain: true });
    assert!(plan.crons.iter().map(Schedule::text).eq(["*/5 * * * *"]));
    assert_eq!(plan.limits, Limits { cpu_ms: Some(300_000), subrequests: Some(50) });
    let observability = plan.observability.unwrap();
    assert!(observability.logs.enabled && observability.traces.enabled && observability.invocation_logs);
    assert!((observability.traces.head_sampling_rate - 0.5).abs() < f64::EPSILON);
    let dev = Dev {
        https: false,
        ip: Some("0.0.0.0".to_owned()),
        port: Some(0),
        host: Some("example.com".to_owned()),
    };
    assert_eq!(plan.dev, dev);
    assert_eq!(plan.python_modules_exclude, ["**/tests/**"]);
}

#[test]
fn the_date_chooses_handlers_and_python() {
    let dated = |date: &str, flags: &str| {
        let text =
            format!("main = \"a.py\"\ncompatibility_date = \"{date}\"\ncompatibility_flags = [{flags}]");
        let plan = plan(&text);
        (plan.handlers.global, plan.python.unwrap().to_string())
    };
    assert_eq!(dated("2025-08-13", ""), (true, "3.12".to_owned()));
    assert_eq!(dated("2025-08-14", ""), (false, "3.12".to_owned()));
    assert_eq!(dated("2025-08-14", "\"disable_python_no_global_handlers\""), (true, "3.12".to_owned()));
    assert_eq!(dated("2025-09-29", ""), (false, "3.13".to_owned()));
    assert_eq!(dated("2025-09-29", "\"python_workers_314\""), (false, "3.14".to_owned()));
}

#[test]
fn without_a_date_flags_still_choose() {
    let flagged = |flag: &str| plan(&format!("main = \"a.py\"\ncompatibility_flags = [\"{flag}\"]"));
    assert!(flagged("python_workers").handlers.global);
    assert_eq!(flagged("python_workers").python, None);
    assert!(!flagged("python_no_global_handlers").handlers.global);
    assert!(flagged("disable_python_no_global_handlers").handlers.global);
    assert_eq!(flagged("python_workers_314").python, Some(PythonVersion::V314));
    assert_eq!(flagged("python_workers_force_new_vendor_path").python, None);
}

#[test]
fn a_javascript_worker_needs_no_flag_and_no_python() {
    let text = "main = \"a.mjs\"\ncompatibility_date = \"2025-01-01\"";
    assert_eq!(super::diagnostics_of(super::read(text, Format::Toml, None)), []);
    assert_eq!(plan(text).python, None);
}

#[test]
fn paths_are_seen_from_the_configurations_folder() {
    let main = |path: &str| plan(&format!("main = \"{path}\"")).main;
    assert_eq!(main("a.py"), Path::new("/worker/a.py"));
    assert_eq!(main("./x/../a.py"), Path::new("/worker/a.py"));
    assert_eq!(main("../a.py"), Path::new("/a.py"));
    assert_eq!(main("../../../a.py"), Path::new("/a.py"));
    assert_eq!(main("/b/a.py"), Path::new("/b/a.py"));
}

#[test]
fn a_rule_ends_its_kind_unless_it_falls_through() {
    let kinds_and_first_globs = |lines: &str| -> Vec<(ModuleKind, String)> {
        plan(&with(lines)).rules.into_iter().map(|rule| (rule.kind, rule.globs[0].clone())).collect()
    };
    let text = |glob: &str| (ModuleKind::Text, glob.to_owned());
    let defaults = kinds_and_first_globs("");
    assert_eq!(defaults[0], (ModuleKind::EsModule, "**/*.js".to_owned()));
    assert_eq!(defaults[1], (ModuleKind::PythonModule, "**/*.py".to_owned()));
    assert_eq!(defaults.len(), 5);
    let ended = kinds_and_first_globs("rules = [{ type = \"Text\", globs = [\"**/*.md\"] }]");
    assert_eq!(ended.iter().filter(|(kind, _)| *kind == ModuleKind::Text).count(), 1);
    assert_eq!(ended[0], text("**/*.md"));
    let falling =
        kinds_and_first_globs("rules = [{ type = \"Text\", globs = [\"**/*.md\"], fallthrough = true }]");
    assert!(falling.contains(&text("**/*.md")) && falling.contains(&text("**/*.txt")));
}

#[test]
fn an_empty_list_of_an_unsupported_binding_asks_for_nothing() {
    assert_eq!(super::messages("r2_buckets = []\nqueues = { producers = [] }"), [""; 0]);
}

#[test]
fn secrets_override_vars_and_the_command_line_overrides_both() {
    let mut plan = plan(&with("[vars]\nA = \"config\"\nB = \"config\"\nC = \"config\""));
    let values = [("B", "file"), ("C", "file")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secrets = Secrets { values: values.into(), files: vec![".dev.vars".to_owned()] };
    assert_eq!(plan.add_variables(&secrets, &[("C".to_owned(), "given".to_owned())]), []);
    assert_eq!(plan.vars["A"], Variable::Text("config".to_owned()));
    assert_eq!(plan.vars["B"], Variable::Secret("file".to_owned()));
    assert_eq!(plan.vars["C"], Variable::Text("given".to_owned()));
}

#[test]
fn required_secrets_are_the_only_ones_loaded_and_missing_ones_are_named() {
    let mut plan = plan(&with("secrets = { required = [\"A\", \"B\"] }"));
    let values = [("A", "1"), ("Z", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let warnings = plan.add_variables(&Secrets { values: values.into(), files: Vec::new() }, &[]);
    assert_eq!(plan.vars.keys().collect::<Vec<_>>(), ["A"]);
    let messages: Vec<_> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(messages, ["The required secret B was not found"]);
}

#[test]
fn a_build_is_a_command_in_a_folder() {
    let build =
        plan(&with("build = { command = \"make it\", cwd = \"site\", watch_dir = \"src\" }")).build.unwrap();
    assert_eq!((build.command.as_str(), build.directory.as_path()), ("make it", Path::new("site")));
    assert_eq!(plan(&with("build = { cwd = \"site\" }")).build, None);
}

#[test]
fn a_database_is_a_connection_string() {
    let of =
        |line: &str| plan(&with(&format!("[[hyperdrive]]\nbinding = \"DB\"\nid = \"1\"\n{line}"))).hyperdrive;
    let string = "postgresql://me:secret@db.example:5433/shop";
    let [database] = &of(&format!("localConnectionString = \"{string}\""))[..] else {
        panic!("one database")
    };
    assert_eq!((database.binding.as_str(), database.connection_string.as_deref()), ("DB", Some(string)));
    assert_eq!(of("")[0].connection_string, None);
}
