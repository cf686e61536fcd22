//! The vocabulary of a Workers AI capability. Methods: `run`, `models`, `toMarkdown`. What each means is in Cloudflare's documentation of
//! Workers AI. Whatever goes wrong is a response, too, with the status and the text that Cloudflare gives.

use serde::{Deserialize, Serialize};

/// The parameters of `run`. Body 0 is the inputs: JSON of an object, or what `stream` says. The answer is a [`Response`]
/// with its body beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run<'a> {
    /// The model, as Cloudflare names it.
    #[serde(borrow)]
    pub model: &'a str,
    /// JSON of the options.
    pub options: &'a str,
    /// Where body 0 is one of the inputs as bytes.
    pub stream: Option<StreamInput<'a>>,
}

/// An input that is sent as bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamInput<'a> {
    /// Which of the inputs.
    #[serde(borrow)]
    pub key: &'a str,
    /// What the bytes are.
    pub content_type: &'a str,
    /// The other inputs: JSON of an object.
    pub others: &'a str,
}

/// The parameters of `toMarkdown`. Body 0 is the documents, one after the other. The answer is JSON of a list of results, as
/// Cloudflare documents them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToMarkdown<'a> {
    /// What the documents are.
    #[serde(borrow)]
    pub documents: Vec<Document<'a>>,
    /// JSON of the conversion's options.
    pub options: &'a str,
}

/// A document among those of a body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document<'a> {
    /// The file's name.
    #[serde(borrow)]
    pub name: &'a str,
    /// What its bytes are, where that was said.
    pub mime_type: &'a str,
    /// How many bytes it has.
    pub length: u32,
}

/// The head of what `run` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response<'a> {
    /// HTTP's.
    pub status: u16,
    /// The header fields.
    #[serde(borrow)]
    pub headers: Vec<(&'a str, &'a str)>,
}
