//! Our end of an isolate's asynchronous socket.
//!
//! Whoever waits until a Unix socket can be written is woken by the kernel each time that the other end has read: for
//! each frame that was sent once more, for nothing. So only reading is waited for, and writing where the socket is full.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// See the module.
pub(crate) struct CellSocket {
    socket: AsyncFd<OwnedFd>,
    /// The same socket while it is full.
    full: Option<AsyncFd<OwnedFd>>,
}

impl CellSocket {
    /// Must be called within a tokio runtime.
    pub(crate) fn new(socket: tokio::net::UnixStream) -> io::Result<Self> {
        let socket = watched(socket.into_std()?.into(), Interest::READABLE)?;
        Ok(Self { socket, full: None })
    }

    /// Reads into the room that `buffer` has, and says how much; nothing comes after the end.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(context))?;
            match rustix::io::read(ready.get_inner(), rustix::buffer::spare_capacity(buffer)) {
                // That it did not fill the room does not mean that nothing is left: a read ends with each descriptor
                // that somebody sends beside the bytes.
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Writes what the socket takes, and says how much.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => {
                    self.full = None;
                    return Poll::Ready(Ok(count));
                }
                Err(rustix::io::Errno::AGAIN) => ready!(self.poll_room(context))?,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Waits until the socket, which was full, may take something.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let full = match &mut self.full {
            Some(full) => full,
            none => none.insert(watched(self.socket.get_ref().try_clone()?, Interest::WRITABLE)?),
        };
        ready!(full.poll_write_ready(context))?.clear_ready();
        Poll::Ready(Ok(()))
    }
}

#[expect(deprecated, reason = "its fault lies in types that do not own their descriptor, as OwnedFd does")]
pub(crate) fn watched(descriptor: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, interest)
}
