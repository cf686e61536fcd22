//! The calls a cell makes on Images: from `hognose_wire::images`' vocabulary to pixels and back.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use hognose_wire::images as wire;
use image::RgbaImage;

use super::steps::{self, Step};
use super::write::{self, Output};
use super::{IMAGES_MAX_BYTES, ImagesError, draw, read};
use crate::threads::Threads;
use crate::{Answer, Call, CallError, Content, Failure, Pending, Service, content};

/// How many images are worked on at a time: each may take hundreds of megabytes.
const THREADS: usize = 2;

/// Images as a binding.
pub struct ImagesService {
    threads: Arc<Threads>,
}

impl Default for ImagesService {
    fn default() -> Self {
        Self { threads: Arc::new(Threads::start("images", THREADS)) }
    }
}

impl Service for ImagesService {
    fn call(&self, mut call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        let bodies = std::mem::take(&mut call.bodies);
        let begun = match call.method {
            "info" => call.read_params::<wire::Source>().map(|source| {
                self.work("INFO", bodies, move |body| {
                    let image = read::split(body, &[source])?.remove(0);
                    Ok(Answer::of(&read::info(&image)?))
                })
            }),
            "transform" => call.read_params::<wire::Transform<'_>>().map(|params| {
                let wire::Transform { sources, steps, output } = params;
                let (steps, output) = (steps.to_owned(), output.to_owned());
                self.work("TRANSFORM", bodies, move |body| {
                    transform(read::split(body, &sources)?, &steps, &output)
                })
            }),
            unknown => Err(CallError::unknown_method("Images", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}

impl ImagesService {
    /// Has `work` done with the one body that there is.
    fn work(
        &self,
        operation: &'static str,
        bodies: Vec<Content>,
        work: impl FnOnce(Bytes) -> Result<Answer, ImagesError> + Send + 'static,
    ) -> Pending<Result<Answer, CallError>> {
        let Ok([body]) = <[Content; 1]>::try_from(bodies) else {
            return Pending::Ready(Err(CallError::violation("Images take exactly one body")));
        };
        let threads = Arc::clone(&self.threads);
        Pending::later(async move {
            let done = async {
                let body = content::read_at_most(body, IMAGES_MAX_BYTES).await;
                let body = body.map_err(|error| ImagesError::Internal(error.message))?;
                let body = body.ok_or(ImagesError::TooLarge)?;
                let worked = threads.run(move || Ok(work(body))).await;
                worked.map_err(|_| ImagesError::NotAnImage("they cannot be decoded".to_owned()))?
            };
            done.await.map_err(|error: ImagesError| failure(operation, &error))
        })
    }
}

/// Cloudflare's text, out of which the client half takes the number.
fn failure(operation: &str, error: &ImagesError) -> CallError {
    let message = format!("IMAGES_{operation}_{error}");
    CallError::Failed(Failure { name: Cow::Borrowed("Error"), message, retryable: false, cause: None })
}

fn transform(sources: Vec<Bytes>, steps: &str, output: &str) -> Result<Answer, ImagesError> {
    let malformed = |error| ImagesError::option(format!("The options of the output cannot be read: {error}"));
    let output: Output = serde_json::from_str(output).map_err(malformed)?;
    let mut canvases = Canvases(sources.into_iter().map(Canvas::Encoded).collect());
    for step in steps::parse(steps, canvases.0.len())? {
        match step {
            Step::Transform(index, how) => {
                let changed = how.apply(canvases.take(index)?)?;
                canvases.0[index] = Canvas::Decoded(changed);
            }
            Step::Draw { drawn, target, how } => {
                let upper = canvases.take(drawn)?;
                let mut canvas = canvases.take(target)?;
                draw::draw(&mut canvas, &upper, &how)?;
                canvases.0[target] = Canvas::Decoded(canvas);
            }
        }
    }
    let (content_type, bytes) = write::encode(canvases.take(0)?, &output)?;
    let bodies = vec![Content::Whole(bytes.into())];
    Ok(Answer { bodies, ..Answer::of(&wire::Transformed { content_type }) })
}

/// The images of a call. Each is decoded when its first step comes, so that few are in memory at a time.
struct Canvases(Vec<Canvas>);

enum Canvas {
    Encoded(Bytes),
    Decoded(RgbaImage),
    /// Drawn on another.
    Spent,
}

impl Canvases {
    fn take(&mut self, index: usize) -> Result<RgbaImage, ImagesError> {
        let canvas =
            self.0.get_mut(index).map_or(Canvas::Spent, |canvas| std::mem::replace(canvas, Canvas::Spent));
        match canvas {
            Canvas::Encoded(bytes) => read::decode(&bytes),
            Canvas::Decoded(image) => Ok(image),
            Canvas::Spent => Err(ImagesError::Internal("an image is drawn twice".to_owned())),
        }
    }
}
