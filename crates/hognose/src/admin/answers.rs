//! The form of all answers: Cloudflare's API envelope, which says whether it went well beside what it gave.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::error::CommandError;

/// An answer with a result, or why there is none.
pub(crate) type Answer<T> = Result<Found<T>, Problem>;

/// A result.
pub(crate) struct Found<T> {
    result: T,
    cursor: Option<String>,
}

/// Why there is no result.
pub(crate) struct Problem {
    status: StatusCode,
    message: String,
    hint: Option<String>,
}

/// A result that is all there is.
pub(crate) fn found<T>(result: T) -> Found<T> {
    Found { result, cursor: None }
}

/// One page of a result; the cursor leads to the next.
pub(crate) fn page<T>(result: T, cursor: Option<String>) -> Found<T> {
    Found { result, cursor }
}

/// A path under the API that leads nowhere.
pub(crate) async fn no_such_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such path in this API")
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hint: None }
    }

    pub(crate) fn missing(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, what)
    }

    /// The storage engine, or what was asked of it, is to blame.
    pub(crate) fn engine(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let causes = std::iter::successors(std::error::Error::source(&error), |cause| (*cause).source());
        let message = causes.fold(error.to_string(), |message, cause| format!("{message}: {cause}"));
        Self { status: StatusCode::BAD_REQUEST, message, hint: error.hint() }
    }
}

impl<T: Serialize> IntoResponse for Found<T> {
    fn into_response(self) -> Response {
        let result_info = self.cursor.map(|cursor| json!({ "cursor": cursor }));
        Json(json!({
            "success": true, "errors": [], "messages": [], "result": self.result, "result_info": result_info,
        }))
        .into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, message, hint } = self;
        let error = json!({ "code": status.as_u16(), "message": message, "hint": hint });
        let body = json!({ "success": false, "errors": [error], "messages": [], "result": null });
        (status, Json(body)).into_response()
    }
}
