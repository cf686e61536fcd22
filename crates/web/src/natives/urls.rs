//! URLs, over the `url` crate. JavaScript keeps a URL as its serialisation, so these functions hold no state.

use hognose_engine::{Context, Result, Value};
use url::{Url, form_urlencoded, quirks};

use super::{Arguments, Natives, strings};

pub(super) fn add(natives: &Natives) -> Result<()> {
    natives.add("parseUrl", |context, arguments| {
        let (input, base) = (arguments.string(0)?, arguments.optional_string(1)?);
        match parse(&input, base.as_deref()) {
            Some(url) => context.string(url.as_str()),
            None => Ok(context.undefined()),
        }
    })?;
    natives.add("urlParts", |context, arguments| match Url::parse(&arguments.string(0)?) {
        Ok(url) => strings(context, &parts(&url)),
        Err(_) => context.array(&[]),
    })?;
    natives.add("urlWith", |context, arguments| {
        let href = arguments.string(0)?;
        context.string(&with_part(&href, &arguments.string(1)?, &arguments.string(2)?))
    })?;
    natives.add("parseForm", parse_form)?;
    natives.add("serializeForm", serialize_form)
}

fn parse(input: &str, base: Option<&str>) -> Option<Url> {
    match base {
        None => Url::parse(input).ok(),
        Some(base) => Url::parse(base).ok()?.join(input).ok(),
    }
}

/// In the order of `PARTS` in `js/url.js`, then the origin.
fn parts(url: &Url) -> [String; 10] {
    [
        quirks::protocol(url).to_owned(),
        quirks::username(url).to_owned(),
        quirks::password(url).to_owned(),
        quirks::host(url).to_owned(),
        quirks::hostname(url).to_owned(),
        quirks::port(url).to_owned(),
        quirks::pathname(url).to_owned(),
        quirks::search(url).to_owned(),
        quirks::hash(url).to_owned(),
        quirks::origin(url),
    ]
}

/// The URL after its setter `name` was given `value`; unchanged if the setter refuses it, as the standard has it.
fn with_part(href: &str, name: &str, value: &str) -> String {
    let Ok(mut url) = Url::parse(href) else { return href.to_owned() };
    // A setter that refuses leaves the URL alone, which is all that scripts may notice.
    let _: Result<(), ()> = match name {
        "protocol" => quirks::set_protocol(&mut url, value),
        "username" => quirks::set_username(&mut url, value),
        "password" => quirks::set_password(&mut url, value),
        "host" => quirks::set_host(&mut url, value),
        "hostname" => quirks::set_hostname(&mut url, value),
        "port" => quirks::set_port(&mut url, value),
        "pathname" => {
            quirks::set_pathname(&mut url, value);
            Ok(())
        }
        "search" => {
            quirks::set_search(&mut url, value);
            Ok(())
        }
        _ => {
            quirks::set_hash(&mut url, value);
            Ok(())
        }
    };
    url.into()
}

/// `[name, value, name, value, …]` of an `application/x-www-form-urlencoded` text.
fn parse_form(context: Context, arguments: &Arguments) -> Result<Value> {
    let text = arguments.string(0)?;
    let mut flat = Vec::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
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
