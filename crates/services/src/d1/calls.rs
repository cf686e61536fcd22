//! The calls a cell makes on a D1 database: from `hognose_wire::d1`'s vocabulary to an engine and back.

use std::borrow::Cow;
use std::sync::Arc;

use hognose_wire::d1 as wire;

use super::{D1, D1Error, Outcome, Statement, StatementResult, limits};
use crate::{Answer, ByteStream, Call, CallError, Content, Pending, Service, next_chunk};

/// A D1 database as a binding.
pub struct D1Service {
    d1: Arc<dyn D1>,
}

impl D1Service {
    /// Serves `d1`.
    pub fn new(d1: Arc<dyn D1>) -> Self {
        Self { d1 }
    }

    fn query(&self, mut call: Call<'_>) -> Result<Pending<Result<Answer, CallError>>, CallError> {
        call.read_params::<()>()?;
        let [query] = std::mem::take(&mut call.bodies)
            .try_into()
            .map_err(|_| CallError::violation("`query` takes exactly one body"))?;
        let stream = match query {
            Content::Whole(bytes) => return Ok(self.d1.query(read_statements(&bytes)?).map(answer)),
            Content::Stream(stream) => stream,
        };
        let d1 = Arc::clone(&self.d1);
        Ok(Pending::later(async move {
            let bytes = gather(stream).await?;
            answer(d1.query(read_statements(&bytes)?).wait().await)
        }))
    }
}

impl Service for D1Service {
    fn call(&self, call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        let begun = match call.method {
            "query" => self.query(call),
            unknown => Err(CallError::unknown_method("a D1 database", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}

async fn gather(mut stream: Box<dyn ByteStream>) -> Result<Vec<u8>, D1Error> {
    let mut whole = Vec::new();
    while let Some(chunk) = next_chunk(&mut *stream).await.map_err(|_| D1Error::Incomplete)? {
        if whole.len() + chunk.len() > limits::QUERY_MAX_BYTES {
            return Err(D1Error::QueryTooLarge { limit: limits::QUERY_MAX_BYTES });
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

fn read_statements(bytes: &[u8]) -> Result<Vec<Statement>, CallError> {
    let statements: Vec<wire::Statement<'_>> = postcard::from_bytes(bytes)
        .map_err(|error| CallError::violation(format!("`query` with malformed statements: {error}")))?;
    Ok(statements.into_iter().map(Statement::from).collect())
}

impl From<wire::Statement<'_>> for Statement {
    fn from(statement: wire::Statement<'_>) -> Self {
        let params = statement.params.into_iter().map(into_owned).collect();
        Self { sql: statement.sql.into_owned(), params }
    }
}

fn into_owned(value: wire::Value<'_>) -> wire::Value<'static> {
    match value {
        wire::Value::Null => wire::Value::Null,
        wire::Value::Integer(number) => wire::Value::Integer(number),
        wire::Value::Real(number) => wire::Value::Real(number),
        wire::Value::Text(text) => wire::Value::Text(Cow::Owned(text.into_owned())),
        wire::Value::Blob(bytes) => wire::Value::Blob(Cow::Owned(bytes.into_owned())),
    }
}

fn answer(outcome: Result<Outcome, D1Error>) -> Result<Answer, CallError> {
    let outcome = outcome?;
    let results = outcome.results.iter().map(wire_result).collect();
    Ok(Answer::of(&wire::QueryResult { results, bookmark: Cow::Borrowed(&outcome.bookmark) }))
}

fn wire_result(result: &StatementResult) -> wire::StatementResult<'_> {
    wire::StatementResult {
        columns: result.columns.iter().map(|name| Cow::Borrowed(name.as_str())).collect(),
        row_count: result.row_count,
        cells: Cow::Borrowed(&result.cells),
        meta: result.meta,
    }
}
