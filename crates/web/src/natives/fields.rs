//! Header names and values: checked and brought into the form in which `Headers` keeps them. A text that has it already
//! is returned as it is, which is nearly always.

use hognose_engine::{Context, Result, Thrown, Value};

use super::{Arguments, Natives};

pub(super) fn add(natives: &Natives) -> Result<()> {
    natives.add("headerName", |context, arguments| {
        normalized(context, arguments, &arguments.string(0)?, normalize_name)
    })?;
    natives.add("headerValue", |context, arguments| {
        let text = arguments.string(0)?;
        check_characters(context, &text, arguments.boolean(1))?;
        normalized(context, arguments, &text, normalize_value)
    })?;
    natives.add("headerList", header_list)
}

/// The flat text (see [`HeaderList`](crate::HeaderList)) of `[name, value, name, value, …]`; the second argument says
/// whether characters beyond Latin-1 are refused.
fn header_list(context: Context, arguments: &Arguments) -> Result<Value> {
    let pedantic = arguments.boolean(1);
    let mut flat = String::new();
    for pair in arguments.value(0).elements()?.chunks_exact(2) {
        for (part, rule, what) in [
            (&pair[0], normalize_name as fn(&str) -> Normalized, "name"),
            (&pair[1], normalize_value, "value"),
        ] {
            let text = part.to_js_string()?;
            check_characters(context, &text, pedantic)?;
            match rule(&text) {
                Normalized::Unchanged => flat.push_str(&text),
                Normalized::Changed(text) => flat.push_str(&text),
                Normalized::Invalid => {
                    return Err(Thrown::type_error(context, &format!("Invalid header {what}.")));
                }
            }
            flat.push('\n');
        }
    }
    context.string(&flat)
}

/// What became of a text.
enum Normalized {
    Unchanged,
    Changed(String),
    Invalid,
}

fn check_characters(context: Context, text: &str, pedantic: bool) -> Result<()> {
    if pedantic && text.chars().any(|character| character > '\u{ff}') {
        return Err(Thrown::type_error(context, &format!("A character beyond Latin-1 is in: {text}")));
    }
    Ok(())
}

/// What the rule makes of the text of the first argument.
fn normalized(
    context: Context,
    arguments: &Arguments,
    text: &str,
    rule: fn(&str) -> Normalized,
) -> Result<Value> {
    match rule(text) {
        Normalized::Unchanged if arguments.value(0).is_string() => Ok(arguments.value(0)),
        Normalized::Unchanged => context.string(text),
        Normalized::Changed(text) => context.string(&text),
        Normalized::Invalid => Ok(context.undefined()),
    }
}

/// A token, in lower case. <https://www.rfc-editor.org/rfc/rfc9110#name-tokens>
fn normalize_name(name: &str) -> Normalized {
    let is_token =
        |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || b"!#$%&'*+.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        Normalized::Invalid
    } else if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Normalized::Changed(name.to_ascii_lowercase())
    } else {
        Normalized::Unchanged
    }
}

/// Without white space around it, and without what would end the field.
/// <https://fetch.spec.whatwg.org/#concept-header-value>
fn normalize_value(value: &str) -> Normalized {
    let trimmed = value.trim_matches(['\t', '\n', '\r', ' ']);
    if trimmed.contains(['\0', '\n', '\r']) {
        Normalized::Invalid
    } else if trimmed.len() == value.len() && !value.contains('\u{fffd}') {
        Normalized::Unchanged
    } else {
        // A replacement character may stand for a lone surrogate, which the value must not keep.
        Normalized::Changed(trimmed.to_owned())
    }
}
