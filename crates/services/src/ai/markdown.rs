//! `toMarkdown`: documents are converted by the process that runs models, where a hostile one does no harm; pictures are
//! described by the first model of the table that can. What cannot be done with one document does not concern the others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::calls::{Request, Shared, read_body};
use super::{AiError, Task};
use crate::Content;

/// The most documents of one call.
pub const DOCUMENTS_MAX: usize = 64;
/// About how many bytes of text a token is.
const TOKEN_BYTES: usize = 4;
/// How a picture is asked about; the language follows.
const DESCRIBE: &str = "Describe this picture in detail, in";
/// The languages of descriptions, by the codes of Cloudflare's option.
const LANGUAGES: [(&str, &str); 6] = [
    ("en", "English"),
    ("es", "Spanish"),
    ("fr", "French"),
    ("it", "Italian"),
    ("pt", "Portuguese"),
    ("de", "German"),
];

/// A file to be converted.
pub(super) struct Document {
    pub(super) name: String,
    pub(super) mime_type: String,
    pub(super) bytes: Bytes,
}

impl Shared {
    /// What becomes of each document, in their order.
    pub(super) async fn to_markdown(&self, documents: Vec<Document>, options: Value) -> Value {
        let mut results = Vec::new();
        for document in documents {
            let Document { name, mime_type, .. } = &document;
            let mime_type = match mime_type.as_str() {
                "" => mime_guess::from_path(name).first_or_octet_stream().to_string(),
                given => given.to_owned(),
            };
            let mut result = json!({ "id": crate::random::name(), "name": name, "mimeType": mime_type });
            let format = if options["output"]["format"] == "text" { "text" } else { "markdown" };
            let more = match self.convert(&document, &mime_type, &options).await {
                Ok(data) => {
                    json!({ "format": format, "tokens": data.len().div_ceil(TOKEN_BYTES), "data": data })
                }
                Err(error) => json!({ "format": "error", "error": error.description }),
            };
            if let (Some(fields), Value::Object(more)) = (result.as_object_mut(), more) {
                fields.extend(more);
            }
            results.push(result);
        }
        Value::Array(results)
    }

    async fn convert(
        &self,
        document: &Document,
        mime_type: &str,
        options: &Value,
    ) -> Result<String, AiError> {
        let data = STANDARD.encode(&document.bytes);
        if mime_type.starts_with("image/") && mime_type != "image/svg+xml" {
            return self.describe(data, options).await;
        }
        let question =
            json!({ "name": document.name, "mimeType": mime_type, "data": data, "options": options });
        let converted = self.local.to_markdown(question, super::TIMEOUT).wait().await;
        let converted = converted.map_err(|error| AiError::engine(500, error.to_string()))?;
        Ok(converted.as_str().unwrap_or_default().to_owned())
    }

    /// What a model says about a picture.
    async fn describe(&self, data: String, options: &Value) -> Result<String, AiError> {
        let describes = |name: &str, task: Option<Task>| {
            task.unwrap_or_else(|| Task::of_model(name)) == Task::ImageToText
        };
        let model = self.models.by_name.iter().find(|(name, model)| describes(name, model.task));
        let missing = || {
            AiError::engine(
                400,
                "Pictures are described by a model: name one for image-to-text in hognose.toml, such as \
                 [ai.models.\"@cf/llava-hf/llava-1.5-7b-hf\"]",
            )
        };
        let (model, _) = model.ok_or_else(missing)?;
        let wanted = options["image"]["descriptionLanguage"].as_str().unwrap_or("en");
        let language = LANGUAGES.iter().find(|(code, _)| *code == wanted).map_or("English", |(_, name)| name);
        let inputs = json!({ "image": data, "prompt": format!("{DESCRIBE} {language}.") });
        let request = Request { model: model.clone(), options: Value::Null, stream: None };
        let reply = self.run(request, Content::Whole(inputs.to_string().into())).await?;
        let output: Value = serde_json::from_slice(&read_body(reply.body).await?)
            .map_err(|error| AiError::engine(502, format!("The model's answer is not JSON: {error}")))?;
        Ok(format!("{}\n", output["description"].as_str().unwrap_or_default().trim()))
    }
}
