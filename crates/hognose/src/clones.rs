//! The text form of structured clones, in which workflows keep results and Durable Objects keep values: from JSON, and to
//! JSON for whoever looks at what is kept. The form itself is the cell's (`clone.js`): strings, booleans, null and ordinary
//! numbers stand for themselves, everything else is an array that begins with a tag.

use serde_json::{Map, Value, json};

/// JSON as a clone.
pub(crate) fn packed(value: &Value) -> Value {
    match value {
        Value::Array(elements) => {
            let elements = elements.iter().map(packed);
            Value::Array(std::iter::once(json!("a")).chain(elements).collect())
        }
        Value::Object(entries) => {
            let entries = entries.iter().flat_map(|(key, value)| [json!(key), packed(value)]);
            Value::Array(std::iter::once(json!("o")).chain(entries).collect())
        }
        plain => plain.clone(),
    }
}

/// A clone as JSON to look at. What JSON lacks is an object with the type as its only key: `{"Date": 0}`.
pub(crate) fn shown(text: &str) -> Value {
    // Bytes stand before the text, between two marks.
    let text = text.strip_prefix('~').and_then(|rest| rest.split_once('~')).map_or(text, |(_, text)| text);
    serde_json::from_str(text).map_or_else(|_| typed("unknown", json!(text)), |node| unpacked(&node))
}

fn unpacked(node: &Value) -> Value {
    let Value::Array(parts) = node else { return node.clone() };
    let Some((Value::String(tag), parts)) = parts.split_first() else {
        return typed("unknown", node.clone());
    };
    let first = || parts.first().cloned().unwrap_or_default();
    match tag.as_str() {
        "a" => parts.iter().map(unpacked).collect(),
        "o" => {
            let entries = parts.chunks_exact(2);
            let entry =
                |pair: &[Value]| (pair[0].as_str().unwrap_or_default().to_owned(), unpacked(&pair[1]));
            Value::Object(entries.map(entry).collect())
        }
        "m" => {
            let entry = |pair: &[Value]| pair.iter().map(unpacked).collect::<Value>();
            typed("Map", parts.chunks_exact(2).map(entry).collect())
        }
        "s" => typed("Set", parts.iter().map(unpacked).collect()),
        "d" => typed("Date", unpacked(&first())),
        "n" => typed("Number", first()),
        "i" => typed("BigInt", first()),
        "u" => typed("undefined", Value::Null),
        "w" => unpacked(&first()),
        "x" => typed("RegExp", json!(parts)),
        "e" | "D" => typed("Error", json!(parts)),
        "r" => typed("the same as value", first()),
        "b" | "B" => typed("bytes", parts.get(1).cloned().unwrap_or_default()),
        "v" => typed("bytes", parts.get(2).cloned().unwrap_or_default()),
        _ => typed("unknown", node.clone()),
    }
}

fn typed(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}
