//! The natives under `js/object-sockets.js`: what an object asks of its hibernating WebSockets, which the supervisor
//! holds, and what it sends on them.

use std::borrow::Cow;

use hognose_engine::{Context, ErrorKind, Result, Thrown, Value};
use hognose_wire::Frame;
use hognose_wire::messages::SocketMessage;
use hognose_wire::object_sockets::{OpenSocket, SocketAnswer, SocketNumber, SocketOperation};
use hognose_wire::objects::{Answer, Operation};

use super::natives::{Here, Native, define, pack, strings, unexpected, unpack};
use crate::host::js_error;

pub(super) fn natives(context: Context) -> Result<Value> {
    let natives = context.object()?;
    let all: [(&str, Native); 11] = [
        ("acceptSocket", accept),
        ("sockets", list),
        ("socketTags", |context, here, arguments| {
            texts(context, here, SocketOperation::Tags(socket(arguments)))
        }),
        ("attach", |context, here, arguments| {
            let bytes = Cow::Owned(arguments[2].bytes().unwrap_or_default());
            nothing(context, here, SocketOperation::Attach(socket(arguments), bytes))
        }),
        ("attachment", attachment),
        ("autoRespond", |context, here, arguments| {
            let text = |index: usize| arguments[index].as_string().map(Cow::Owned);
            nothing(context, here, SocketOperation::AutoRespond(text(1).zip(text(2))))
        }),
        ("autoResponse", |context, here, _| texts(context, here, SocketOperation::AutoResponse)),
        ("autoRespondedAt", |context, here, arguments| {
            number(context, here, SocketOperation::AutoRespondedAt(socket(arguments)))
        }),
        ("limitEvents", |context, here, arguments| {
            let event_max_ms = arguments[1].as_f64().map(|ms| ms as u32);
            nothing(context, here, SocketOperation::LimitEvents(event_max_ms))
        }),
        ("eventLimit", |context, here, _| number(context, here, SocketOperation::EventLimit)),
        ("sendOnSocket", send),
    ];
    define(&natives, all)?;
    natives.define_method("pack", 2, |context, _this, arguments| {
        context.array_buffer(pack(&arguments[0], &arguments[1])?)
    })?;
    natives.define_method("unpack", 1, |context, _this, arguments| {
        let [text, blobs] = unpack(context, &arguments[0].bytes().unwrap_or_default())?;
        context.array(&[text, blobs])
    })?;
    Ok(natives)
}

fn socket(arguments: &[Value]) -> SocketNumber {
    SocketNumber(arguments[1].as_f64().unwrap_or_default() as u32)
}

fn ask<T>(
    context: Context,
    here: &Here,
    operation: SocketOperation<'_>,
    read: impl FnOnce(SocketAnswer<'_>) -> Option<Result<T>>,
) -> Result<T> {
    here.perform(context, Operation::Sockets(operation), |answer| match answer {
        Answer::Sockets(answer) => read(answer).unwrap_or_else(|| Err(unexpected(context, &Answer::Done))),
        other => Err(unexpected(context, &other)),
    })
}

/// `acceptSocket(object, tags, name)`: the socket's number, and the capability of its other end.
fn accept(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    let tags = strings(&arguments[1])?;
    let name = arguments[2].as_string().map(Cow::Owned);
    let (socket, cap) = ask(context, here, SocketOperation::Accept { tags, name }, |answer| match answer {
        SocketAnswer::Accepted { socket, cap } => Some(Ok((socket, cap))),
        _ => None,
    })?;
    here.hold(cap).map_err(|violation| Thrown::new(context, ErrorKind::Error, &violation.to_string()))?;
    context.array(&[context.number(socket.0), context.number(cap.0)])
}

/// `sockets(object, tag)`: of each its number, and whether either end has closed.
fn list(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    let tag = arguments[1].as_string().map(Cow::Owned);
    let entry = |socket: OpenSocket| {
        let closed = [socket.closed_incoming, socket.closed_outgoing].map(|closed| context.boolean(closed));
        let [incoming, outgoing] = closed;
        context.array(&[context.number(socket.number.0), incoming, outgoing])
    };
    ask(context, here, SocketOperation::List(tag), |answer| match answer {
        SocketAnswer::Open(open) => {
            let entries: Result<Vec<Value>> = open.into_iter().map(entry).collect();
            Some(entries.and_then(|entries| context.array(&entries)))
        }
        _ => None,
    })
}

fn attachment(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    ask(context, here, SocketOperation::Attachment(socket(arguments)), |answer| match answer {
        SocketAnswer::Bytes(Some(bytes)) => Some(context.array_buffer(bytes.into_owned())),
        SocketAnswer::Bytes(None) => Some(Ok(context.undefined())),
        _ => None,
    })
}

fn texts(context: Context, here: &Here, operation: SocketOperation<'_>) -> Result<Value> {
    ask(context, here, operation, |answer| match answer {
        SocketAnswer::Texts(texts) => {
            let texts: Result<Vec<Value>> = texts.iter().map(|text| context.string(text)).collect();
            Some(texts.and_then(|texts| context.array(&texts)))
        }
        _ => None,
    })
}

fn number(context: Context, here: &Here, operation: SocketOperation<'_>) -> Result<Value> {
    ask(context, here, operation, |answer| match answer {
        SocketAnswer::Number(number) => {
            Some(Ok(number.map_or(context.null(), |number| context.number(number))))
        }
        _ => None,
    })
}

fn nothing(context: Context, here: &Here, operation: SocketOperation<'_>) -> Result<Value> {
    ask(context, here, operation, |answer| match answer {
        SocketAnswer::Done => Some(Ok(context.undefined())),
        _ => None,
    })
}

/// `sendOnSocket(object, socket, kind, first, second)`, with the kinds of `js/websocket/ends.js` in the web platform;
/// `false`: it could not be sent.
fn send(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    let (text, bytes);
    let message = match arguments[2].as_f64().unwrap_or_default() as u32 {
        0 => {
            text = arguments[3].to_js_string()?;
            SocketMessage::Text(&text)
        }
        1 => {
            bytes = arguments[3].bytes().unwrap_or_default();
            SocketMessage::Binary(&bytes)
        }
        _ => {
            text = arguments[4].to_js_string()?;
            SocketMessage::Close { code: arguments[3].as_f64().unwrap_or_default() as u16, reason: &text }
        }
    };
    let mut encoded = Vec::new();
    let Some(link) = here.cell.link().filter(|_| message.encode(&mut encoded).is_ok()) else {
        return Ok(context.boolean(false));
    };
    let body = link.body(&encoded).map_err(|error| js_error(context, &error))?;
    let last = matches!(message, SocketMessage::Close { .. });
    link.send(Frame::SocketMessage { object: here.number, socket: socket(arguments), last, message: body });
    Ok(context.boolean(true))
}
