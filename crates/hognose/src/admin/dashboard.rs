//! The dashboard's files, which the build embeds where they were built; where not, a page that says how to get them.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;

use super::{Admin, PREFIX};

include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

/// The page that is shown for every address of the dashboard: it finds out by itself which view is meant.
const INDEX: &str = "index.html";

/// What pages may do: nothing but what comes from here.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const ABSENT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>hognose</title>\
<style>:root{color-scheme:light dark}body{font:16px/1.6 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem}</style>\
<h1>This hognose was built without its dashboard</h1>\
<p>The API at <a href=api/server>api/</a> works. For the dashboard, install Node.js with npm and build again:\
<pre>npm ci --prefix dashboard\nnpm run build --prefix dashboard\nmaturin build --release</pre>";

pub(super) fn routes() -> Router<Arc<Admin>> {
    let home = || async { Redirect::to(&format!("{PREFIX}/")) };
    Router::new()
        .route("/", get(home))
        .route(PREFIX, get(home))
        .route(&format!("{PREFIX}/"), get(async || file(INDEX)))
        .route(&format!("{PREFIX}/{{*path}}"), get(async |Path(path): Path<String>| file(&path)))
}

fn file(path: &str) -> Response {
    let found = FILES.iter().find(|(name, _)| *name == path);
    let index = || FILES.iter().find(|(name, _)| *name == INDEX);
    // Only files with an ending are looked for in vain; all other addresses are views.
    let Some((name, bytes)) =
        found.or_else(|| if path.contains('.') && path != INDEX { None } else { index() })
    else {
        return if path.contains('.') && path != INDEX {
            StatusCode::NOT_FOUND.into_response()
        } else {
            Html(ABSENT).into_response()
        };
    };
    // The names of assets change with their contents.
    let keep = if *name == INDEX { "no-cache" } else { "public, max-age=31536000, immutable" };
    let headers = [
        (header::CONTENT_TYPE, kind(name)),
        (header::CACHE_CONTROL, keep),
        (HeaderName::from_static("content-security-policy"), POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, *bytes).into_response()
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
