//! What is known of an object, in the form in which `js/r2.js` takes it. A page has up to a thousand of them, so each is
//! a JSON array of its fields, without names that would have to be looked up, and digests are hexadecimal.

use std::fmt::Write as _;
use std::rc::Rc;

use hognose_engine::{Context, Result, Value};
use hognose_wire::r2::{Algorithm, Got, HttpMetadata, Listed, Object};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::super::content;
use super::super::natives::{Answer, convert_whole, parse, read};
use crate::link::Link;

/// The answer that is an object or nothing.
pub(super) fn object<R>(context: Context, link: &Rc<Link>, answer: Answer) -> Result<Value>
where
    R: DeserializeOwned + Into<Option<Object>> + 'static,
{
    convert_whole(context, link, answer.bytes, |context, bytes| {
        let object: Option<Object> = read::<R>(context, &bytes)?.into();
        parse(context, &object.as_ref().map(|object| fields(object, Include::ALL)))
    })
}

/// The answer to `get`: `null`, or the object and what stands for its content where there is one.
pub(super) fn got(context: Context, mut answer: Answer) -> Result<Value> {
    let bytes = answer.inline(context)?;
    let Some(Got { object, has_body }) = read(context, &bytes)? else { return Ok(context.null()) };
    let got = context.object()?;
    got.set("fields", &parse(context, &fields(&object, Include::ALL))?)?;
    if has_body {
        got.set("content", &content::hold(context, answer.bodies.pop())?)?;
    }
    Ok(got)
}

/// The answer that is a page of objects.
pub(super) fn page(context: Context, link: &Rc<Link>, answer: Answer, include: Include) -> Result<Value> {
    convert_whole(context, link, answer.bytes, move |context, bytes| {
        let listed: Listed = read(context, &bytes)?;
        let objects: Vec<_> = listed.objects.iter().map(|object| fields(object, include)).collect();
        parse(context, &(objects, &listed.delimited_prefixes, &listed.cursor))
    })
}

/// Which metadata comes with an object.
#[derive(Clone, Copy)]
pub(super) struct Include {
    pub(super) http: bool,
    pub(super) custom: bool,
}

impl Include {
    const ALL: Self = Self { http: true, custom: true };
}

/// In the order in which the constructor of `HeadResult` reads them.
fn fields(object: &Object, include: Include) -> impl Serialize + '_ {
    (
        &object.key,
        &object.version,
        object.size,
        &object.etag,
        object.uploaded,
        Digests(&object.checksums),
        include.http.then_some(Headers(&object.http_metadata)),
        object.http_metadata.cache_expiry,
        include.custom.then_some(Custom(&object.custom_metadata)),
        object.range,
        &object.storage_class,
        &object.ssec_key_md5,
    )
}

/// Digests by their names.
struct Digests<'a>(&'a [(Algorithm, Vec<u8>)]);

impl Serialize for Digests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(algorithm, digest)| (algorithm, hex(digest))))
    }
}

/// What is given of the headers, but for the one that is a time.
struct Headers<'a>(&'a HttpMetadata);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let given = [
            ("contentType", &self.0.content_type),
            ("contentLanguage", &self.0.content_language),
            ("contentDisposition", &self.0.content_disposition),
            ("contentEncoding", &self.0.content_encoding),
            ("cacheControl", &self.0.cache_control),
        ];
        serializer.collect_map(given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))))
    }
}

/// The user's metadata by their names.
struct Custom<'a>(&'a [(String, String)]);

impl Serialize for Custom<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: a string takes all that is written");
        text
    })
}
