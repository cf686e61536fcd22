//! The bounds of numbers and texts among the inputs, as Cloudflare's schemas have them. A server of one's own may well take
//! more; what is refused there is refused here, so that it is met before deployment. The wording is ours.

use serde_json::Value;

use super::inputs::Inputs;
use super::{AiError, Task};

/// An input's least and greatest value: of a number itself, of a text how many characters it has.
type Range = (&'static str, f64, f64);

/// How tokens are chosen.
const SAMPLING: &[Range] = &[("temperature", 0.0, 5.0), ("top_p", 0.0, 2.0), ("top_k", 1.0, 50.0)];
/// Of pictures that come as files.
const DRAWING: &[Range] = &[("width", 256.0, 2048.0), ("height", 256.0, 2048.0), ("num_steps", 1.0, 20.0)];
/// Of pictures that come in Base64.
const SKETCHING: &[Range] = &[("prompt", 1.0, 2048.0), ("steps", 1.0, 8.0)];

fn ranges(task: Task) -> &'static [Range] {
    match task {
        Task::TextGeneration | Task::Chat | Task::ImageToText => SAMPLING,
        Task::TextToImage => DRAWING,
        Task::TextToImageBase64 => SKETCHING,
        _ => &[],
    }
}

/// Inputs that are within the bounds of their task.
pub(super) fn check(task: Task, inputs: &Inputs) -> Result<(), AiError> {
    for (key, least, most) in ranges(task) {
        let (size, of) = match inputs.get(key) {
            None => continue,
            Some(Value::String(text)) if *key == "prompt" => (text.chars().count() as f64, "length of "),
            Some(given) => {
                let wrong = || AiError::schema(format!("Type mismatch of '/{key}', 'number' is expected"));
                (given.as_f64().ok_or_else(wrong)?, "")
            }
        };
        if !(*least..=*most).contains(&size) {
            return Err(AiError::schema(format!("{of}'/{key}' must be from {least} to {most}, not {size}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(task: Task, inputs: &str) -> Option<String> {
        check(task, &Inputs::parse(inputs.as_bytes()).unwrap()).err().map(|error| error.description)
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(told(Task::Chat, r#"{"temperature": 5, "top_p": 0, "top_k": 50}"#), None);
        let hot = told(Task::TextGeneration, r#"{"temperature": 5.1}"#);
        assert_eq!(hot.as_deref(), Some("Error: '/temperature' must be from 0 to 5, not 5.1"));
        assert!(told(Task::TextGeneration, r#"{"top_k": 51}"#).is_some());
        assert!(told(Task::TextGeneration, r#"{"top_k": 0}"#).is_some());
        assert!(told(Task::TextGeneration, r#"{"top_p": 2.1}"#).is_some());
        let wrong = told(Task::TextGeneration, r#"{"top_k": "many"}"#);
        assert_eq!(wrong.as_deref(), Some("Error: Type mismatch of '/top_k', 'number' is expected"));
        assert_eq!(told(Task::TextToImage, r#"{"width": 256, "height": 2048, "num_steps": 20}"#), None);
        for inputs in [r#"{"width": 255}"#, r#"{"height": 2049}"#, r#"{"num_steps": 21}"#] {
            assert!(told(Task::TextToImage, inputs).is_some(), "{inputs}");
        }
        assert_eq!(told(Task::Embeddings, r#"{"temperature": 99}"#), None);
    }

    #[test]
    fn prompts_of_pictures_have_a_longest_length() {
        let drawn =
            |length| told(Task::TextToImageBase64, &format!(r#"{{"prompt": "{}"}}"#, "ä".repeat(length)));
        assert_eq!(drawn(2048), None);
        assert_eq!(
            drawn(2049).as_deref(),
            Some("Error: length of '/prompt' must be from 1 to 2048, not 2049")
        );
    }
}
