//! The JavaScript sources, and how they get into the engine: as modules that import each other by relative paths,
//! from a table compiled into this crate.

use hognose_engine::{Attributes, Context, ModuleLoader, ModuleSource, PromiseState, Result, Thrown, Value};

/// What the names of our modules begin with, in stack traces too.
const PREFIX: &str = "hognose:web/";

/// Cloudflare's own module of sockets.
const SOCKETS: (&str, &str) = ("cloudflare:sockets", "cloudflare/sockets.js");

/// What the names of Node.js's modules begin with.
const NODE: &str = "node:";

/// Node.js's modules that a Worker can import, and where they are.
const NODE_MODULES: &[(&str, &str)] = &[
    ("assert", "node/assert.js"),
    ("assert/strict", "node/assert/strict.js"),
    ("async_hooks", "node/async_hooks.js"),
    ("buffer", "node/buffer.js"),
    ("console", "node/console.js"),
    ("crypto", "node/crypto.js"),
    ("diagnostics_channel", "node/diagnostics_channel.js"),
    ("events", "node/events.js"),
    ("os", "node/os.js"),
    ("path", "node/path.js"),
    ("path/posix", "node/path.js"),
    ("perf_hooks", "node/perf_hooks.js"),
    ("process", "node/process.js"),
    ("punycode", "node/punycode.js"),
    ("querystring", "node/querystring.js"),
    ("_stream_duplex", "node/stream.js"),
    ("_stream_passthrough", "node/stream.js"),
    ("_stream_readable", "node/stream.js"),
    ("_stream_transform", "node/stream.js"),
    ("_stream_writable", "node/stream.js"),
    ("stream", "node/stream.js"),
    ("stream/consumers", "node/stream/consumers.js"),
    ("stream/promises", "node/stream/promises.js"),
    ("stream/web", "node/stream/web.js"),
    ("string_decoder", "node/string_decoder.js"),
    ("sys", "node/util.js"),
    ("test", "node/test.js"),
    ("timers", "node/timers.js"),
    ("timers/promises", "node/timers/promises.js"),
    ("url", "node/url.js"),
    ("util", "node/util.js"),
    ("util/types", "node/types.js"),
    ("zlib", "node/zlib.js"),
];

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../js/", $name)))),*]
    };
}

const SOURCES: &[(&str, &str)] = sources![
    "abort.js",
    "async-frame.js",
    "blob.js",
    "body.js",
    "cloudflare/sockets.js",
    "console.js",
    "crypto.js",
    "crypto/aes.js",
    "crypto/agreement.js",
    "crypto/derivation.js",
    "crypto/digest.js",
    "crypto/edwards.js",
    "crypto/elliptic.js",
    "crypto/hmac.js",
    "crypto/jwk.js",
    "crypto/key.js",
    "crypto/parameters.js",
    "crypto/rsa.js",
    "crypto/subtle.js",
    "encoding.js",
    "event-source.js",
    "events.js",
    "fetch.js",
    "flags.js",
    "form-data.js",
    "headers.js",
    "html-rewriter.js",
    "html-tokens.js",
    "logged.js",
    "inspect.js",
    "locale.js",
    "main.js",
    "message-channel.js",
    "natives.js",
    "node/assert.js",
    "node/assert/strict.js",
    "node/async_hooks.js",
    "node/buffer.js",
    "node/buffer/arguments.js",
    "node/buffer/search.js",
    "node/callable.js",
    "node/comparisons.js",
    "node/console.js",
    "node/crypto.js",
    "node/crypto/ciphers.js",
    "node/crypto/constants.js",
    "node/crypto/der.js",
    "node/crypto/derivation.js",
    "node/crypto/encrypted-keys.js",
    "node/crypto/exchange.js",
    "node/crypto/hashes.js",
    "node/crypto/key-formats.js",
    "node/crypto/keys.js",
    "node/crypto/kinds.js",
    "node/crypto/signatures.js",
    "node/crypto/values.js",
    "node/diagnostics_channel.js",
    "node/errors.js",
    "node/events.js",
    "node/mock.js",
    "node/os.js",
    "node/path.js",
    "node/perf_hooks.js",
    "node/process.js",
    "node/punycode.js",
    "node/querystring.js",
    "node/stream.js",
    "node/stream/base.js",
    "node/stream/consumers.js",
    "node/stream/duplex.js",
    "node/stream/errors.js",
    "node/stream/finished.js",
    "node/stream/lazy.js",
    "node/stream/legacy.js",
    "node/stream/operators.js",
    "node/stream/pipe.js",
    "node/stream/pipeline.js",
    "node/stream/promises.js",
    "node/stream/readable.js",
    "node/stream/sources.js",
    "node/stream/web-adapters.js",
    "node/stream/web.js",
    "node/stream/writable.js",
    "node/string_decoder.js",
    "node/test.js",
    "node/text-codecs.js",
    "node/timers.js",
    "node/timers/promises.js",
    "node/types.js",
    "node/url.js",
    "node/url/legacy.js",
    "node/util.js",
    "node/zlib.js",
    "node/zlib/constants.js",
    "node/zlib/options.js",
    "node/zlib/packing.js",
    "not-yet.js",
    "pedantic.js",
    "performance.js",
    "request.js",
    "response.js",
    "streams/basics.js",
    "streams/byte-core.js",
    "streams/compression.js",
    "streams/pipe.js",
    "streams/readable-core.js",
    "streams/readable.js",
    "streams/sources.js",
    "streams/tee.js",
    "streams/transform.js",
    "streams/writable.js",
    "structured-clone.js",
    "timers.js",
    "url-pattern.js",
    "url-pattern/component.js",
    "url-pattern/constructor-string.js",
    "url-pattern/init.js",
    "url-pattern/tokens.js",
    "url.js",
    "weak-ref.js",
    "webidl.js",
    "websocket.js",
    "websocket/ends.js",
    "websocket/hibernation.js",
];

/// Evaluates `main.js` and all it imports. The natives are on the global object while that lasts.
pub(crate) fn load(context: Context, natives: &Value) -> Result<()> {
    context.global().define_with("hognoseNatives", natives, Attributes::METHOD)?;
    context.set_module_loader(PlatformModules);
    let loaded = context.eval_module(source("main.js").unwrap_or_default(), &format!("{PREFIX}main.js"))?;
    match loaded.promise_state() {
        Some(PromiseState::Rejected) => Err(Thrown(loaded.promise_result().unwrap_or(loaded))),
        _ => Ok(()),
    }
}

fn source(path: &str) -> Option<&'static str> {
    SOURCES.iter().find(|(name, _)| *name == path).map(|(_, source)| *source)
}

/// Finds the platform's own modules and no others. An embedder's loader asks this one for every name it
/// [`has`](Self::has).
#[derive(Clone, Copy, Debug)]
pub struct PlatformModules;

impl PlatformModules {
    /// Whether the platform answers for a module of this name, be it there or not.
    pub fn has(name: &str) -> bool {
        name.starts_with(PREFIX) || name.starts_with(NODE) || name == SOCKETS.0
    }

    /// Node.js's module that is meant by a name without `node:`, where there is one.
    pub fn node_module(name: &str) -> Option<String> {
        let found = NODE_MODULES.iter().find(|(known, _)| *known == name && *known != "test");
        found.map(|(known, _)| format!("{NODE}{known}"))
    }
}

impl ModuleLoader for PlatformModules {
    fn resolve(&self, context: Context, base: &str, specifier: &str) -> Result<String> {
        if specifier == SOCKETS.0 {
            return Ok(format!("{PREFIX}{}", SOCKETS.1));
        }
        let Some(name) = specifier.strip_prefix(NODE) else { return Ok(join(base, specifier)) };
        let Some((_, path)) = NODE_MODULES.iter().find(|(known, _)| *known == name) else {
            let message =
                format!("No such module \"{specifier}\". This version of hognose does not have it.");
            return Err(Thrown::named(context, "Error", &message));
        };
        Ok(format!("{PREFIX}{path}"))
    }

    fn load(&self, context: Context, name: &str, _: &Value) -> Result<ModuleSource> {
        let source = name.strip_prefix(PREFIX).and_then(source);
        match source {
            Some(source) => Ok(ModuleSource::JavaScript(source.to_owned())),
            None => Err(Thrown::type_error(context, &format!("No such module \"{name}\"."))),
        }
    }
}

/// The name that a relative specifier means in the module `base`.
fn join(base: &str, specifier: &str) -> String {
    let parent =
        |folder: &'_ str| folder.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned());
    let mut folder = parent(base);
    let mut rest = specifier.trim_start_matches("./");
    while let Some(below) = rest.strip_prefix("../") {
        folder = parent(&folder);
        rest = below;
    }
    format!("{folder}/{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_specifiers_are_joined() {
        assert_eq!(join("hognose:web/main.js", "./url.js"), "hognose:web/url.js");
        assert_eq!(join("hognose:web/streams/tee.js", "../abort.js"), "hognose:web/abort.js");
        assert_eq!(join("hognose:web/main.js", "./streams/tee.js"), "hognose:web/streams/tee.js");
        assert_eq!(join("hognose:web/a/b/c.js", "../../url.js"), "hognose:web/url.js");
    }
}
