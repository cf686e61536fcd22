//! Every message, as the user reads it.

use std::path::Path;

use hognose_config::{CPU_MS_MAX, Format, SUBREQUESTS_MAX, Severity, TEXT_MAX_BYTES, render};

use super::{diagnostics_of, messages, plan, read, with};

/// What the terminal shows for a TOML text.
fn shown(text: &str) -> String {
    let diagnostics = diagnostics_of(read(text, Format::Toml, None));
    render(&diagnostics, text, Path::new("wrangler.toml"), false)
}

/// The single message about the lines.
fn message(lines: &str) -> String {
    let found = messages(lines);
    assert_eq!(found.len(), 1, "{lines}: {found:?}");
    found[0].clone()
}

#[test]
fn a_wrong_type_is_shown_where_it_stands() {
    let text = "name = \"w\"\nmain = 5\ncompatibility_date = \"2025-01-01\"\ncompatibility_flags = [\"python_workers\"]\n";
    let expected = "\
error[wrong-type]: Expected \"main\" to be of type string but got 5.
  --> wrangler.toml:2:8
   |
2  | main = 5
   |        ^ expected a string, found a number
   = help: put it in quotes: \"5\"

";
    assert_eq!(shown(text), expected);
}

#[test]
fn an_unknown_key_is_shown_with_the_key_it_resembles() {
    let expected = "\
warning[unknown-key]: Unexpected fields found in top-level field: \"kv_namespace\"
  --> wrangler.toml:4:1
   |
4  | kv_namespace = []
   | ^^^^^^^^^^^^ not a known key, ignored
   = help: did you mean \"kv_namespaces\"?

";
    assert_eq!(shown(&with("kv_namespace = []")), expected);
}

#[test]
fn an_unsupported_binding_is_a_warning_that_says_what_is_missing() {
    let expected = "\
warning[unsupported]: \"pipelines\" is not supported yet by this version of hognose
  --> wrangler.toml:4:3
   |
4  | [[pipelines]]
   |   ^^^^^^^^^ every use of env.B will be an error
   = help: the rest of the Worker works; remove it, or move it into an environment ([env.<name>]) that is deployed to Cloudflare only

";
    assert_eq!(shown(&with("[[pipelines]]\nbinding = \"B\"")), expected);
}

#[test]
fn every_binding_that_is_missing_is_named() {
    for (key, value) in
        [("pipelines", "[{ binding = \"B\" }]"), ("streaming_tail_consumers", "[{ service = \"s\" }]")]
    {
        assert_eq!(
            message(&format!("{key} = {value}")),
            format!("\"{key}\" is not supported yet by this version of hognose")
        );
    }
}

#[test]
fn syntax_errors_point_at_the_place() {
    let toml = "main = \"a.py\"\n[vars\n";
    let expected = "\
error[syntax]: The file is not valid TOML
  --> wrangler.toml:2:6
   |
2  | [vars
   |      ^ unclosed table, expected `]`

";
    assert_eq!(shown(toml), expected);
    let json = "{\n  \"main\": \"a.py\"\n  \"name\": 1\n}";
    let diagnostics = diagnostics_of(read(json, Format::Json, None));
    let expected = "\
error[syntax]: The file is not valid JSON
  --> wrangler.jsonc:2:17
   |
2  |   \"main\": \"a.py\"
   |                 ^ Expected comma

";
    assert_eq!(render(&diagnostics, json, Path::new("wrangler.jsonc"), false), expected);
}

#[test]
fn what_is_no_object_is_refused() {
    let said = |text: &str| diagnostics_of(read(text, Format::Json, None))[0].message.clone();
    assert_eq!(said(""), "The file is empty; expected a JSON object");
    assert_eq!(said("// nothing"), "The file is empty; expected a JSON object");
    assert_eq!(said("[]"), "The file should hold an object but holds an array");
    assert_eq!(said("{\"a\": 1e999}"), "The number 1e999 cannot be read");
}

#[test]
fn numbers_that_json_lacks_are_refused_in_toml() {
    assert_eq!(message("vars = { A = inf }"), "The number inf cannot be used here");
    assert_eq!(message("vars = { A = nan }"), "The number NaN cannot be used here");
}

#[test]
fn a_text_may_be_as_long_as_the_limit_and_no_longer() {
    let padded = |length: usize| format!("main = \"a.py\"\n{}", "#".repeat(length - 14));
    assert!(read(&padded(TEXT_MAX_BYTES), Format::Toml, None).is_ok());
    let diagnostics = diagnostics_of(read(&padded(TEXT_MAX_BYTES + 1), Format::Toml, None));
    assert_eq!(diagnostics[0].message, "The file has 262145 bytes, more than the 262144 that are read");
}

#[test]
fn a_key_given_twice_in_json_counts_once() {
    let accepted = read("{\"main\": \"a.py\", \"main\": \"b.py\"}", Format::Json, None).unwrap();
    assert!(accepted.value.main.ends_with("b.py"));
    assert_eq!(accepted.diagnostics[0].message, "The key \"main\" is given twice");
}

#[test]
fn the_main_file_is_required_and_must_be_code_inside_the_base() {
    let said = |text: &str| diagnostics_of(read(text, Format::Toml, None))[0].message.clone();
    let date = "compatibility_date = \"2025-01-01\"\ncompatibility_flags = [\"python_workers\"]";
    assert_eq!(said(date), "Missing entry-point to Worker script or to assets directory");
    assert_eq!(
        said(&format!("main = \"src/index.rb\"\n{date}")),
        "\"main\" is neither a Python nor a JavaScript or TypeScript file: src/index.rb"
    );
    assert_eq!(message("base_dir = \"lib\""), "\"main\" does not lie in \"base_dir\" (lib)");
    assert_eq!(messages("base_dir = \".\""), [""; 0]);
}

#[test]
fn names_have_few_letters() {
    for good in ["a", "_a", "9-b_c"] {
        assert_eq!(messages(&format!("name = \"{good}\"")), [""; 0], "{good}");
    }
    for bad in ["", "-a", "A", "a.b", "ä"] {
        assert_eq!(
            message(&format!("name = \"{bad}\"")),
            format!(
                "Expected \"name\" to be of type string, alphanumeric and lowercase with dashes only but got \
                 \"{bad}\"."
            )
        );
    }
}

#[test]
fn dates_are_checked() {
    let said = |date: &str| {
        let text = format!(
            "main = \"a.py\"\ncompatibility_date = {date}\ncompatibility_flags = [\"python_workers\"]"
        );
        let mut found = diagnostics_of(read(&text, Format::Toml, None));
        assert!(found.len() < 2, "{found:?}");
        found.pop().map(|diagnostic| diagnostic.message)
    };
    assert_eq!(said("\"2026-06-01\""), None, "today itself will do");
    assert_eq!(
        said("\"2026-06-02\"").as_deref(),
        Some(
            "Can't set compatibility date in the future: \"2026-06-02\". Today's date (UTC) is \"2026-06-01\"."
        )
    );
    assert_eq!(
        said("\"2026–06–01\"").as_deref(),
        Some(
            "\"compatibility_date\" field should use ISO-8601 accepted hyphens (-) rather than en-dashes (–) or \
             em-dashes (—)."
        )
    );
    assert_eq!(
        said("\"today\"").as_deref(),
        Some("\"compatibility_date\" field should be a valid ISO-8601 date (YYYY-MM-DD), but got \"today\".")
    );
    assert_eq!(
        said("2026-06-01").as_deref(),
        Some("Expected \"compatibility_date\" to be of type string but got \"2026-06-01\".")
    );
}

#[test]
fn python_without_its_flag_runs_with_a_warning() {
    let accepted = read("main = \"a.py\"\ncompatibility_date = \"2025-01-01\"", Format::Toml, None).unwrap();
    let said: Vec<_> =
        accepted.diagnostics.iter().map(|found| (found.severity, found.message.as_str())).collect();
    let message = "The `python_workers` compatibility flag is required to use Python.";
    assert_eq!(said, [(Severity::Warning, message)]);
}

#[test]
fn bindings_must_have_names_of_their_own() {
    assert_eq!(
        message("kv_namespaces = [{ binding = \"X\" }, { binding = \"X\" }]"),
        "X assigned to multiple KV Namespace bindings."
    );
    assert_eq!(
        message("kv_namespaces = [{ binding = \"X\" }]\nvars = { X = 1 }"),
        "X assigned to Environment Variable and KV Namespace bindings."
    );
    let found = messages(
        "kv_namespaces = [{ binding = \"X\" }]\nvars = { X = 1 }\nai = { binding = \"X\" }\n\
         queues = { producers = [{ binding = \"X\", queue = \"q\" }] }",
    );
    let expected = "X assigned to Environment Variable, KV Namespace, Queue, and AI bindings.".to_owned();
    assert!(found.contains(&expected), "{found:?}");
}

#[test]
fn a_queue_has_one_consumer() {
    for second in ["{ queue = \"q\" }", "{ queue = \"q\", type = \"http_pull\" }"] {
        let consumers = |queue| format!("queues = {{ consumers = [{{ queue = \"{queue}\" }}, {second}] }}");
        assert_eq!(message(&consumers("q")), "The queue \"q\" has more than one consumer.");
        assert_eq!(messages(&consumers("other")), [""; 0]);
    }
}

#[test]
fn kv_namespaces_need_a_name_and_an_id_that_is_a_string() {
    assert_eq!(
        message("kv_namespaces = [{ id = \"x\" }]"),
        "\"kv_namespaces[0]\" bindings should have a string \"binding\" field but got {\"id\":\"x\"}."
    );
    assert_eq!(
        message("kv_namespaces = [{ binding = \"A\", id = \"\" }]"),
        "\"kv_namespaces[0]\" bindings should have a string \"id\" field but got {\"binding\":\"A\",\"id\":\"\"}."
    );
    assert_eq!(message("kv_namespaces = [1]"), "\"kv_namespaces\" bindings should be objects, but got 1");
    assert_eq!(
        message("kv_namespaces = { A = \"x\" }"),
        "The field \"kv_namespaces\" should be an array but got {\"A\":\"x\"}."
    );
    assert_eq!(
        message("kv_namespaces = [{ binding = \"A\", ids = \"x\" }]"),
        "Unexpected fields found in kv_namespaces[0] field: \"ids\""
    );
}

#[test]
fn durable_objects_name_a_class_and_migrations_have_tags_of_their_own() {
    assert_eq!(
        message("durable_objects = { bindings = [{ name = \"A\" }] }"),
        "\"durable_objects.bindings[0]\" bindings should have a string \"class_name\" field but got {\"name\":\"A\"}."
    );
    assert_eq!(
        message("migrations = [{ tag = \"1\" }, { tag = \"1\" }]"),
        "The migration tag \"1\" is used twice."
    );
    assert_eq!(
        message("migrations = [{ tag = \"1\", renamed_classes = [{ from = \"A\" }] }]"),
        "Expected \"migrations[0].renamed_classes\" to hold objects with the strings from, to."
    );
}

#[test]
fn services_name_a_worker_and_give_it_an_object() {
    assert_eq!(
        message("services = [{ binding = \"A\" }]"),
        "\"services[0]\" bindings should have a string \"service\" field but got {\"binding\":\"A\"}."
    );
    assert_eq!(
        message("services = [{ binding = \"A\", service = \"b\", props = [1] }]"),
        "Expected \"services[0].props\" to be of type object but got [1]."
    );
    let whole = "services = [{ binding = \"A\", service = \"b\", entrypoint = \"E\", props = { c = 1 } }]";
    assert_eq!(messages(whole), [""; 0]);
}

#[test]
fn vars_are_strings_or_json() {
    assert_eq!(message("vars = 1"), "The field \"vars\" should be an object but got 1.");
    assert_eq!(
        message("vars = { DAY = 2025-01-01 }"),
        "The field \"vars.DAY\" is a TOML date, which is not supported. Please use a string instead, e.g. DAY = \
         \"2025-12-19\"."
    );
    assert_eq!(messages("vars = { A = \"\", B = [true, { c = 1.5 }] }"), [""; 0]);
}

#[test]
fn a_binding_that_slipped_into_vars_is_noticed() {
    assert_eq!(
        message("[vars]\nA = \"1\"\nkv_namespaces = []"),
        "\"kv_namespaces\" stands inside \"vars\" and so is a variable"
    );
}

#[test]
fn limits_have_limits() {
    assert_eq!(messages(&format!("limits = {{ cpu_ms = {CPU_MS_MAX} }}")), [""; 0]);
    assert_eq!(messages("limits = { cpu_ms = 1, subrequests = 1 }"), [""; 0]);
    assert_eq!(messages(&format!("limits = {{ subrequests = {SUBREQUESTS_MAX} }}")), [""; 0]);
    assert_eq!(
        message("limits = { cpu_ms = 300001 }"),
        "Expected \"limits.cpu_ms\" to be a whole number from 1 to 300000 but got 300001."
    );
    for wrong in ["0", "-1", "1.5"] {
        assert_eq!(
            message(&format!("limits = {{ cpu_ms = {wrong} }}")),
            format!("Expected \"limits.cpu_ms\" to be a whole number from 1 to 300000 but got {wrong}.")
        );
    }
    assert_eq!(
        message("limits = { subrequests = 10000001 }"),
        "Expected \"limits.subrequests\" to be a whole number from 1 to 10000000 but got 10000001."
    );
}

#[test]
fn ports_have_limits() {
    assert_eq!(messages("dev = { port = 0 }"), [""; 0]);
    assert_eq!(messages("dev = { port = 65535 }"), [""; 0]);
    assert_eq!(
        message("dev = { port = 65536 }"),
        "Expected \"dev.port\" to be a whole number from 0 to 65535 but got 65536."
    );
    assert_eq!(
        message("dev = { port = \"8787\" }"),
        "Expected \"dev.port\" to be of type number but got \"8787\"."
    );
    assert_eq!(
        message("dev = { local_protocol = \"htp\" }"),
        "Expected \"dev.local_protocol\" field to be one of [\"http\",\"https\"] but got \"htp\"."
    );
}

#[test]
fn observability_says_what_is_on_and_how_much() {
    assert_eq!(
        message("observability = {}"),
        "\"observability.enabled\" or \"observability.logs.enabled\" or \"observability.traces.enabled\" is required."
    );
    for rate in ["0", "1", "0.5"] {
        let lines = format!("observability = {{ enabled = true, head_sampling_rate = {rate} }}");
        assert_eq!(messages(&lines), [""; 0], "{rate}");
    }
    for rate in ["-0.1", "1.1"] {
        assert_eq!(
            message(&format!("observability = {{ enabled = true, head_sampling_rate = {rate} }}")),
            "\"observability.head_sampling_rate\" must be a value between 0 and 1."
        );
    }
}

#[test]
fn routes_and_crons_are_checked() {
    assert_eq!(
        message("route = \"a.com\"\nroutes = [\"b.com\"]"),
        "Expected exactly one of the following fields [\"routes\",\"route\"]."
    );
    assert_eq!(
        message("route = { pattern = \"a.com\" }"),
        "Expected a route to be either a string, or an object with shape { pattern, custom_domain, zone_id | \
         zone_name, enabled, previews_enabled }, but got {\"pattern\":\"a.com\"}."
    );
    assert_eq!(
        message("routes = [\"a.*.com\"]"),
        "\"a.*.com\" is not a usable route: `*` may only start the host and end the path"
    );
    assert_eq!(
        message("triggers = { crons = [\"* * * * 0\"] }"),
        "\"* * * * 0\" is not a cron schedule: \"0\" is not a weekday (1 to 7)"
    );
    assert_eq!(
        message("triggers = { crons = \"* * * * *\" }"),
        "Expected \"triggers.crons\" to be of type string array but got \"* * * * *\"."
    );
}

#[test]
fn rules_need_a_type_and_globs() {
    assert_eq!(
        message("rules = [{ globs = [\"*\"] }]"),
        "bindings should have a string \"type\" field, which contains one of \"ESModule\", \"CommonJS\", \
         \"CompiledWasm\", \"Text\", or \"Data\"."
    );
    assert_eq!(message("rules = [{ type = \"Text\" }]"), "\"rules[0].globs\" is a required field.");
    assert_eq!(message("rules = [1]"), "\"rules[0]\" should be an object but got 1.");
    assert_eq!(
        message("rules = [{ type = \"Text\", globs = [1] }]"),
        "Expected \"rules[0].globs\" to be of type string array but got [1]."
    );
}

#[test]
fn what_would_not_happen_is_said() {
    assert_eq!(
        message("text_blobs = { A = \"a.txt\" }"),
        "You cannot configure [text_blobs] with a Python Worker"
    );
}

#[test]
fn keys_of_javascript_and_deployment_are_accepted() {
    let lines = "account_id = \"x\"\nworkers_dev = true\nminify = true\nnode_compat = true\n\
                 placement = { mode = \"smart\" }\nmigrations = [{ tag = \"v1\", new_classes = [\"A\"] }]\n\
                 keep_vars = true\nsend_metrics = false\ndefine = { A = \"1\" }";
    assert_eq!(message(lines), "Unexpected fields found in top-level field: \"node_compat\"");
}

#[test]
fn all_mistakes_come_out_at_once_in_the_order_of_the_file() {
    let text = "name = \"A\"\nmain = 1\ncompatibility_date = \"x\"\nlimits = 1\n[dev]\nprt = 1\n";
    let lines: Vec<usize> = diagnostics_of(read(text, Format::Toml, None))
        .iter()
        .map(|diagnostic| text[..diagnostic.span.unwrap().start].matches('\n').count() + 1)
        .collect();
    assert_eq!(lines, [1, 2, 3, 3, 4, 6]);
}

#[test]
fn long_values_are_cut_in_messages() {
    let text = message(&format!("vars = \"{}\"", "ä".repeat(1000)));
    assert!(text.chars().count() < 200, "{text}");
    assert!(text.ends_with("ä…."), "{text}");
}

#[test]
fn what_is_missing_leaves_stand_ins() {
    let plan =
        plan(&with("pipelines = [{ binding = \"A\" }, { binding = \"B\" }]\nmedia = { binding = \"M\" }"));
    let left: Vec<(&str, &str)> =
        plan.stand_ins.iter().map(|missing| (missing.binding.as_str(), missing.key.as_str())).collect();
    assert_eq!(left, [("M", "media"), ("A", "pipelines"), ("B", "pipelines")]);
}
