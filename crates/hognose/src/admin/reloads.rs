//! `--live-reload`: telling pages in a browser that their Worker has a new version.
//!
//! Behind each page stands a script that names the newest version when the page was asked for, and waits here until
//! there is a newer one: so a version that comes while the page is on its way is not missed.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures_util::stream::{Stream, StreamExt, once};
use serde::Deserialize;

use super::{Admin, PREFIX};

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/reloads", get(stream))
}

/// What gives the script.
pub(super) fn footer(admin: Arc<Admin>) -> Box<dyn Fn() -> String + Send + Sync> {
    Box::new(move || {
        let newest = *admin.reloads.borrow();
        format!(
            "<script>new EventSource(\"{PREFIX}/api/reloads?since={newest}\")\
             .addEventListener(\"reload\",()=>location.reload())</script>"
        )
    })
}

/// What the page was made by.
#[derive(Deserialize)]
struct Since {
    since: u64,
}

/// An event `reload` once there is another version than the page's: a newer one, or any of another server's.
async fn stream(
    State(admin): State<Arc<Admin>>,
    Query(Since { since }): Query<Since>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (mut reloads, stop) = (admin.reloads.subscribe(), admin.stop.clone());
    let newer = async move {
        // Where the server stops, nothing is said: the page asks the next one.
        let waiting = stop.run_until_cancelled(reloads.wait_for(|newest| *newest != since));
        // Browsers pass over an event without data.
        let newest = waiting.await?.ok()?.to_string();
        Some(Ok(Event::default().event("reload").data(newest)))
    };
    Sse::new(once(newer).filter_map(ready)).keep_alive(KeepAlive::default())
}
