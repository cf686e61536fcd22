//! The calls a cell makes on an R2 bucket: from `hognose_wire::r2`'s vocabulary to an engine and back.

use std::sync::Arc;

use hognose_wire::r2 as wire;
use serde::de::DeserializeOwned;

use super::{GetOptions, Got, ListQuery, PutOptions, R2, R2Error, limits};
use crate::{Answer, Call, CallError, Content, Pending, Service, next_chunk};

/// An R2 bucket as a binding.
pub struct R2Service {
    r2: Arc<dyn R2>,
}

type Reply = Pending<Result<Answer, CallError>>;

impl R2Service {
    /// Serves `r2`.
    pub fn new(r2: Arc<dyn R2>) -> Self {
        Self { r2 }
    }

    fn head(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let params: wire::Head = call.read_params()?;
        // A key that no object can have is one that none has.
        Ok(reply("head", self.r2.head(&params.key), |object| Answer::of(&object)))
    }

    fn get(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let wire::Get { key, only_if, range, ssec_key } = call.read_params()?;
        Ok(reply("get", self.r2.get(&key, GetOptions { only_if, range, ssec_key }), get_answer))
    }

    fn put(&self, mut call: Call<'_>) -> Result<Reply, CallError> {
        let wire::Put { key, only_if, properties, checksum } = call.read_params()?;
        let content = only_body(&mut call)?;
        let checked = limits::check_key(&key)
            .and_then(|()| limits::check_properties(&properties))
            .and_then(|()| limits::check_length(content.length()));
        checked.map_err(|error| error.during("put"))?;
        let options = PutOptions { only_if, properties, checksum };
        Ok(reply("put", self.r2.put(&key, content, options), |object| Answer::of(&object)))
    }

    fn delete(&self, mut call: Call<'_>) -> Result<Reply, CallError> {
        call.read_params::<wire::Delete>()?;
        let (body, r2) = (only_body(&mut call)?, Arc::clone(&self.r2));
        Ok(Pending::later(async move {
            let keys: Vec<String> = read_list(body, "delete").await?;
            if keys.len() > limits::DELETE_MAX_KEYS {
                return Err(R2Error::TooManyKeys.during("delete"));
            }
            let deleted = r2.delete(keys).wait().await;
            deleted.map(|()| Answer::default()).map_err(|error| error.during("delete"))
        }))
    }

    fn list(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let params: wire::List = call.read_params()?;
        let query = ListQuery {
            limit: limits::page_size(params.limit).map_err(|error| error.during("list"))?,
            prefix: params.prefix.unwrap_or_default(),
            delimiter: params.delimiter.unwrap_or_default(),
            cursor: params.cursor,
            start_after: params.start_after,
        };
        Ok(reply("list", self.r2.list(&query), |page| Answer::of(&page)))
    }

    fn create_upload(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        const ACTION: &str = "createMultipartUpload";
        let wire::CreateUpload { key, properties } = call.read_params()?;
        let checked = limits::check_key(&key).and_then(|()| limits::check_properties(&properties));
        checked.map_err(|error| error.during(ACTION))?;
        Ok(reply(ACTION, self.r2.create_upload(&key, properties), |id| Answer::of(&id)))
    }

    fn upload_part(&self, mut call: Call<'_>) -> Result<Reply, CallError> {
        const ACTION: &str = "uploadPart";
        let wire::UploadPart { upload, part_number, ssec_key } = call.read_params()?;
        let content = only_body(&mut call)?;
        if !(1..=limits::PARTS_MAX).contains(&part_number) {
            return Err(CallError::violation(format!("`upload_part` with the number {part_number}")));
        }
        limits::check_length(content.length()).map_err(|error| error.during(ACTION))?;
        let uploaded = self.r2.upload_part(upload, part_number, content, ssec_key);
        Ok(reply(ACTION, uploaded, |etag| Answer::of(&etag)))
    }

    fn complete_upload(&self, mut call: Call<'_>) -> Result<Reply, CallError> {
        const ACTION: &str = "completeMultipartUpload";
        let upload: wire::Upload = call.read_params()?;
        let (body, r2) = (only_body(&mut call)?, Arc::clone(&self.r2));
        Ok(Pending::later(async move {
            let parts: Vec<wire::Part> = read_list(body, ACTION).await?;
            let completed = r2.complete_upload(upload, parts).wait().await;
            completed.map(|object| Answer::of(&object)).map_err(|error| error.during(ACTION))
        }))
    }

    fn abort_upload(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let upload: wire::Upload = call.read_params()?;
        Ok(reply("abortMultipartUpload", self.r2.abort_upload(upload), |()| Answer::default()))
    }
}

impl Service for R2Service {
    fn call(&self, call: Call<'_>) -> Reply {
        let begun = match call.method {
            "head" => self.head(&call),
            "get" => self.get(&call),
            "put" => self.put(call),
            "delete" => self.delete(call),
            "list" => self.list(&call),
            "create_multipart_upload" => self.create_upload(&call),
            "upload_part" => self.upload_part(call),
            "complete_multipart_upload" => self.complete_upload(call),
            "abort_multipart_upload" => self.abort_upload(&call),
            unknown => Err(CallError::unknown_method("an R2 bucket", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}

/// An engine's result as a call's.
fn reply<T: Send + 'static>(
    action: &'static str,
    result: Pending<Result<T, R2Error>>,
    answer: impl FnOnce(T) -> Answer + Send + 'static,
) -> Reply {
    result.map(move |result| result.map(answer).map_err(|error| error.during(action)))
}

fn only_body(call: &mut Call<'_>) -> Result<Content, CallError> {
    let [body] = std::mem::take(&mut call.bodies)
        .try_into()
        .map_err(|_| CallError::violation(format!("`{}` takes exactly one body", call.method)))?;
    Ok(body)
}

fn get_answer(got: Got) -> Answer {
    let (object, content) = match got {
        Got::Missing => return Answer::of::<Option<wire::Got>>(&None),
        Got::Unwanted(object) => (object, None),
        Got::Found(object, content) => (object, Some(content)),
    };
    let found = wire::Got { object, has_body: content.is_some() };
    Answer { bodies: content.into_iter().collect(), ..Answer::of(&Some(found)) }
}

/// A list that came as a body.
async fn read_list<T: DeserializeOwned>(body: Content, action: &str) -> Result<Vec<T>, CallError> {
    let mut stream = body.into_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) =
        next_chunk(&mut *stream).await.map_err(|error| R2Error::Source(error).during(action))?
    {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limits::LIST_MAX_BYTES {
            return Err(R2Error::TooManyKeys.during(action));
        }
    }
    postcard::from_bytes(&bytes)
        .map_err(|error| CallError::violation(format!("{action} with a malformed list: {error}")))
}
