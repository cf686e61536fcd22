//! The messages between supervisor and cell, and nothing else: what they are, how they become bytes, and how large
//! they may be. Pure: no I/O, no clock, no thread. Both sides compile this crate, so they cannot disagree.
//!
//! There are two protocols. [`control`] runs between the supervisor and a *template* (a base or a zygote: a cell that
//! others are forked from). [`Frame`]s run between the supervisor and an *isolate*, on one socket;
//! beside it there is a second one, on which the isolate blocks while the storage of its Durable Objects is used
//! ([`objects`]).
//!
//! A frame travels as a little-endian `u32` length followed by that many bytes of [postcard](https://postcard.jamesmunns.com)
//! holding an [`Envelope`]. Large things do not travel in frames: bodies above [`limits::INLINE_MAX`] and
//! values above [`limits::VALUE_INLINE_MAX`] are streams, which move under credit. Everything read from a cell is bounded here and looked up, never trusted, above.

pub mod ai;
pub mod cache;
mod caps;
mod check;
mod codec;
pub mod confinement;
pub mod control;
pub mod d1;
pub mod email;
pub mod facets;
pub mod fetch;
mod form;
mod frame;
pub mod handing;
mod ids;
pub mod images;
pub mod kv;
pub mod limits;
pub mod loading;
pub mod messages;
pub mod object_sockets;
pub mod objects;
pub mod payload;
pub mod queues;
pub mod r2;
pub mod report;
mod side;
pub mod socket;
mod streams;
mod value;
pub mod vectorize;
mod violation;
pub mod workflows;

pub use caps::{Exports, Imports};
pub use codec::{Decoder, EncodeError, ProtocolError, decode, encode};
pub use frame::{
    CLIENT_GONE, CallId, Envelope, Event, Frame, HttpRequest, HttpResponse, InvocationId, LogLevel,
    MessageKind, Outcome, SocketEvent, StreamId, TIME_OVER, WAIT_UNTIL_OVER, WriteSeq,
};
pub use ids::{Accepted, Full, Number, Opened};
pub use side::Side;
pub use streams::{IncomingStream, OutgoingStream, QueueFull};
pub use value::{Access, Body, CapId, CapRef, Headers, Payload, RemoteError};
pub use violation::Violation;
