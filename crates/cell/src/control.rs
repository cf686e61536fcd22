//! The template's end of its control socket: orders in, with descriptors beside them; reports out. Blocking: a
//! template has nothing else to do.

use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use hognose_wire::control::{Order, Report};
use hognose_wire::{Decoder, encode};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// The most descriptors that come beside one order.
const DESCRIPTORS_MAX: usize = 2;
/// How much is read at a time, in bytes.
const READ_BYTES: usize = 16 << 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Control {
    socket: UnixStream,
    decoder: Decoder,
    descriptors: Vec<OwnedFd>,
}

impl Control {
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self { socket, decoder: Decoder::new(), descriptors: Vec::new() }
    }

    /// Waits for the next order; `None`: the supervisor has gone.
    ///
    /// # Errors
    /// The socket broke, or what came is no order.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Order>> {
        loop {
            if let Some(order) = self.decoder.next().map_err(io::Error::other)? {
                return Ok(Some(order));
            }
            if self.read()? == 0 {
                return Ok(None);
            }
        }
    }

    /// The descriptors that came since they were last taken.
    pub(crate) fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors)
    }

    /// Sends a report.
    pub(crate) fn send(&mut self, report: &Report) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode(report, &mut bytes).map_err(io::Error::other)?;
        self.socket.write_all(&bytes)
    }

    fn read(&mut self) -> io::Result<usize> {
        let mut bytes = [0_u8; READ_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            let mut buffers = [IoSliceMut::new(&mut bytes)];
            recvmsg(&self.socket, &mut buffers, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        })?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        self.decoder.push(&bytes[..received.bytes]);
        Ok(received.bytes)
    }
}
