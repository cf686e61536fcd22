//! Values on their way into a frame and out of one. What holds by reference becomes a capability, a stream a stream of
//! the wire; the rest is text and bytes of `js/clone.js`'s making.

use std::rc::Rc;

use hognose_engine::{ErrorKind, Result, Thrown, Value};
use hognose_web::{BodyId, BodySource};
use hognose_wire::objects::key_of;
use hognose_wire::{CapId, CapRef, InvocationId, Payload, Violation, limits};
use pyo3::Python;

use super::{Export, Rpc, cap_of};
use crate::cell::Cell;
use crate::host::{js_error, wire_body};
use crate::link::{Content, Link, OwnedError};

/// A value as a frame names it, without the frame.
pub(crate) struct Packed {
    bytes: Vec<u8>,
    caps: Vec<CapRef>,
    pub(crate) streams: Vec<BodySource>,
}

impl Rpc {
    /// Makes a value ready for a frame. What it holds by reference is hosted on behalf of `owner` from now on.
    pub(crate) fn pack(&self, cell: &Cell, value: &Value, owner: Option<InvocationId>) -> Result<Packed> {
        let encoded = self.get("encode")?.call_function(std::slice::from_ref(value))?;
        self.pack_encoded(cell, &encoded, owner)
    }

    pub(crate) fn pack_encoded(
        &self,
        cell: &Cell,
        encoded: &Value,
        owner: Option<InvocationId>,
    ) -> Result<Packed> {
        let text = encoded.get("text")?.to_js_string()?;
        let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        for blob in encoded.get("blobs")?.elements()? {
            bytes.extend(blob.bytes().unwrap_or_default());
        }
        if bytes.len() > limits::VALUE_MAX {
            let size = bytes.len();
            let message = format!(
                "Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: \
                 {size} bytes."
            );
            return Err(Thrown::new(self.context, ErrorKind::Error, &message));
        }
        let streams = encoded.get("streams")?.elements()?;
        let streams = streams.iter().map(|stream| cell.web().send_body(stream)).collect::<Result<_>>()?;
        let caps = encoded.get("caps")?.elements()?;
        let caps = caps.iter().map(|cap| self.name(cap, owner)).collect::<Result<_>>()?;
        Ok(Packed { bytes, caps, streams })
    }

    /// `[true, target]` or `[false, number]`, as the wire has it; an object of a namespace is `[false, number, digits]`.
    fn name(&self, cap: &Value, owner: Option<InvocationId>) -> Result<CapRef> {
        let parts = cap.elements()?;
        if let [_, namespace, digits] = &parts[..] {
            let key = key_of(&digits.to_js_string()?).zip(cap_of(namespace));
            let unknown = || Thrown::type_error(self.context, "A stub leads to no object.");
            return key.map(|(key, namespace)| CapRef::Object { namespace, key }).ok_or_else(unknown);
        }
        if let Some(number) =
            cap_of(&parts[1]).filter(|_| !parts[0].strict_equals(&self.context.boolean(true)))
        {
            return Ok(CapRef::Receiver(number));
        }
        let export = Export { target: parts[1].clone(), owner, broken: false, is_socket: false };
        let hosted = self.exports.borrow_mut().insert(export);
        hosted
            .map(CapRef::Sender)
            .map_err(|full| Thrown::new(self.context, ErrorKind::Error, &full.to_string()))
    }

    /// What an error has beside its name and its text, as a structured clone; nothing where that is too long.
    pub(crate) fn own_properties(&self, error: &Value) -> Vec<u8> {
        let encoded =
            self.get("encodeOwn").and_then(|encode| encode.call_function(std::slice::from_ref(error)));
        let text = encoded.ok().and_then(|text| text.as_string()).unwrap_or_default();
        if text.is_empty() || text.len() >= limits::ERROR_TEXT_MAX {
            return Vec::new();
        }
        [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
    }

    /// Takes a value out of a frame and gives it to `done`, now or once all of it has come.
    pub(crate) fn unpack(
        self: &Rc<Self>,
        link: &Rc<Link>,
        payload: Payload<'_>,
        owner: Option<InvocationId>,
        done: impl FnOnce(Result<Value>) + 'static,
    ) -> std::result::Result<(), Violation> {
        let caps =
            payload.caps.iter().map(|cap| self.receive(*cap)).collect::<std::result::Result<Vec<_>, _>>()?;
        let bodies = payload.bodies.into_iter().map(|body| link.accept(body, owner));
        let bodies = bodies.collect::<std::result::Result<Vec<Content>, _>>()?;
        let bytes = link.accept(payload.bytes, owner)?;
        let (rpc, context) = (Rc::clone(self), self.context);
        let read = move |_py: Python<'_>, bytes: std::result::Result<Vec<u8>, OwnedError>| {
            let bytes = bytes.map_err(|error| js_error(context, &error));
            done(bytes.and_then(|bytes| rpc.decode(&bytes, &caps, bodies)));
        };
        Python::attach(|py| link.read_all(py, bytes, read));
        Ok(())
    }

    /// A capability as `js/rpc.js` takes it, a number. The supervisor hosts them all.
    pub(crate) fn receive(&self, cap: CapRef) -> std::result::Result<Value, Violation> {
        let CapRef::Sender(cap) = cap else { return Err(Violation::UnknownCap(CapId::ROOT)) };
        self.imports.borrow_mut().receive(cap)?;
        Ok(self.context.number(cap.0))
    }

    pub(crate) fn decode(&self, bytes: &[u8], caps: &[Value], bodies: Vec<Content>) -> Result<Value> {
        if bytes.is_empty() {
            // A property is read without arguments.
            return self.context.array(&[]);
        }
        let malformed = || Thrown::type_error(self.context, "A value came in a form that is not known.");
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
        let text = rest.split_at_checked(u32::from_le_bytes(*length) as usize);
        let (text, blobs) = text.ok_or_else(malformed)?;
        let text = std::str::from_utf8(text).map_err(|_| malformed())?;
        let cell = Cell::current().expect("invariant: values are read in a cell");
        let streams = bodies.into_iter().map(|body| match body {
            Content::None => self.context.uint8_array(Vec::new()),
            Content::Bytes(bytes) => self.context.uint8_array(bytes),
            Content::Stream { stream, length } => cell.web().stream_of_body(BodyId(stream.0), length),
        });
        let streams = streams.collect::<Result<Vec<_>>>()?;
        self.get("decode")?.call_function(&[
            self.context.string(text)?,
            self.context.array_buffer(blobs.to_vec())?,
            self.context.array(caps)?,
            self.context.array(&streams)?,
        ])
    }
}

impl Packed {
    /// Gives `send` the value as the wire carries it.
    pub(crate) fn with_payload<T>(
        &self,
        link: &Rc<Link>,
        send: impl FnOnce(Payload<'_>) -> T,
    ) -> std::result::Result<T, OwnedError> {
        let bodies = self.streams.iter().map(|source| wire_body(link, source));
        let bodies = bodies.collect::<std::result::Result<_, _>>()?;
        Ok(send(Payload { bytes: link.body(&self.bytes)?, caps: self.caps.clone(), bodies }))
    }
}
