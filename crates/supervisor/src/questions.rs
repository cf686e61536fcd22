//! What cells ask the supervisor for: to connect a socket in their place, one more thread, and (templates only) a fork.
//!
//! A cell has no network. When code in it connects a socket, whatever the language, the kernel holds the call and tells
//! this task, which looks at the address, makes the connection itself where policy allows it, and puts its own socket
//! in the place of the cell's. A socket that does not wait gets one that is being connected, so that its own loop goes
//! on meanwhile.
//!
//! A fork is let through only where the supervisor has ordered one: whatever a Worker's top-level code forks by itself
//! would outlive its order.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use hognose_jail::{DescriptorFlags, Listener, Question, Wish};
use hognose_wire::LogLevel;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::dns;
use crate::egress::Egress;
use crate::limits::CONNECT_MAX;
use crate::template::Surroundings;

/// Where resolvers look for a name server that no configuration names: on this host, at this port.
const NAME_SERVER_PORT: u16 = 53;

/// What processes and threads cells may make.
#[derive(Debug)]
pub(crate) struct Forks {
    /// Forks that have been ordered and not yet been made, by the template's process number.
    expected: Mutex<HashMap<u32, usize>>,
    /// How many threads one process may have.
    threads_max: u64,
    /// Who was refused one last: a thread that asks again and again is told of once.
    refused: AtomicU32,
}

impl Forks {
    pub(crate) fn new(threads_max: u64) -> Self {
        Self { expected: Mutex::default(), threads_max, refused: AtomicU32::default() }
    }

    /// A template is about to be told to fork.
    pub(crate) fn expect(&self, template: u32) {
        *self.expected().entry(template).or_default() += 1;
    }

    /// It has answered all its orders, or ended: it has none left to fork for.
    pub(crate) fn forget(&self, template: u32) {
        self.expected().remove(&template);
    }

    /// Whether it may fork now; once for each order.
    fn take(&self, template: u32) -> bool {
        let mut expected = self.expected();
        let Some(count) = expected.get_mut(&template) else { return false };
        *count -= 1;
        if *count == 0 {
            expected.remove(&template);
        }
        true
    }

    fn expected(&self) -> std::sync::MutexGuard<'_, HashMap<u32, usize>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers what the cells of one base ask, until the last of them has ended.
pub(crate) async fn answer(listener: Listener, egress: Arc<Egress>, around: Surroundings) -> io::Result<()> {
    let listener = Arc::new(watched(listener, Interest::READABLE)?);
    loop {
        listener.readable().await?.clear_ready();
        loop {
            let events = poll(listener.get_ref())?;
            if events.contains(PollFlags::IN) {
                // Whoever asked may have ended before it was heard.
                let Ok(question) = listener.get_ref().receive() else { continue };
                let answering =
                    Answering { listener: Arc::clone(&listener), egress: Arc::clone(&egress), question };
                around.tasks.spawn(answering.run(around.clone()));
            } else if events.contains(PollFlags::HUP) {
                return Ok(());
            } else {
                break;
            }
        }
    }
}

/// Receiving waits where nothing is there to be received, so it is asked for first.
fn poll(listener: &Listener) -> io::Result<PollFlags> {
    let mut polled = [PollFd::new(listener, PollFlags::IN)];
    rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(polled[0].revents())
}

/// One question being answered.
struct Answering {
    listener: Arc<AsyncFd<Listener>>,
    egress: Arc<Egress>,
    question: Question,
}

impl Answering {
    async fn run(self, around: Surroundings) {
        let (listener, question) = (self.listener.get_ref(), &self.question);
        let answered = match question.wish {
            Wish::Fork if around.forks.take(question.thread) => listener.permit(question),
            Wish::Thread => self.thread(&around),
            Wish::Fork | Wish::Unknown => listener.refuse(question, Errno::PERM.raw_os_error()),
            Wish::Connect { .. } => match self.connect(&around).await {
                Ok(()) => listener.accept(question),
                Err(error) => listener.refuse(question, number_of(&error)),
            },
        };
        // Whoever asked has ended meanwhile, then.
        drop(answered);
    }

    /// Lets a thread begin where its process has not as many as it may.
    fn thread(&self, around: &Surroundings) -> io::Result<()> {
        let (listener, threads_max) = (self.listener.get_ref(), around.forks.threads_max);
        if hognose_jail::threads(self.question.thread)? < threads_max {
            return listener.permit(&self.question);
        }
        if around.forks.refused.swap(self.question.thread, Relaxed) != self.question.thread {
            let text = format!("a Worker was refused a thread: it has {threads_max} (`limits.threads`)");
            around.events.log(&around.worker, LogLevel::Warn, text);
        }
        listener.refuse(&self.question, Errno::AGAIN.raw_os_error())
    }

    /// Puts a connected socket in place, or one that is being connected; that is told as an error, `EINPROGRESS`.
    async fn connect(&self, around: &Surroundings) -> io::Result<()> {
        let listener = self.listener.get_ref();
        let wanted = listener.address(&self.question)?;
        let flags = listener.flags(&self.question)?;
        if wanted.ip().is_loopback() && wanted.port() == NAME_SERVER_PORT && !self.egress.is_closed() {
            return self.connect_to_name_server(flags, around);
        }
        let address = self.egress.permitted(wanted).inspect_err(|_| {
            let text =
                format!("a Worker's socket was kept from connecting to {wanted}: egress policy refuses it");
            around.events.log(&around.worker, LogLevel::Warn, text);
        })?;
        let (socket, is_connected) = begin(address)?;
        if is_connected {
            return self.place(&socket, flags);
        }
        if flags.nonblocking {
            self.place(&socket, flags)?;
            return Err(Errno::INPROGRESS.into());
        }
        let socket = timeout(CONNECT_MAX, finish(socket)).await.map_err(|_| Errno::TIMEDOUT)??;
        self.place(&socket, flags)
    }

    fn connect_to_name_server(&self, flags: DescriptorFlags, around: &Surroundings) -> io::Result<()> {
        let (ours, theirs) = UnixStream::pair()?;
        around.tasks.spawn(dns::serve(ours));
        self.place(&theirs.into_std()?, flags)
    }

    fn place(&self, socket: &impl AsFd, flags: DescriptorFlags) -> io::Result<()> {
        let socket: BorrowedFd<'_> = socket.as_fd();
        rustix::io::ioctl_fionbio(socket, flags.nonblocking)?;
        self.listener.get_ref().substitute(&self.question, socket, flags)
    }
}

/// Begins to connect, without waiting. Gives whether it was done at once.
fn begin(address: SocketAddr) -> io::Result<(OwnedFd, bool)> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    // What the cell had set on its own socket is lost with it; this is what clients of databases set.
    rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => Ok((socket, true)),
        Err(Errno::INPROGRESS) => Ok((socket, false)),
        Err(error) => Err(error.into()),
    }
}

async fn finish(socket: OwnedFd) -> io::Result<OwnedFd> {
    let socket = watched(socket, Interest::WRITABLE)?;
    socket.writable().await?.retain_ready();
    rustix::net::sockopt::socket_error(socket.get_ref())??;
    Ok(socket.into_inner())
}

#[expect(deprecated, reason = "its fault lies in types that do not own their descriptor, as both here do")]
fn watched<T: AsRawFd>(descriptor: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(descriptor, interest)
}

fn number_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::ACCESS.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::Forks;

    #[test]
    fn each_order_is_one_fork() {
        let forks = Forks::new(1);
        assert!(!forks.take(7));
        forks.expect(7);
        forks.expect(7);
        assert_eq!([7, 8, 7, 7].map(|template| forks.take(template)), [true, false, true, false]);
        forks.expect(7);
        forks.forget(7);
        assert!(!forks.take(7));
    }
}
