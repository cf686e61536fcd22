//! WebSockets that lead outside, for `js/websocket/ends.js`.

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};

use super::outside::callback;
use super::{Arguments, Natives};
use crate::{BodyId, Host, IncomingMessage, OutgoingMessage};

pub(super) fn add(natives: &Natives, host: &Rc<dyn Host>) -> Result<()> {
    let opening = Rc::clone(host);
    natives.add("openSocket", move |context, arguments| {
        let done = callback(&opening, arguments.value(1), |context, body: BodyId| Ok(context.number(body.0)));
        Ok(context.number(opening.open_socket(context, arguments.number(0) as u32, done).0))
    })?;
    let sending = Rc::clone(host);
    natives.add("sendMessage", move |context, arguments| Ok(context.boolean(send(&sending, arguments)?)))?;
    let receiving = Rc::clone(host);
    natives.add("receiveMessages", move |context, arguments| {
        let done = callback(&receiving, arguments.value(1), messages);
        receiving.receive_messages(context, body(arguments), done);
        Ok(context.undefined())
    })?;
    let watching = Rc::clone(host);
    natives.add("watchBody", move |context, arguments| {
        let done = callback(&watching, arguments.value(1), |context, ()| Ok(context.undefined()));
        watching.watch_body(context, body(arguments), done);
        Ok(context.undefined())
    })?;
    let keeping = Rc::clone(host);
    natives.add("keepAlive", move |context, arguments| {
        keeping.keep_alive(&arguments.value(0));
        Ok(context.undefined())
    })
}

/// `sendMessage(body, kind, data, reason)`, with the kinds of `js/websocket/ends.js`.
fn send(host: &Rc<dyn Host>, arguments: &Arguments<'_>) -> Result<bool> {
    let body = body(arguments);
    Ok(match arguments.number(1) as u32 {
        0 => host.send_message(body, OutgoingMessage::Text(&arguments.string(2)?)),
        1 => host.send_message(body, OutgoingMessage::Binary(&arguments.bytes(2))),
        _ => {
            let (code, reason) = (arguments.number(2) as u16, arguments.string(3)?);
            host.send_message(body, OutgoingMessage::Close { code, reason: &reason })
        }
    })
}

/// The messages as one flat array of kinds and data; null at the end.
fn messages(context: Context, messages: Option<Vec<IncomingMessage>>) -> Result<Value> {
    let Some(messages) = messages else { return Ok(context.null()) };
    let mut values = Vec::with_capacity(2 * messages.len());
    for message in messages {
        values.extend(message.into_values(context)?);
    }
    context.array(&values)
}

fn body(arguments: &Arguments<'_>) -> BodyId {
    BodyId(arguments.number(0) as u32)
}
