//! Inputs as Workers give them: an object whose fields come in more than one form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::AiError;

/// The inputs of one call.
#[derive(Debug)]
pub(super) struct Inputs {
    fields: Map<String, Value>,
    /// One of them, where it came as bytes: its name, its type, and itself.
    pub(super) bytes: Option<(String, String, Bytes)>,
}

impl Inputs {
    /// Reads JSON.
    pub(super) fn parse(json: &[u8]) -> Result<Self, AiError> {
        match serde_json::from_slice(json) {
            Ok(Value::Object(fields)) => Ok(Self { fields, bytes: None }),
            Ok(_) => Err(AiError::schema("Type mismatch of '/', 'object' is expected")),
            Err(error) => Err(AiError::unreadable(format!("The inputs are not JSON: {error}"))),
        }
    }

    /// The same, with one more that came as bytes.
    pub(super) fn with_bytes(self, key: String, content_type: String, bytes: Bytes) -> Self {
        Self { bytes: Some((key, content_type, bytes)), ..self }
    }

    /// All fields, as JSON.
    pub(super) fn into_value(self) -> Value {
        Value::Object(self.fields)
    }

    /// The same, kept.
    pub(super) fn to_value(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn string(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A string that must be there.
    pub(super) fn required(&self, key: &str) -> Result<&str, AiError> {
        match self.get(key) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(AiError::schema(format!("Type mismatch of '/{key}', 'string' is expected"))),
            None => Err(missing(key)),
        }
    }

    /// A string, or a list of strings.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, AiError> {
        let wrong =
            || AiError::schema(format!("Type mismatch of '/{key}', 'string' or 'array' of it is expected"));
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
            Some(Value::Array(items)) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<_>>>().ok_or_else(wrong).map(Some)
            }
            Some(_) => Err(wrong()),
        }
    }

    /// The texts of a list of `{text}`.
    pub(super) fn contexts(&self) -> Result<Option<Vec<String>>, AiError> {
        let Some(contexts) = self.get("contexts") else { return Ok(None) };
        let text = |context: &Value| context.get("text")?.as_str().map(str::to_owned);
        let texts = contexts.as_array().and_then(|contexts| contexts.iter().map(text).collect());
        texts.ok_or_else(|| AiError::schema("must have required property 'text'")).map(Some)
    }

    /// Bytes: numbers, Base64 (or a data URL), or what came as bytes; with their type, where it is known.
    pub(super) fn file(&self, key: &str) -> Result<(Bytes, Option<String>), AiError> {
        if let Some((name, content_type, bytes)) = &self.bytes
            && name == key
        {
            return Ok((bytes.clone(), Some(content_type.clone())));
        }
        let value = self.get(key).ok_or_else(|| missing(key))?;
        bytes_of(value).map(|bytes| (bytes, None))
    }
}

/// What a required field's absence is called.
pub(super) fn missing(key: &str) -> AiError {
    AiError::schema(format!("required properties at '/' are '{key}'"))
}

fn bytes_of(value: &Value) -> Result<Bytes, AiError> {
    let byte = |number: &Value| number.as_u64().and_then(|number| u8::try_from(number).ok());
    let bytes: Option<Vec<u8>> = match value {
        Value::String(text) => {
            let base64 = text.split_once(";base64,").map_or(text.as_str(), |(_, data)| data);
            STANDARD.decode(base64).ok()
        }
        Value::Array(numbers) => numbers.iter().map(byte).collect(),
        // What JSON makes of a typed array.
        Value::Object(fields) => {
            (0..fields.len()).map(|index| fields.get(&index.to_string()).and_then(byte)).collect()
        }
        _ => None,
    };
    bytes.map(Bytes::from).ok_or_else(AiError::base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_three_forms() {
        for given in ["[104, 105]", r#""aGk=""#, r#""data:image/png;base64,aGk=""#, r#"{"0": 104, "1": 105}"#]
        {
            let inputs = Inputs::parse(format!("{{\"image\": {given}}}").as_bytes()).unwrap();
            assert_eq!(inputs.file("image").unwrap().0, "hi", "{given}");
        }
        for given in ["[256]", "[-1]", "\"?\"", "true", r#"{"a": 1}"#] {
            let inputs = Inputs::parse(format!("{{\"image\": {given}}}").as_bytes()).unwrap();
            assert_eq!(inputs.file("image").unwrap_err().code, 5004, "{given}");
        }
        assert_eq!(Inputs::parse(b"{}").unwrap().file("image").unwrap_err().code, 5006);
        assert_eq!(Inputs::parse(b"[]").unwrap_err().code, 5006);
        assert_eq!(Inputs::parse(b"{").unwrap_err().code, 3003);
    }
}
