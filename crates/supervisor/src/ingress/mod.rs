//! Where clients come in: HTTP/1.1 and HTTP/2, one request at a time to the Worker and its answer back.

mod connections;
mod error_page;
mod exhaustion;
mod footer;
mod patience;
mod ray;
mod request;
mod response;
mod triggers;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hognose_services::Content;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

use crate::body::Body;
use crate::events::{Events, ServerEvent};
use crate::isolate::{Answer, Origin, Pending, Refused};
use crate::links::Raised;
use crate::routes;
use crate::slots::Slots;
use crate::static_assets;
use crate::websocket::{NetworkSocket, WebSocket};
use connections::Client;
pub(crate) use ray::Rays;
use request::{Prepared, Upgrade};
use response::Failure;

/// Answers the requests of clients.
pub(crate) struct Ingress {
    pub(crate) slots: Arc<Slots>,
    pub(crate) events: Arc<Events>,
    /// The numbers of requests.
    pub(crate) rays: Rays,
    /// Whether clients see tracebacks.
    pub(crate) development: bool,
    /// Whether `/__scheduled` is answered here.
    pub(crate) test_scheduled: bool,
    /// What answers beside the Workers.
    pub(crate) local: OnceLock<LocalService>,
    /// All tasks of the server.
    pub(crate) tasks: TaskTracker,
}

/// Answers requests whose path begins with [`LocalService::prefix`]; they reach no Worker.
pub struct LocalService {
    /// What the paths begin with.
    pub prefix: &'static str,
    /// Gives the answer.
    pub answer: Box<dyn Fn(Request<Incoming>) -> LocalAnswer + Send + Sync>,
    /// What is to stand behind each page of HTML that clients get; asked before the Worker is.
    pub footer: Option<Box<dyn Fn() -> String + Send + Sync>>,
}

/// What a [`LocalService`] gives.
pub type LocalAnswer = Pin<Box<dyn Future<Output = Response<Content>> + Send>>;

impl Ingress {
    async fn respond(
        self: Arc<Self>,
        client: Client,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        if let Some(local) = self.local.get().filter(|local| request.uri().path().starts_with(local.prefix)) {
            return Ok((local.answer)(request).await.map(Body::from));
        }
        let (begun, ray) = (Instant::now(), self.rays.next());
        let ray_value = ray::value(ray);
        let wants_page = self.development && wants_page(request.headers());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let version = request.version();
        let footer = self.local.get().and_then(|local| Some(local.footer.as_ref()?()));
        let mut response = match self.ask(client, ray_value.clone(), request).await {
            Ok(response) => response::finish(response, &method),
            Err(failure) if wants_page => {
                response::finish(failure.into_page(&format!("{method} {path}")), &method)
            }
            Err(failure) => response::finish(failure.into_response(self.development), &method),
        };
        if let Some(text) = footer {
            response = footer::add(response, &method, text);
        }
        response.headers_mut().insert(ray::HEADER, ray_value);
        let (status, duration, client) = (response.status().as_u16(), begun.elapsed(), client.address.ip());
        self.events.send(ServerEvent::RequestDone { method, path, status, duration, ray, client });
        Ok(close_after_error(response, version))
    }

    /// Has the Worker answer.
    async fn ask(
        &self,
        client: Client,
        ray: HeaderValue,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Failure> {
        let prepared = Prepared::new(client, ray, request).await?;
        let slots = self.slots.all();
        let slot = routes::choose(&slots, prepared.head.host(), prepared.head.path());
        let slot = slot.ok_or(Failure::NoWorker)?;
        if let Some(trigger) = self.trigger(&prepared.head) {
            return trigger.pull(slot, prepared.body).await;
        }
        let version = slot.enter().await.map_err(Failure::NotLoaded)?;
        if let Some(answer) = version.assets().and_then(|assets| assets.serve(prepared.head.for_assets())) {
            return Ok(static_assets::response(answer));
        }
        let mut body = prepared.body;
        loop {
            let isolate = version.isolate().await?;
            match isolate.fetch(Origin::default(), prepared.head.wire(), body) {
                Ok(pending) => {
                    let response = answer(pending).await?;
                    version.succeeded();
                    return self.upgrade(response, prepared.upgrade);
                }
                // It ended or filled up since it was picked; it has not seen the request.
                Err(Refused(unsent)) => body = unsent,
            }
        }
    }

    /// Grants the WebSocket that a Worker answered with.
    fn upgrade(
        &self,
        mut response: Response<Body>,
        upgrade: Option<Upgrade>,
    ) -> Result<Response<Body>, Failure> {
        let Some(socket) = response.extensions_mut().remove::<Arc<WebSocket>>() else { return Ok(response) };
        let Some(Upgrade { asked, connection }) = upgrade else { return Err(Failure::NotAsked) };
        asked.grant(response.headers_mut());
        self.tasks.spawn(async move {
            // A client that has gone meanwhile takes the socket with it.
            if let Ok(connection) = connection.await {
                socket.serve(NetworkSocket::of_client(connection)).await;
            }
        });
        Ok(response)
    }
}

/// Whether a browser asks for something to show.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

async fn answer(pending: Pending) -> Result<Response<Body>, Failure> {
    match pending.answer().await {
        Answer::Response(response) => Ok(response),
        Answer::Done | Answer::Value(_) => {
            unreachable!("invariant: an isolate that answers a request with anything else is killed")
        }
        Answer::Raised(Raised { exceeded: Some(excess), stack, .. }) => {
            Err(Failure::Exceeded { excess, stack })
        }
        Answer::Raised(Raised { message, stack, .. }) => Err(Failure::Raised { message, stack }),
        Answer::Lost(reason) => Err(Failure::Lost(reason)),
    }
}

/// After a request that was refused unread, the rest of it is not worth reading.
fn close_after_error(mut response: Response<Body>, version: Version) -> Response<Body> {
    if version <= Version::HTTP_11 && matches!(response.status().as_u16(), 413 | 414 | 431) {
        response.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
