//! What an environment inherits, what it must repeat, and what is said when it does not.

use super::{messages_in, plan_of_environment, with};

#[test]
fn inherited_keys_come_from_the_environment_or_else_from_the_top() {
    let text = "name = \"top\"\nmain = \"a.py\"\nlimits = { cpu_ms = 1 }\nroute = \"a.com/*\"\n\
                [env.x]\nmain = \"b.py\"\nroutes = [\"b.com/*\"]\n[env.y]\nname = \"other\"";
    let x = plan_of_environment(text, Some("x"));
    assert_eq!(x.name.as_deref(), Some("top-x"));
    assert!(x.main.ends_with("b.py"));
    assert_eq!(x.limits.cpu_ms, Some(1));
    assert_eq!(x.routes[0].pattern, "b.com/*");
    let y = plan_of_environment(text, Some("y"));
    assert_eq!(y.name.as_deref(), Some("other"));
    assert!(y.main.ends_with("a.py"));
    assert_eq!(y.routes[0].pattern, "a.com/*");
    assert_eq!(plan_of_environment(text, None).name.as_deref(), Some("top"));
}

#[test]
fn bindings_and_vars_are_not_inherited_and_their_absence_is_noticed() {
    let lines = "kv_namespaces = [{ binding = \"KV\" }]\nvars = { A = \"1\" }\nenv = { prod = {} }";
    let plan = plan_of_environment(&with(lines), Some("prod"));
    assert!(plan.kv_namespaces.is_empty() && plan.vars.is_empty());
    let said = |key: &str| {
        format!(
            "\"{key}\" exists at the top level, but not on \"env.prod\".\nThis is not what you probably want, since \
             \"{key}\" is not inherited by environments.\nPlease add \"{key}\" to \"env.prod\"."
        )
    };
    assert_eq!(messages_in(lines, Some("prod")), [said("kv_namespaces"), said("vars")]);
    assert_eq!(messages_in(lines, None), [""; 0]);
}

#[test]
fn single_names_left_behind_are_noticed_too() {
    let lines = "kv_namespaces = [{ binding = \"KV\" }]\nvars = { A = \"1\", B = \"2\" }\n\
                 [env.prod]\nkv_namespaces = [{ binding = \"OTHER\" }]\nvars = { B = \"3\" }";
    assert_eq!(
        messages_in(lines, Some("prod")),
        [
            "There is a kv_namespaces binding with name \"KV\" at the top level, but not on \"env.prod\".\nThis is \
             not what you probably want, since \"kv_namespaces\" configuration is not inherited by \
             environments.\nPlease add a binding for \"KV\" to \"env.prod.kv_namespaces\".",
            "The following vars exist at the top level, but not on \"env.prod.vars\".\nThis is probably not what you \
             want, since \"vars\" configuration is not inherited by environments.\nPlease add these vars to \
             \"env.prod.vars\":\n- A",
        ]
    );
}

#[test]
fn an_unsupported_binding_of_another_environment_does_not_matter() {
    let lines = "[env.cloudflare]\npipelines = [{ binding = \"H\" }]";
    assert_eq!(messages_in(lines, None), [""; 0]);
    assert_eq!(
        messages_in(lines, Some("cloudflare")),
        ["\"pipelines\" is not supported yet by this version of hognose"]
    );
}

#[test]
fn an_unknown_environment_is_an_error_only_where_there_are_others() {
    let said = "No environment found in configuration with name \"prod\".\nBefore using `--env=prod` there should be \
                an equivalent environment section in the configuration.";
    assert_eq!(messages_in("", Some("prod")), [said]);
    assert!(plan_of_environment(&with(""), Some("prod")).environment.is_some());
    assert_eq!(messages_in("[env.dev]", Some("prod")), [said]);
    assert!(super::read(&with("[env.dev]"), hognose_config::Format::Toml, Some("prod")).is_err());
}

#[test]
fn keys_of_the_top_level_are_unknown_in_an_environment() {
    assert_eq!(
        messages_in("[env.prod]\nkeep_vars = true", Some("prod")),
        ["Unexpected fields found in env.prod field: \"keep_vars\""]
    );
    assert_eq!(
        messages_in("env = { prod = 1 }", Some("prod")),
        ["Expected \"env.prod\" to be of type object but got 1."]
    );
}
