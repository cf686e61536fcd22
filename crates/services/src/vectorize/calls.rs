//! The calls a cell makes on a Vectorize index: from `hognose_wire::vectorize`'s vocabulary to an engine and back.

use std::borrow::Cow;
use std::sync::Arc;

use hognose_wire::vectorize as wire;

use super::{
    Conflict, Description, Detail, Filter, Match, Operation, Query, Shape, Target, Vector, Vectorize,
    VectorizeError, limits, metadata,
};
use crate::{Answer, ByteStream, Call, CallError, Content, Pending, Service, next_chunk};

/// A Vectorize index as a binding.
pub struct VectorizeService {
    index: Arc<dyn Vectorize>,
}

type Reply = Pending<Result<Answer, CallError>>;

impl VectorizeService {
    /// Serves `index`.
    pub fn new(index: Arc<dyn Vectorize>) -> Self {
        Self { index }
    }

    fn put(&self, mut call: Call<'_>, operation: Operation, conflict: Conflict) -> Result<Reply, CallError> {
        call.read_params::<()>()?;
        let [batch] = std::mem::take(&mut call.bodies)
            .try_into()
            .map_err(|_| CallError::violation(format!("`{}` takes exactly one body", operation.verb())))?;
        let index = Arc::clone(&self.index);
        Ok(Pending::later(async move {
            let vectors = read_vectors(batch, operation).await?;
            let put = async {
                let shape = index.shape().wait().await?;
                check_batch(&vectors, &shape, operation, limits::BATCH_MAX)?;
                index.put(vectors, conflict).wait().await
            };
            put.await.map(|mutation| mutated(&mutation)).map_err(|error| error.during(operation))
        }))
    }

    fn delete(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let wire::Ids { ids } = call.read_params()?;
        let failed = |error: VectorizeError| error.during(Operation::Delete);
        check_ids(&ids, limits::BATCH_MAX).map_err(failed)?;
        let mutation = self.index.delete(ids.into_iter().map(str::to_owned).collect());
        Ok(mutation.map(move |result| result.map(|mutation| mutated(&mutation)).map_err(failed)))
    }

    fn get(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let wire::Ids { ids } = call.read_params()?;
        let failed = |error: VectorizeError| error.during(Operation::Get);
        check_ids(&ids, limits::GET_MAX).map_err(failed)?;
        let vectors = self.index.get(ids.into_iter().map(str::to_owned).collect());
        Ok(vectors.map(move |result| result.map(|vectors| vectors_answer(&vectors)).map_err(failed)))
    }

    fn query(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let query = read_query(call.read_params()?)?.map_err(|error| error.during(Operation::Query))?;
        let index = Arc::clone(&self.index);
        Ok(Pending::later(async move {
            let found = async {
                check_query(&query, &index.shape().wait().await?)?;
                index.query(query).wait().await
            };
            found
                .await
                .map(|matches| matches_answer(&matches))
                .map_err(|error| error.during(Operation::Query))
        }))
    }

    fn describe(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        call.read_params::<()>()?;
        let described = self.index.describe();
        Ok(described.map(|result| {
            result.map(|about| description(&about)).map_err(|error| error.during(Operation::Info))
        }))
    }
}

impl Service for VectorizeService {
    fn call(&self, call: Call<'_>) -> Reply {
        let begun = match call.method {
            "insert" => self.put(call, Operation::Insert, Conflict::Keep),
            "upsert" => self.put(call, Operation::Upsert, Conflict::Replace),
            "delete" => self.delete(&call),
            "get" => self.get(&call),
            "query" => self.query(&call),
            "describe" => self.describe(&call),
            unknown => Err(CallError::unknown_method("a Vectorize index", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}

/// Vectors that an index of that shape can take in one batch of at most `batch_max`.
pub fn check_batch(
    vectors: &[Vector],
    shape: &Shape,
    operation: Operation,
    batch_max: usize,
) -> Result<(), VectorizeError> {
    let unread = |text: String| {
        let verb = operation.verb();
        Err(VectorizeError::refused(40023, format!("failed to parse {verb} vectors request: {text}")))
    };
    if vectors.len() > batch_max {
        let count = vectors.len();
        return unread(format!("too many vectors in payload; max vector count is {batch_max}, got {count}"));
    }
    for Vector { id, values, namespace, metadata } in vectors {
        check_id(id)?;
        if values.len() != shape.dimensions {
            let (expected, got) = (shape.dimensions, values.len());
            let text = format!(
                "invalid vector for id=\"{id}\", expected {expected} dimensions, and got {got} dimensions"
            );
            return Err(VectorizeError::refused(40012, text));
        }
        if !values.iter().all(|value| value.is_finite()) {
            return unread(format!("the values of id=\"{id}\" are not all finite numbers"));
        }
        if let Some(size) = namespace.as_ref().map(String::len)
            && size > limits::NAMESPACE_MAX_BYTES
        {
            let limit = limits::NAMESPACE_MAX_BYTES;
            return unread(format!(
                "namespace of id=\"{id}\" too long; max is {limit} bytes, got {size} bytes"
            ));
        }
        if let Some(metadata) = metadata {
            metadata::check(id, metadata, operation.verb())?;
        }
    }
    Ok(())
}

fn check_id(id: &str) -> Result<(), VectorizeError> {
    let (size, limit) = (id.len(), limits::ID_MAX_BYTES);
    if size > limit {
        let text = format!("id too long; max is {limit} bytes, got {size} bytes");
        return Err(VectorizeError::refused(40008, text));
    }
    if id.is_empty() {
        return Err(VectorizeError::refused(40008, "id must not be empty"));
    }
    Ok(())
}

/// Ids of which one call takes at most `count_max`.
pub fn check_ids(ids: &[&str], count_max: usize) -> Result<(), VectorizeError> {
    if ids.len() > count_max {
        let count = ids.len();
        let text = format!("too many ids in payload; max id count is {count_max}, got {count}");
        return Err(VectorizeError::refused(40007, text));
    }
    ids.iter().try_for_each(|id| check_id(id))
}

/// A query that an index of that shape can answer.
pub fn check_query(query: &Query, shape: &Shape) -> Result<(), VectorizeError> {
    let Target::Values(values) = &query.target else { return Ok(()) };
    if values.len() != shape.dimensions {
        let (expected, got) = (shape.dimensions, values.len());
        let text = format!("invalid query vector, expected {expected} dimensions, and got {got} dimensions");
        return Err(VectorizeError::refused(40006, text));
    }
    if !values.iter().all(|value| value.is_finite()) {
        let text = "invalid query vector, expected finite numbers";
        return Err(VectorizeError::refused(40006, text));
    }
    Ok(())
}

fn check_top_k(query: &wire::Query<'_>) -> Result<usize, VectorizeError> {
    let (given, limit, full) = (query.top_k, limits::TOP_K_MAX, limits::TOP_K_FULL_MAX);
    if given < 1 {
        let text =
            format!("Failed to parse the request body as JSON: topK: expected a number from 1 to {limit}");
        return Err(VectorizeError::refused(40026, text));
    }
    if given > full && (query.return_values || query.return_metadata == Detail::All) {
        let text = format!(
            "with returnValues=true or returnMetadata=all, max top K is {full}, but got {given}; for a top K up to \
             {limit}, retry with returnValues=false and returnMetadata=indexed"
        );
        return Err(VectorizeError::refused(40025, text));
    }
    if given > limit {
        return Err(VectorizeError::refused(40025, format!("max top K is {limit}, but got {given}")));
    }
    Ok(given as usize)
}

fn read_query(query: wire::Query<'_>) -> Result<Result<Query, VectorizeError>, CallError> {
    let target = match query.target {
        wire::Target::Values(bytes) => Target::Values(floats(bytes)?),
        wire::Target::Id(id) => Target::Id(id.to_owned()),
    };
    let checked =
        check_top_k(&query).and_then(|top_k| Ok((top_k, query.filter.map(Filter::parse).transpose()?)));
    Ok(checked.map(|(top_k, filter)| Query {
        target,
        top_k,
        return_values: query.return_values,
        return_metadata: query.return_metadata,
        namespace: query.namespace.map(str::to_owned),
        filter,
    }))
}

async fn read_vectors(batch: Content, operation: Operation) -> Result<Vec<Vector>, CallError> {
    let bytes = gather(batch.into_stream()).await.map_err(|error| error.during(operation))?;
    let vectors: Vec<wire::Vector<'_>> = postcard::from_bytes(&bytes)
        .map_err(|error| CallError::violation(format!("malformed vectors: {error}")))?;
    let vector = |vector: wire::Vector<'_>| {
        Ok(Vector {
            id: vector.id.into_owned(),
            values: floats(&vector.values)?,
            namespace: vector.namespace.map(Cow::into_owned),
            metadata: vector.metadata.map(Cow::into_owned),
        })
    };
    vectors.into_iter().map(vector).collect()
}

async fn gather(mut stream: Box<dyn ByteStream>) -> Result<Vec<u8>, VectorizeError> {
    let mut whole = Vec::new();
    let lost = |error: crate::StreamError| VectorizeError::Engine { cause: error.message };
    while let Some(chunk) = next_chunk(&mut *stream).await.map_err(lost)? {
        if whole.len() + chunk.len() > limits::BATCH_MAX_BYTES {
            let limit = limits::BATCH_MAX_BYTES;
            return Err(VectorizeError::refused(40023, format!("the payload has more than {limit} bytes")));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

fn floats(bytes: &[u8]) -> Result<Vec<f32>, CallError> {
    let (values, []) = bytes.as_chunks::<4>() else {
        return Err(CallError::violation("values that are not of four bytes each"));
    };
    Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn bytes_of(values: &[f32]) -> Cow<'static, [u8]> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn mutated(mutation_id: &str) -> Answer {
    Answer::of(&wire::Mutated { mutation_id })
}

fn vectors_answer(vectors: &[Vector]) -> Answer {
    let vector = |vector: &Vector| wire::Vector {
        id: Cow::Owned(vector.id.clone()),
        values: bytes_of(&vector.values),
        namespace: vector.namespace.clone().map(Cow::Owned),
        metadata: vector.metadata.clone().map(Cow::Owned),
    };
    Answer::of(&vectors.iter().map(vector).collect::<Vec<_>>())
}

fn matches_answer(matches: &[Match]) -> Answer {
    let one = |found: &Match| wire::Match {
        id: Cow::Owned(found.id.clone()),
        score: found.score,
        values: found.values.as_deref().map(bytes_of),
        namespace: found.namespace.clone().map(Cow::Owned),
        metadata: found.metadata.clone().map(Cow::Owned),
    };
    Answer::of(&matches.iter().map(one).collect::<Vec<_>>())
}

fn description(about: &Description) -> Answer {
    let processed = about.processed_up_to.as_ref();
    Answer::of(&wire::Description {
        vector_count: about.vector_count,
        dimensions: about.shape.dimensions as u32,
        processed_up_to_ms: processed.map(|(_, at_ms)| *at_ms),
        processed_up_to_mutation: processed.map(|(mutation, _)| mutation.as_str()),
    })
}
