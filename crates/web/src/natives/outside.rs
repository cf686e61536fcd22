//! What reaches outside: each function hands its arguments to the [`Host`], and the host's answer to a callback.

use std::rc::Rc;

use hognose_engine::{Context, Result, Thrown, Value};

use super::{Arguments, Natives};
use crate::{
    BodyId, BodySource, Done, HeaderList, Host, HostError, IncomingResponse, LogLevel, OutgoingRequest,
    RequestHandle, TimerId,
};

pub(super) fn add(natives: &Natives, host: &Rc<dyn Host>) -> Result<()> {
    let outside = Outside { natives, host };
    outside.add_fetch()?;
    outside.add_incoming_bodies()?;
    outside.add_outgoing_bodies()?;
    outside.add_timers()?;
    outside.add_random()?;
    outside.add_log()
}

struct Outside<'install> {
    natives: &'install Natives,
    host: &'install Rc<dyn Host>,
}

impl Outside<'_> {
    /// Adds a function that is given the host.
    fn add<F>(&self, name: &str, closure: F) -> Result<()>
    where
        F: Fn(Context, &Rc<dyn Host>, &Arguments) -> Result<Value> + 'static,
    {
        let host = Rc::clone(self.host);
        self.natives.add(name, move |context, arguments| closure(context, &host, arguments))
    }

    fn add_fetch(&self) -> Result<()> {
        self.add("fetch", |context, host, arguments| {
            let request = outgoing_request(arguments)?;
            let done = callback(host, arguments.value(10), |context, response: IncomingResponse| {
                response.into_value(context)
            });
            Ok(context.number(host.fetch(context, request, done).0))
        })?;
        self.add("cancelFetch", |context, host, arguments| {
            host.cancel_fetch(RequestHandle(arguments.number(0) as u32));
            Ok(context.undefined())
        })
    }

    fn add_incoming_bodies(&self) -> Result<()> {
        self.add("readBody", |context, host, arguments| {
            let done = callback(host, arguments.value(1), |context, chunk: Option<Vec<u8>>| match chunk {
                Some(bytes) => context.uint8_array(bytes),
                None => Ok(context.null()),
            });
            host.read_body(context, body_id(arguments), done);
            Ok(context.undefined())
        })?;
        self.add("cancelBody", |context, host, arguments| {
            host.cancel_body(body_id(arguments), &arguments.value(1));
            Ok(context.undefined())
        })
    }

    fn add_outgoing_bodies(&self) -> Result<()> {
        self.add("openBody", |context, host, arguments| {
            let length = arguments.value(0).as_f64().map(|length| length as u64);
            Ok(context.number(host.open_body(length).0))
        })?;
        self.add("writeBody", |context, host, arguments| {
            let done = callback(host, arguments.value(2), |context, ()| Ok(context.undefined()));
            host.write_body(context, body_id(arguments), arguments.bytes(1), done);
            Ok(context.undefined())
        })?;
        self.add("closeBody", |context, host, arguments| {
            host.close_body(body_id(arguments));
            Ok(context.undefined())
        })?;
        self.add("abortBody", |context, host, arguments| {
            host.abort_body(context, body_id(arguments), &arguments.value(1));
            Ok(context.undefined())
        })
    }

    fn add_timers(&self) -> Result<()> {
        self.add("setTimer", |context, host, arguments| {
            let (delay_ms, repeat) = (arguments.number(0), arguments.boolean(1));
            match host.set_timer(context, delay_ms, repeat, arguments.value(2)) {
                Ok(timer) => Ok(context.number(timer.0)),
                Err(error) => Err(Thrown(error.to_value(context))),
            }
        })?;
        self.add("clearTimer", |context, host, arguments| {
            host.clear_timer(TimerId(arguments.number(0) as u32));
            Ok(context.undefined())
        })?;
        self.add("now", |context, host, _| Ok(context.number(host.now_ms())))?;
        self.add("monotonic", |context, host, _| Ok(context.number(host.monotonic_ms())))
    }

    fn add_random(&self) -> Result<()> {
        self.add("randomBytes", |context, host, arguments| {
            let mut bytes = vec![0; arguments.number(0) as usize];
            host.random(&mut bytes).map_err(|error| Thrown(error.to_value(context)))?;
            context.uint8_array(bytes)
        })?;
        self.add("randomUuid", |context, host, _| {
            let mut bytes = [0; 16];
            host.random(&mut bytes).map_err(|error| Thrown(error.to_value(context)))?;
            context.string(&uuid(bytes))
        })
    }

    fn add_log(&self) -> Result<()> {
        self.add("log", |context, host, arguments| {
            let given = arguments.optional_string(2)?.unwrap_or_default();
            host.log(log_level(&arguments.string(0)?), &arguments.string(1)?, &given);
            Ok(context.undefined())
        })?;
        self.add("isTailed", |context, host, _| Ok(context.boolean(host.is_tailed())))?;
        self.add("reportError", |context, host, arguments| {
            host.report_error(context, &arguments.value(0));
            Ok(context.undefined())
        })
    }
}

/// The arguments in the order in which `js/fetch.js` gives them.
fn outgoing_request(arguments: &Arguments) -> Result<OutgoingRequest> {
    Ok(OutgoingRequest {
        method: arguments.string(0)?,
        url: arguments.string(1)?,
        headers: HeaderList::from_text(arguments.string(2)?),
        cf_json: arguments.optional_string(3)?,
        follow_redirects: arguments.string(4)? == "follow",
        body: BodySource::from_values(&[arguments.value(5), arguments.value(6), arguments.value(7)])?,
        raw_response_body: arguments.boolean(8),
        target: arguments.optional_string(9)?,
    })
}

fn body_id(arguments: &Arguments) -> BodyId {
    BodyId(arguments.number(0) as u32)
}

/// Calls a JavaScript function with `(error)` or `(undefined, value)`.
pub(super) fn callback<T: 'static>(
    host: &Rc<dyn Host>,
    function: Value,
    convert: impl FnOnce(Context, T) -> Result<Value> + 'static,
) -> Done<T> {
    let host = Rc::clone(host);
    Box::new(move |context, result: Result<T, HostError>| {
        let arguments = match result.map(|answer| convert(context, answer)) {
            Ok(Ok(value)) => vec![context.undefined(), value],
            Ok(Err(thrown)) => vec![thrown.0],
            Err(error) => vec![error.to_value(context)],
        };
        // The callbacks are ours and catch what scripts throw: this is an interrupt or a full heap.
        if let Err(thrown) = function.call_function(&arguments) {
            host.report_error(context, &thrown.0);
        }
    })
}

fn log_level(name: &str) -> LogLevel {
    match name {
        "debug" => LogLevel::Debug,
        "info" => LogLevel::Info,
        "warn" => LogLevel::Warn,
        "error" => LogLevel::Error,
        _ => LogLevel::Log,
    }
}

/// A version 4 UUID of random bytes. <https://www.rfc-editor.org/rfc/rfc9562#section-5.4>
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text
}
