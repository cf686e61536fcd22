//! `hognose ai run`: a model of the project's table, asked from the command line as a Worker would ask it, without a Worker.
//! What comes is written as it comes, so a stream is a stream and a picture can be sent into a file.

use std::future::Future;
use std::io::{Read, Write};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use hognose_services::{Answer, Call, CallError, Content, Service, next_chunk};
use hognose_wire::ai::{Response, Run};
use hognose_wire::payload;
use serde_json::{Map, Value};

use crate::cli::ServerArguments;
use crate::console::Console;
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::models::Inference;
use crate::target::{TargetArguments, block_on};

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The model, by Cloudflare's name: `@cf/meta/llama-3.1-8b-instruct`
    model: String,
    /// Its inputs: JSON of an object, or `-` to read that from standard input
    #[arg(default_value = "{}")]
    inputs: String,
    /// Give it this file as an input, in Base64; may be repeated
    #[arg(long, value_name = "INPUT=PATH", value_parser = file_input)]
    file: Vec<(String, PathBuf)>,
    /// Ask Cloudflare's REST interface at this URL, or what speaks it, whatever `hognose.toml` says
    #[arg(long, value_name = "URL")]
    ai_base_url: Option<String>,
    #[command(flatten)]
    target: TargetArguments,
}

fn file_input(text: &str) -> Result<(String, PathBuf), String> {
    let (input, path) = text.split_once('=').ok_or("it should be of the form INPUT=PATH")?;
    Ok((input.to_owned(), path.into()))
}

/// Runs the model, and writes what it gives to standard output.
pub(crate) fn run(
    arguments: &RunArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    let project = arguments.target.project(interpreter, console)?;
    let inference = Inference::new(interpreter, &ServerArguments::default())?;
    let service = inference.service(&project, arguments.ai_base_url.as_deref())?;
    let inputs = Value::Object(inputs(arguments)?).to_string();
    block_on(ask(&*service, &arguments.model, inputs))
}

fn inputs(arguments: &RunArguments) -> Result<Map<String, Value>, CommandError> {
    let mut text = arguments.inputs.clone();
    if text == "-" {
        text.clear();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|source| CommandError::Read { path: "-".into(), source })?;
    }
    let mut inputs: Map<String, Value> =
        serde_json::from_str(&text).map_err(|source| CommandError::ModelInputs(source.to_string()))?;
    for (input, path) in &arguments.file {
        let unreadable = |source| CommandError::Read { path: path.clone(), source };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        inputs.insert(input.clone(), Value::String(STANDARD.encode(bytes)));
    }
    Ok(inputs)
}

fn ask(
    service: &dyn Service,
    model: &str,
    inputs: String,
) -> impl Future<Output = Result<(), CommandError>> + use<> {
    let params = payload::pack(&Run { model, options: "{}", stream: None });
    let bodies = vec![Content::Whole(inputs.into())];
    let pending = service.call(Call { method: "run", params: &params, bodies });
    async move { write(pending.wait().await).await }
}

async fn write(answered: Result<Answer, CallError>) -> Result<(), CommandError> {
    let failed = |error: &dyn std::fmt::Display| CommandError::Model(error.to_string());
    let Answer { bytes, mut bodies } = answered.map_err(|error| failed(&error))?;
    let head: Response<'_> = payload::unpack(&bytes).map_err(|error| failed(&error))?;
    let is_error = head.status >= 400;
    let mut body = bodies.pop().unwrap_or(Content::Whole(bytes::Bytes::new())).into_stream();
    let (mut output, mut error) = (std::io::stdout().lock(), Vec::new());
    while let Some(chunk) = next_chunk(&mut *body).await.map_err(|error| failed(&error))? {
        if is_error {
            error.extend_from_slice(&chunk);
            continue;
        }
        let written = output.write_all(&chunk).and_then(|()| output.flush());
        written.map_err(|source| CommandError::State { path: "standard output".into(), source })?;
    }
    if is_error {
        let told: Value = serde_json::from_slice(&error).unwrap_or_default();
        let text = told["message"].as_str().map(str::to_owned);
        return Err(CommandError::Model(
            text.unwrap_or_else(|| String::from_utf8_lossy(&error).into_owned()),
        ));
    }
    let is_text =
        head.headers.iter().any(|(name, value)| *name == "content-type" && *value == "application/json");
    if is_text {
        let ended = output.write_all(b"\n");
        ended.map_err(|source| CommandError::State { path: "standard output".into(), source })?;
    }
    Ok(())
}
