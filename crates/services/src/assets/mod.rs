//! Static assets: the files of a folder, served without asking the Worker or through a binding.
//!
//! Requests are answered as Cloudflare's asset worker answers them: `_redirects` first ([`redirects`]), then the file
//! that the path means ([`paths`]), else what stands for files that are missing; and `_headers` ([`headers`]) applies
//! to all of it. Files are looked up when they are asked for, so a file that was added or changed is served at once.
//!
//! Cloudflare ignores `Range` here and lets its cache cut the parts out; as there is no cache in front of these files,
//! they are cut here.

mod content_types;
mod error;
mod files;
mod headers;
mod ignore;
mod paths;
mod pattern;
mod redirects;

use std::path::PathBuf;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};

pub use self::error::AssetsError;
use self::files::{File, Files};
use self::headers::HeaderRules;
use self::paths::Meaning;
pub use self::paths::{HtmlHandling, NotFoundHandling};
use self::pattern::Pattern;
use self::redirects::{Destination, Redirects};
use crate::Content;
use crate::range;

/// The most files: Cloudflare's limit for paid accounts.
pub const FILES_MAX: usize = 100_000;

/// The largest file, in bytes.
pub const FILE_MAX_BYTES: u64 = 25 << 20;

/// What `assets` in a configuration says.
#[derive(Clone, Debug)]
pub struct AssetsOptions {
    /// The folder.
    pub directory: PathBuf,
    /// Which paths HTML files have.
    pub html_handling: HtmlHandling,
    /// What stands for a file that is missing.
    pub not_found_handling: NotFoundHandling,
    /// Which requests the Worker gets before files are looked for.
    pub worker_first: WorkerFirst,
    /// Whether there is a Worker to ask.
    pub has_worker: bool,
    /// The compatibility flag `assets_navigation_prefers_asset_serving`: browsers that go to a page that is missing
    /// get what stands for it and not the Worker's answer.
    pub navigation_prefers_assets: bool,
}

/// `run_worker_first`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerFirst {
    /// Whether all requests go to the Worker first.
    All(bool),
    /// Those whose path fits one of these do, unless it fits one that begins with `!`.
    Paths(Vec<String>),
}

/// A request, as far as assets care.
#[derive(Clone, Copy, Debug)]
pub struct AssetRequest<'a> {
    /// `GET` ...
    pub method: &'a Method,
    /// The absolute URL.
    pub url: &'a str,
    /// All header fields.
    pub headers: &'a HeaderMap,
}

/// The assets of one Worker.
pub struct Assets {
    files: Files,
    redirects: Redirects,
    headers: HeaderRules,
    html_handling: HtmlHandling,
    not_found_handling: NotFoundHandling,
    first: First,
    has_worker: bool,
    answers_navigation: bool,
    remarks: Vec<String>,
}

/// [`WorkerFirst`], compiled.
enum First {
    All(bool),
    Paths { worker: Vec<Pattern>, assets: Vec<Pattern> },
}

/// What a request comes to.
enum Outcome {
    Response(Response<Content>),
    File { file: File, status: StatusCode },
    Nothing,
}

/// A URL in its parts.
#[derive(Clone, Copy)]
struct Place<'a> {
    host: &'a str,
    path: &'a str,
    /// With the `?`; empty where there is none.
    query: &'a str,
}

impl Assets {
    /// Reads the folder's rules and checks its files against the limits.
    pub fn open(options: AssetsOptions) -> Result<Self, AssetsError> {
        let files = Files::open(options.directory)?;
        let mut remarks = Vec::new();
        let redirects = Redirects::parse(&files.rules("_redirects")?, &mut remarks);
        let headers = HeaderRules::parse(&files.rules("_headers")?, &mut remarks);
        Ok(Self {
            files,
            redirects,
            headers,
            html_handling: options.html_handling,
            not_found_handling: options.not_found_handling,
            first: First::new(&options.worker_first),
            has_worker: options.has_worker,
            answers_navigation: options.navigation_prefers_assets,
            remarks,
        })
    }

    /// What is wrong in `_redirects` and `_headers`: lines that were passed over.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The answer to a client's request, unless the Worker is to give it.
    pub fn serve(&self, request: AssetRequest<'_>) -> Option<Response<Content>> {
        let place = Place::of(request.url);
        let worker_first = match &self.first {
            First::Paths { assets, .. } if fits(assets, place) => return Some(self.answer(request)),
            First::Paths { worker, .. } => fits(worker, place),
            First::All(all) => *all,
        };
        if !self.has_worker {
            return Some(self.answer(request));
        }
        if worker_first {
            return None;
        }
        let navigates = request.headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
        let handling = if self.answers_navigation && navigates {
            self.not_found_handling
        } else {
            NotFoundHandling::None
        };
        match self.outcome(request, handling) {
            Outcome::Nothing | Outcome::File { status: StatusCode::NOT_FOUND, .. } => None,
            outcome => Some(self.finish(request, outcome)),
        }
    }

    /// The answer to a request that was made to the binding.
    pub fn answer(&self, request: AssetRequest<'_>) -> Response<Content> {
        self.finish(request, self.outcome(request, self.not_found_handling))
    }

    fn outcome(&self, request: AssetRequest<'_>, not_found: NotFoundHandling) -> Outcome {
        let place = Place::of(request.url);
        let place = match self.redirects.find(place) {
            None => place,
            Some(Destination::Elsewhere(status, location)) => {
                return Outcome::Response(redirect(status, &location));
            }
            Some(Destination::Here(path)) => {
                return self.found(request, Place { path: &path, ..place }, not_found);
            }
        };
        self.found(request, place, not_found)
    }

    fn found(&self, request: AssetRequest<'_>, place: Place<'_>, not_found: NotFoundHandling) -> Outcome {
        let decoded = paths::decode(place.path);
        let exists = |path: &str| self.files.find(path);
        let meaning = paths::meaning(&decoded, self.html_handling, not_found, &exists);
        let (target, serves) = match meaning {
            None => return Outcome::Nothing,
            Some(Meaning::Redirect(path)) => (paths::encode(&path), None),
            Some(Meaning::File { file, status }) => (paths::encode(&decoded), Some((file, status))),
        };
        if !matches!(*request.method, Method::GET | Method::HEAD) {
            return Outcome::Response(bare(StatusCode::METHOD_NOT_ALLOWED));
        }
        match serves {
            Some((file, status)) if target == place.path => Outcome::File { file, status },
            _ => Outcome::Response(redirect(StatusCode::TEMPORARY_REDIRECT, &(target + place.query))),
        }
    }

    fn finish(&self, request: AssetRequest<'_>, outcome: Outcome) -> Response<Content> {
        let mut response = match outcome {
            Outcome::Response(response) => response,
            Outcome::Nothing => bare(StatusCode::NOT_FOUND),
            Outcome::File { file, status } => serve_file(request, &file, status),
        };
        self.headers.apply(Place::of(request.url), response.headers_mut());
        response
    }
}

impl First {
    fn new(configured: &WorkerFirst) -> Self {
        match configured {
            WorkerFirst::All(all) => Self::All(*all),
            WorkerFirst::Paths(paths) => {
                let (assets, worker): (Vec<&String>, Vec<&String>) =
                    paths.iter().partition(|path| path.starts_with('!'));
                let pattern = |path: &&String| Pattern::glob(path.trim_start_matches('!'));
                Self::Paths {
                    worker: worker.iter().map(pattern).collect(),
                    assets: assets.iter().map(pattern).collect(),
                }
            }
        }
    }
}

fn fits(patterns: &[Pattern], place: Place<'_>) -> bool {
    patterns.iter().any(|pattern| pattern.captures(place).is_some())
}

impl<'a> Place<'a> {
    fn of(url: &'a str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (host, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        Self { host, path: if path.is_empty() { "/" } else { path }, query }
    }

    /// The host without its port.
    fn host_name(&self) -> &'a str {
        self.host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
            .map_or(self.host, |(name, _)| name)
    }
}

fn serve_file(request: AssetRequest<'_>, file: &File, status: StatusCode) -> Response<Content> {
    let (Ok(etag), Ok(content)) = (file.etag(), file.content()) else {
        // It was there a moment ago, and is gone or closed to us.
        return bare(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = Response::new(content);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let text = |text: &str| HeaderValue::try_from(text).expect("invariant: made of visible ASCII");
    headers.insert(header::ETAG, text(&etag));
    if let Some(kind) = file.content_type() {
        headers.insert(header::CONTENT_TYPE, text(&kind));
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let range = request.headers.get(header::RANGE);
    if range.is_none() && !request.headers.contains_key(header::AUTHORIZATION) {
        let fresh = HeaderValue::from_static("public, max-age=0, must-revalidate");
        headers.insert(header::CACHE_CONTROL, fresh);
    }
    if is_known(request.headers, &etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Content::Whole(bytes::Bytes::new());
        return response;
    }
    match range.and_then(|range| range.to_str().ok()).filter(|_| status == StatusCode::OK) {
        Some(range) if holds(request.headers, &etag) => part(response, range, file.length),
        _ => response,
    }
}

/// Whether the request's own copy is the file as it is.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|list| list.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.trim_start_matches("W/") == etag
    })
}

/// Whether a part may be sent: not where the request has parts of another version.
fn holds(headers: &HeaderMap, etag: &str) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|tag| tag == etag)
}

fn part(response: Response<Content>, range: &str, length: u64) -> Response<Content> {
    let (mut head, content) = response.into_parts();
    let text = |text: String| HeaderValue::try_from(text).expect("invariant: made of visible ASCII");
    match range::resolve(range, length) {
        None => Response::from_parts(head, content),
        Some(Err(size)) => {
            let mut refused = bare(StatusCode::RANGE_NOT_SATISFIABLE);
            refused.headers_mut().insert(header::CONTENT_RANGE, text(format!("bytes */{size}")));
            refused
        }
        Some(Ok(part)) => {
            let (start, last, size) = (part.start, part.start + part.length - 1, part.size);
            head.status = StatusCode::PARTIAL_CONTENT;
            head.headers.insert(header::CONTENT_RANGE, text(format!("bytes {start}-{last}/{size}")));
            Response::from_parts(head, part.of(content))
        }
    }
}

fn bare(status: StatusCode) -> Response<Content> {
    let mut response = Response::new(Content::Whole(bytes::Bytes::new()));
    *response.status_mut() = status;
    response
}

fn redirect(status: StatusCode, location: &str) -> Response<Content> {
    let mut response = bare(status);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
