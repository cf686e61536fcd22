//! Which file a path means, and which path a file has. The rules are those of Cloudflare's asset worker: every HTML
//! file has one path, and others that could mean it lead there.

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::files::File;

/// Which path an HTML file has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HtmlHandling {
    /// `/page` for `page.html`, `/page/` for `page/index.html`.
    #[default]
    AutoTrailingSlash,
    /// `/page/` for both.
    ForceTrailingSlash,
    /// `/page` for both.
    DropTrailingSlash,
    /// The file's own name.
    None,
}

/// What stands for a file that is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotFoundHandling {
    /// Nothing.
    #[default]
    None,
    /// `/index.html`, as if it were there.
    SinglePageApplication,
    /// The nearest `404.html`, with the status 404.
    NotFoundPage,
}

/// What a path comes to.
pub(super) enum Meaning {
    File { file: File, status: StatusCode },
    Redirect(String),
}

/// A thing to try.
enum Step {
    /// Answer with the file.
    Serve(String),
    /// Send the client to where the file is served, if it is served there.
    Redirect { file: String, to: String },
}

type Find<'a> = &'a dyn Fn(&str) -> Option<File>;

/// What a decoded path means; `None` where nothing is there.
pub(super) fn meaning(
    path: &str,
    html: HtmlHandling,
    not_found: NotFoundHandling,
    find: Find<'_>,
) -> Option<Meaning> {
    for step in steps(path, html) {
        match step {
            Step::Serve(file) => {
                if let Some(file) = find(&file) {
                    return Some(Meaning::File { file, status: StatusCode::OK });
                }
            }
            Step::Redirect { file, to } => {
                if leads_to(&to, &file, html, find) {
                    return Some(Meaning::Redirect(to));
                }
            }
        }
    }
    let (file, status) = instead(path, not_found, find)?;
    Some(Meaning::File { file, status })
}

/// Whether `file` is what is served at `to`, where no file of just that name is.
fn leads_to(to: &str, file: &str, html: HtmlHandling, find: Find<'_>) -> bool {
    let Some(file) = find(file) else { return false };
    let served = steps(to, html).into_iter().find_map(|step| match step {
        Step::Serve(file) => find(&file),
        Step::Redirect { .. } => None,
    });
    find(to).is_none() && served == Some(file)
}

fn instead(path: &str, not_found: NotFoundHandling, find: Find<'_>) -> Option<(File, StatusCode)> {
    match not_found {
        NotFoundHandling::None => None,
        NotFoundHandling::SinglePageApplication => Some((find("/index.html")?, StatusCode::OK)),
        NotFoundHandling::NotFoundPage => {
            let folders = path.rmatch_indices('/').map(|(end, _)| &path[..end]);
            let page = folders.map(|folder| find(&format!("{folder}/404.html"))).find_map(|page| page);
            Some((page?, StatusCode::NOT_FOUND))
        }
    }
}

/// What to try for a path, in order.
fn steps(path: &str, html: HtmlHandling) -> Vec<Step> {
    let serve = |file: &str| Step::Serve(file.to_owned());
    let redirect = |file: &str, to: &str| {
        let to = if to.is_empty() { "/" } else { to };
        Step::Redirect { file: file.to_owned(), to: to.to_owned() }
    };
    let (page, index) = (format!("{path}.html"), format!("{path}/index.html"));
    let mut steps = match html {
        HtmlHandling::None => return vec![serve(path)],
        HtmlHandling::AutoTrailingSlash => auto(path, &serve, &redirect),
        HtmlHandling::ForceTrailingSlash => force(path, &serve, &redirect),
        HtmlHandling::DropTrailingSlash => drop_slash(path, &serve, &redirect),
    };
    let folder = format!("{path}/");
    steps.push(serve(path));
    steps.extend(match html {
        HtmlHandling::ForceTrailingSlash => [redirect(&page, &folder), redirect(&index, &folder)],
        HtmlHandling::DropTrailingSlash => [serve(&page), serve(&index)],
        _ => [serve(&page), redirect(&index, &folder)],
    });
    steps
}

type Serve<'a> = &'a dyn Fn(&str) -> Step;
type Redirect<'a> = &'a dyn Fn(&str, &str) -> Step;

fn auto(path: &str, serve: Serve<'_>, redirect: Redirect<'_>) -> Vec<Step> {
    if let Some(stem) = path.strip_suffix("/index") {
        let (inner, outer) = (format!("{path}.html"), format!("{stem}.html"));
        vec![serve(path), redirect(&inner, &format!("{stem}/")), redirect(&outer, stem)]
    } else if let Some(stem) = path.strip_suffix("/index.html") {
        vec![redirect(path, &format!("{stem}/")), redirect(&format!("{stem}.html"), stem)]
    } else if let Some(stem) = path.strip_suffix('/') {
        vec![serve(&format!("{path}index.html")), redirect(&format!("{stem}.html"), stem)]
    } else if let Some(stem) = path.strip_suffix(".html") {
        vec![redirect(path, stem), redirect(&format!("{stem}/index.html"), &format!("{stem}/"))]
    } else {
        Vec::new()
    }
}

fn force(path: &str, serve: Serve<'_>, redirect: Redirect<'_>) -> Vec<Step> {
    if let Some(stem) = path.strip_suffix("/index") {
        let (page, folder) = (format!("{stem}.html"), format!("{stem}/"));
        vec![serve(path), redirect(&format!("{path}.html"), &folder), redirect(&page, &folder)]
    } else if let Some(stem) = path.strip_suffix("/index.html") {
        let (page, folder) = (format!("{stem}.html"), format!("{stem}/"));
        vec![redirect(path, &folder), redirect(&page, &folder)]
    } else if let Some(stem) = path.strip_suffix('/') {
        vec![serve(&format!("{path}index.html")), serve(&format!("{stem}.html"))]
    } else if let Some(stem) = path.strip_suffix(".html") {
        let folder = format!("{stem}/");
        vec![redirect(path, &folder), serve(path), redirect(&format!("{folder}index.html"), &folder)]
    } else {
        Vec::new()
    }
}

fn drop_slash(path: &str, serve: Serve<'_>, redirect: Redirect<'_>) -> Vec<Step> {
    if path == "/" {
        vec![serve("/index.html")]
    } else if let Some(stem) = path.strip_suffix("/index") {
        let (page, index) = (format!("{stem}.html"), format!("{path}.html"));
        vec![serve(path), redirect(&page, stem), redirect(&index, stem)]
    } else if let Some(stem) = path.strip_suffix("/index.html") {
        vec![redirect(path, stem), serve(path), redirect(&format!("{stem}.html"), stem)]
    } else if let Some(stem) = path.strip_suffix('/') {
        vec![redirect(&format!("{stem}.html"), stem), redirect(&format!("{stem}/index.html"), stem)]
    } else if let Some(stem) = path.strip_suffix(".html") {
        vec![redirect(path, stem), redirect(&format!("{stem}/index.html"), stem)]
    } else {
        Vec::new()
    }
}

/// What JavaScript's `encodeURIComponent` leaves as it is, and the slashes between.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'/');

/// A path of a URL as the path of a file: decoded segment by segment, with one slash between.
pub(super) fn decode(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    for letter in path.split('/').map(decode_segment).collect::<Vec<_>>().join("/").chars() {
        if letter != '/' || !decoded.ends_with('/') {
            decoded.push(letter);
        }
    }
    decoded
}

/// A segment that is not UTF-8 stays as it is, as `decodeURIComponent` fails on it.
fn decode_segment(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8().map_or_else(|_| segment.to_owned(), Into::into)
}

/// The one way a file's path is written in a URL.
pub(super) fn encode(path: &str) -> String {
    utf8_percent_encode(path, ENCODED).to_string()
}
