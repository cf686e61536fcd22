//! What holds for every text.

use std::path::Path;

use hognose_config::{
    Format, PythonRequirement, SecretSources, Span, load_secrets, parse_python_project, parse_settings,
    parse_variable, render,
};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{diagnostics_of, read};

const SAMPLES: [&str; 3] = [
    "name = \"w\"\nmain = \"src/ä.py\"\ncompatibility_date = \"2025-01-01\"\nkv_namespaces = [{ binding = \"A\" }]\n\
     [vars]\nB = [1, 2.5, \"c\"]\n[[r2_buckets]]\nbinding = \"A\"\n[env.prod]\nroutes = [\"a/*\"]\n",
    "{ // c\n\"main\": \"a.py\", \"vars\": {\"A\": {\"b\": [1, null]}}, \"rules\": [{\"type\": \"Text\"}], \
     \"triggers\": {\"crons\": [\"* * * * 8\"]},\n\"ünknown\": \"\\u00e9\"}",
    "export A=\"x\ny\" # c\nB='${A}'\nC: ${B:-d}$A\\$\nnonsense\n[project]\ndependencies = [\"x\"]\n\
     requires-python = \">=3.12,<4\"\n",
];

/// Arbitrary text, or a sample with a piece replaced.
fn texts() -> impl Strategy<Value = String> {
    let replaced = (prop::sample::select(&SAMPLES[..]), any::<prop::sample::Index>(), 0..8usize, ".{0,4}");
    let replaced = replaced.prop_map(|(sample, index, removed, inserted)| {
        let characters: Vec<char> = sample.chars().collect();
        let start = index.index(characters.len());
        let end = (start + removed).min(characters.len());
        let (before, after) = (&characters[..start], &characters[end..]);
        before.iter().copied().chain(inserted.chars()).chain(after.iter().copied()).collect()
    });
    prop_oneof![any::<String>(), replaced]
}

fn assert_within(text: &str, span: Option<Span>) {
    if let Some(Span { start, end }) = span {
        assert!(start <= end && text.get(start..end).is_some(), "{start}..{end} in {text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_a_reader_and_every_place_lies_in_the_text(text in texts(), color: bool) {
        let path = Path::new("wrangler.toml");
        let mut found = diagnostics_of(read(&text, Format::Toml, Some("prod")));
        found.extend(diagnostics_of(read(&text, Format::Json, None)));
        found.extend(diagnostics_of(parse_settings(&text)));
        found.extend(diagnostics_of(parse_python_project(&text)));
        found.extend(diagnostics_of(load_secrets(&SecretSources::default(), &|_| Some(text.clone()))));
        let env_files = SecretSources { env_files: &["a", "b"], ..SecretSources::default() };
        found.extend(diagnostics_of(load_secrets(&env_files, &|_| Some(text.clone()))));
        for diagnostic in &found {
            assert_within(&text, diagnostic.span);
        }
        let shown = render(&found, &text, path, color);
        prop_assert_eq!(shown.matches("wrangler.toml").count() >= found.len(), true);
        let _ = parse_variable(&text);
        if let Some(requirement) = PythonRequirement::parse(&text) {
            requirement.allows([3, 13, 0]);
        }
    }

    #[test]
    fn both_languages_give_the_same_plan_and_the_same_messages(configuration in configurations()) {
        let json = Value::Object(configuration.clone()).to_string();
        let toml = toml(&configuration);
        for environment in [None, Some("prod")] {
            match (read(&json, Format::Json, environment), read(&toml, Format::Toml, environment)) {
                (Ok(json), Ok(toml)) => {
                    prop_assert_eq!(json.value, toml.value);
                    prop_assert_eq!(messages(&json.diagnostics), messages(&toml.diagnostics));
                }
                (Err(json), Err(toml)) => {
                    prop_assert_eq!(messages(&json.diagnostics), messages(&toml.diagnostics));
                }
                (json, toml) => prop_assert!(false, "{json:?}\n{toml:?}"),
            }
        }
    }
}

fn messages(diagnostics: &[hognose_config::Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect()
}

/// Known keys, mostly with values of the right shape, at the top level and in one environment.
fn configurations() -> impl Strategy<Value = Map<String, Value>> {
    (keys(), prop::option::of(keys())).prop_map(|(mut top, environment)| {
        if let Some(environment) = environment {
            top.insert("env".to_owned(), serde_json::json!({ "prod": environment }));
        }
        top
    })
}

fn keys() -> impl Strategy<Value = Map<String, Value>> {
    let binding = "[A-C]".prop_map(|name| serde_json::json!({ "binding": name, "id": "x" }));
    let table = prop::collection::hash_map("[A-C]", values(), 0..3);
    let known = prop_oneof![
        ("name", "[a-z]{1,3}".prop_map(Value::from)),
        ("main", Just(Value::from("src/a.py"))),
        ("compatibility_date", "202[4-6]-0[1-9]-1[0-9]".prop_map(Value::from)),
        ("compatibility_flags", flags()),
        ("kv_namespaces", prop::collection::vec(binding, 0..3).prop_map(Value::from)),
        ("vars", table.prop_map(|table| Value::Object(table.into_iter().collect()))),
        ("routes", prop::collection::vec("[a*]\\.b/[c*]", 0..2).prop_map(Value::from)),
        ("limits", (0..2000i64).prop_map(|cpu_ms| serde_json::json!({ "cpu_ms": cpu_ms * 200 }))),
        ("dev", (0..70_000i64).prop_map(|port| serde_json::json!({ "port": port }))),
        ("[a-z_]{1,8}", values()),
        ("main|vars|rules|triggers|ai|r2_buckets", values()),
    ];
    let entries = prop::collection::vec(known, 0..8);
    let main = ("main".to_owned(), Value::from("a.py"));
    entries.prop_map(move |entries| std::iter::once(main.clone()).chain(entries).collect())
}

fn flags() -> impl Strategy<Value = Value> {
    let flags = ["python_workers", "rpc", "no_rpc", "python_workers_20250116", "unknown", "webgpu"];
    prop::collection::vec(prop::sample::select(flags.to_vec()), 0..3).prop_map(Value::from)
}

/// What both languages can say: no null, no number beyond 64 bits.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6f64).prop_map(Value::from),
        "[ -~éß\\n\\t]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-z \"]{1,5}", inner, 0..3)
                .prop_map(|table| Value::Object(table.into_iter().collect())),
        ]
    })
}

/// The same as TOML: a line for each key, with inline tables below.
fn toml(configuration: &Map<String, Value>) -> String {
    let line =
        |(key, value): (&String, &Value)| format!("{} = {}", Value::from(key.as_str()), toml_value(value));
    configuration.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// JSON's numbers, booleans and quoted strings are TOML's as well.
fn toml_value(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", "))
        }
        Value::Object(table) => {
            let entry = |(key, value): (&String, &Value)| {
                format!("{} = {}", Value::from(key.as_str()), toml_value(value))
            };
            format!("{{ {} }}", table.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
