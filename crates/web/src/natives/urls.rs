//! URLs, over Ada, the parser that workerd and Node use. JavaScript keeps a URL as its serialisation, so these
//! functions hold no state.

use ada_url::Url;
use data_url::DataUrl;
use data_url::mime::Mime;
use hognose_engine::{Context, Result, Value};

use super::{Arguments, Natives, strings};

pub(super) fn add(natives: &Natives) -> Result<()> {
    natives.add("parseUrl", |context, arguments| {
        let (input, base) = (arguments.string(0)?, arguments.optional_string(1)?);
        match Url::parse(&input, base.as_deref()) {
            Ok(url) => context.string(url.href()),
            Err(_) => Ok(context.undefined()),
        }
    })?;
    natives.add("urlParts", |context, arguments| match Url::parse(arguments.string(0)?, None) {
        Ok(url) => strings(context, &parts(&url)),
        Err(_) => context.array(&[]),
    })?;
    natives.add("dissectUrl", |context, arguments| {
        let (input, base) = (arguments.string(0)?, arguments.optional_string(1)?);
        match Url::parse(&input, base.as_deref()) {
            Ok(url) => dissected(context, &url),
            Err(_) => Ok(context.undefined()),
        }
    })?;
    natives.add("urlOrigin", |context, arguments| match Url::parse(arguments.string(0)?, None) {
        Ok(url) => context.string(&url.origin()),
        Err(_) => context.string("null"),
    })?;
    natives.add("urlWith", |context, arguments| {
        let href = arguments.string(0)?;
        context.string(&with_part(href, &arguments.string(1)?, &arguments.string(2)?))
    })?;
    natives.add("readDataUrl", |context, arguments| match read_data_url(&arguments.string(0)?) {
        Some((mime, bytes)) => context.array(&[context.string(&mime)?, context.uint8_array(bytes)?]),
        None => Ok(context.undefined()),
    })?;
    natives.add("normalizeMime", |context, arguments| match arguments.string(0)?.parse::<Mime>() {
        Ok(mime) => context.string(&mime.to_string()),
        Err(_) => context.string(""),
    })?;
    natives.add("parseForm", parse_form)?;
    natives.add("serializeForm", serialize_form)
}

/// In the order of `PARTS` in `js/url.js`.
fn parts(url: &Url) -> [&str; 9] {
    [
        url.protocol(),
        url.username(),
        url.password(),
        url.host(),
        url.hostname(),
        url.port(),
        url.pathname(),
        url.search(),
        url.hash(),
    ]
}

/// The serialisation, and where in it each part begins and ends, as `[href, begin, end, begin, end, …]`. A part is much
/// cheaper to cut out when somebody asks for it than to make beforehand; in pure ASCII bytes and characters are the same.
fn dissected(context: Context, url: &Url) -> Result<Value> {
    let href = url.href();
    let parts = parts(url);
    let mut dissected = Vec::with_capacity(1 + 2 * parts.len());
    dissected.push(context.string(href)?);
    for part in parts {
        let begin = if part.is_empty() { 0 } else { part.as_ptr() as usize - href.as_ptr() as usize };
        dissected.extend([begin, begin + part.len()].map(|place| context.number(place as f64)));
    }
    context.array(&dissected)
}

/// The URL after its setter `name` was given `value`; unchanged if the setter refuses it, as the standard has it.
fn with_part(href: String, name: &str, value: &str) -> String {
    let Ok(mut url) = Url::parse(&href, None) else { return href };
    // A setter that refuses leaves the URL alone, which is all that scripts may notice.
    let _: Result<(), ()> = match name {
        "protocol" => url.set_protocol(value),
        "username" => url.set_username(Some(value)),
        "password" => url.set_password(Some(value)),
        "host" => url.set_host(Some(value)),
        "hostname" => url.set_hostname(Some(value)),
        "port" => url.set_port(Some(value)),
        "pathname" => url.set_pathname(Some(value)),
        "search" => {
            url.set_search(Some(value));
            Ok(())
        }
        _ => {
            url.set_hash(Some(value));
            Ok(())
        }
    };
    url.href().to_owned()
}

/// The MIME type and the bytes of a `data:` URL. <https://fetch.spec.whatwg.org/#data-url-processor>
pub fn read_data_url(url: &str) -> Option<(String, Vec<u8>)> {
    let parsed = DataUrl::process(url).ok()?;
    let (bytes, _) = parsed.decode_to_vec().ok()?;
    Some((parsed.mime_type().to_string(), bytes))
}

/// `[name, value, name, value, …]` of an `application/x-www-form-urlencoded` text, given as a string or as
/// its bytes.
fn parse_form(context: Context, arguments: &Arguments) -> Result<Value> {
    let text = match arguments.value(0).bytes() {
        Some(bytes) => bytes,
        None => arguments.string(0)?.into_bytes(),
    };
    let mut flat = Vec::new();
    for (name, value) in form_urlencoded::parse(&text) {
        flat.extend([name, value]);
    }
    strings(context, &flat)
}

/// The text of such an array.
fn serialize_form(context: Context, arguments: &Arguments) -> Result<Value> {
    let mut serializer = form_urlencoded::Serializer::new(String::new());
    for pair in arguments.value(0).elements()?.chunks_exact(2) {
        serializer.append_pair(&pair[0].to_js_string()?, &pair[1].to_js_string()?);
    }
    context.string(&serializer.finish())
}
