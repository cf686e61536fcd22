//! Metadata: which keys it may have, and what of it is indexed.

use serde_json::Value;

use super::{VectorizeError, limits};

/// The type of a metadata index. A property of another type is not indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropertyKind {
    /// Strings, of which the first bytes count.
    String,
    /// Numbers.
    Number,
    /// Booleans.
    Boolean,
}

impl PropertyKind {
    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::String, Self::Number, Self::Boolean].into_iter().find(|kind| kind.name() == name)
    }
}

/// A value that can be indexed and compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A string, cut as indexed strings are.
    String(String),
    /// A number.
    Number(f64),
    /// A boolean.
    Boolean(bool),
}

impl Scalar {
    /// The value as it is indexed; `None` for what cannot be.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::String(cut(text).to_owned())),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::Bool(value) => Some(Self::Boolean(*value)),
            _ => None,
        }
    }

    /// The metadata indexes that hold such values.
    pub(super) fn kind(&self) -> PropertyKind {
        match self {
            Self::String(_) => PropertyKind::String,
            Self::Number(_) => PropertyKind::Number,
            Self::Boolean(_) => PropertyKind::Boolean,
        }
    }
}

/// As much of a string as is indexed.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(limits::INDEXED_STRING_MAX_BYTES)]
}

/// What a path of keys, joined by dots, leads to.
pub(super) fn at<'a>(metadata: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(metadata, |value, key| value.get(key))
}

/// The part of the metadata that lies under the paths, strings cut.
pub(super) fn indexed_part<'a>(metadata: &Value, paths: impl Iterator<Item = &'a str>) -> Value {
    let mut part = Value::Object(serde_json::Map::new());
    for path in paths {
        let Some(value) = at(metadata, path) else { continue };
        let value = match value {
            Value::String(text) => Value::String(cut(text).to_owned()),
            other => other.clone(),
        };
        *path.split('.').fold(&mut part, |place, key| &mut place[key]) = value;
    }
    part
}

/// Metadata that can be stored.
pub(super) fn check(id: &str, metadata: &str, verb: &str) -> Result<(), VectorizeError> {
    let unread = |why: String| {
        VectorizeError::refused(
            40023,
            format!("failed to parse {verb} vectors request: metadata of id=\"{id}\" {why}"),
        )
    };
    if metadata.len() > limits::METADATA_MAX_BYTES {
        let (size, limit) = (metadata.len(), limits::METADATA_MAX_BYTES);
        return Err(unread(format!("has {size} bytes; max is {limit} bytes")));
    }
    let value: Value = serde_json::from_str(metadata).map_err(|error| unread(error.to_string()))?;
    if !value.is_object() {
        return Err(unread("is not an object".to_owned()));
    }
    check_keys(id, &value)
}

fn check_keys(id: &str, value: &Value) -> Result<(), VectorizeError> {
    let Value::Object(fields) = value else { return Ok(()) };
    for (key, value) in fields {
        if key.is_empty() || key.contains(['"', '.']) || key.starts_with('$') {
            let rule = "keys must not be empty, start with '$', or contain '.' or '\"'";
            let text = format!("invalid metadata key {key:?} for id=\"{id}\": {rule}");
            return Err(VectorizeError::refused(40018, text));
        }
        check_keys(id, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_are_cut_between_characters() {
        let long = "ä".repeat(40);
        assert_eq!(Scalar::of(&json!(long)), Some(Scalar::String("ä".repeat(32))));
        let odd = format!("a{long}");
        assert_eq!(Scalar::of(&json!(odd)), Some(Scalar::String(format!("a{}", "ä".repeat(31)))));
    }

    #[test]
    fn the_indexed_part_keeps_its_nesting() {
        let metadata = json!({"a": {"b": 1, "c": 2}, "d": "x".repeat(65), "e": true});
        let part = indexed_part(&metadata, ["a.b", "d", "missing.x"].into_iter());
        assert_eq!(part, json!({"a": {"b": 1}, "d": "x".repeat(64)}));
    }

    #[test]
    fn keys_that_a_filter_could_not_name_are_refused() {
        for key in ["", "$a", "a.b", "a\"b"] {
            let nested = json!({"fine": {key: 1}}).to_string();
            let refused = check("x", &nested, "upsert").unwrap_err();
            assert!(matches!(refused, VectorizeError::Refused { code: 40018, .. }), "{key}");
        }
        assert_eq!(check("x", r#"{"a|b": null, "c$": [1]}"#, "upsert"), Ok(()));
    }

    #[test]
    fn metadata_has_a_largest_size() {
        let sized = |size: usize| json!({"a": "x".repeat(size - 8)}).to_string();
        assert_eq!(sized(10 << 10).len(), limits::METADATA_MAX_BYTES);
        assert_eq!(check("x", &sized(10 << 10), "upsert"), Ok(()));
        let refused = check("x", &sized((10 << 10) + 1), "upsert").unwrap_err();
        assert!(refused.to_string().ends_with("has 10241 bytes; max is 10240 bytes"), "{refused}");
        assert!(check("x", "[]", "upsert").is_err());
    }
}
