//! The table of models in `hognose.toml`: what answers for each of Cloudflare's.
//!
//! ```toml
//! [ai.models."@cf/meta/llama-3.1-8b-instruct"]
//! url = "http://localhost:11434/v1"
//! model = "llama3.1"
//! ```

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::section::Section;
use crate::settings::duration;

/// The most often a call is made again.
const RETRIES_MAX: u64 = 10;

/// What `[ai]` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AiSettings {
    /// `ai.base_url`: Cloudflare's REST interface, or what speaks it, up to the models' names. Whatever `models` does
    /// not name is there.
    pub base_url: Option<String>,
    /// `ai.key`: the variable that holds what opens it.
    pub key: Option<String>,
    /// `ai.models`, by Cloudflare's names.
    pub models: BTreeMap<String, ModelSettings>,
}

/// What answers for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSettings {
    /// Where it is.
    pub place: ModelPlace,
    /// `model`: what it is called there.
    pub model: Option<String>,
    /// `key`: the variable that holds what opens the server.
    pub key: Option<String>,
    /// `task`: what it does, where its name does not say.
    pub task: Option<String>,
    /// `timeout_ms`: how long it may take for its first byte, and for each next.
    pub timeout: Option<std::time::Duration>,
    /// `retries`: how often a call is made again that the server could not take.
    pub retries: Option<u32>,
}

/// Where a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelPlace {
    /// `url`, of a server that speaks as OpenAI's does.
    OpenAi(String),
    /// `url` with `api = "cloudflare"`: of Cloudflare's REST interface.
    Cloudflare(String),
    /// `folder`: a folder with `model.onnx`, relative to the file.
    Folder(String),
}

/// Reads `[ai]`.
pub(crate) fn read(section: &Section<'_>) -> AiSettings {
    let string = |key| section.string(key).map(|found| found.value.to_owned());
    let mut settings =
        AiSettings { base_url: string("base_url"), key: string("key"), models: BTreeMap::new() };
    if let Some(models) = section.section("models") {
        for entry in &models.table.entries {
            let Some(table) = entry.node.as_table() else {
                let message =
                    format!("The model \"{}\" should be a table but got {}.", entry.key, entry.node.shown());
                section.report.push(Diagnostic::error(Code::WrongType, message).at(entry.node.span, ""));
                continue;
            };
            let path = models.path_of(&entry.key);
            let model = Section::new(table, path, entry.node.span, section.report);
            if let Some(read) = read_model(&model) {
                settings.models.insert(entry.key.clone(), read);
            }
            model.finish();
        }
    }
    settings
}

fn read_model(section: &Section<'_>) -> Option<ModelSettings> {
    let string = |key| section.string(key).map(|found| found.value.to_owned());
    let (url, folder) = (string("url"), string("folder"));
    let is_cloudflare = section.choice("api", &[("openai", false), ("cloudflare", true)]).unwrap_or(false);
    let place = match (url, folder) {
        (Some(url), None) if is_cloudflare => Some(ModelPlace::Cloudflare(url)),
        (Some(url), None) => Some(ModelPlace::OpenAi(url)),
        (None, Some(folder)) => Some(ModelPlace::Folder(folder)),
        _ => None,
    };
    if place.is_none() {
        let message = format!("\"{}\" should have either a \"url\" or a \"folder\".", section.path());
        section.report.push(
            Diagnostic::error(Code::MissingKey, message)
                .at(section.span, "where is it?")
                .help("`url` is of a server that speaks as OpenAI's does, `folder` has a `model.onnx`"),
        );
    }
    Some(ModelSettings {
        model: string("model"),
        key: string("key"),
        task: string("task"),
        timeout: duration(section, "timeout_ms"),
        retries: section.integer("retries", 0..=RETRIES_MAX).map(|retries| retries as u32),
        place: place?,
    })
}
