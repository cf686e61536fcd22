//! Waiting for descriptors and for other threads. The kernel objects are made when first needed, so that a zygote has
//! none, and made afresh in a forked child.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::{Rc, Weak};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pyo3::Python;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use super::Callback;

/// The token of the descriptor through which other threads wake the loop.
const MESSAGES: u64 = 0;
/// How many events one wait takes.
const EVENTS_PER_WAIT: usize = 64;

/// What a watch waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Readable, or the other end has gone.
    pub read: bool,
    /// Writable.
    pub write: bool,
    /// Whether the loop may end although this is watched.
    pub background: bool,
}

impl Interest {
    /// Waits for something to read.
    pub const READ: Self = Self { read: true, write: false, background: false };
    /// Waits for room to write.
    pub const WRITE: Self = Self { read: false, write: true, background: false };

    /// The same, without keeping the loop from ending.
    #[must_use]
    pub const fn background(self) -> Self {
        Self { background: true, ..self }
    }

    fn flags(self) -> EventFlags {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN | EventFlags::RDHUP, self.read);
        flags.set(EventFlags::OUT, self.write);
        flags
    }
}

/// What a descriptor is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// There is something to read, or the other end has gone.
    pub read: bool,
    /// There is room to write, or the other end has gone.
    pub write: bool,
}

type Action = Rc<dyn Fn(Python<'_>, Readiness)>;

/// Something happened on a watched descriptor.
pub(super) struct Event {
    pub(super) action: Action,
    pub(super) readiness: Readiness,
}

struct Entry {
    descriptor: RawFd,
    interest: Interest,
    action: Action,
}

#[derive(Default)]
struct State {
    epoll: RefCell<Option<OwnedFd>>,
    watches: RefCell<HashMap<u64, Entry>>,
    last_token: Cell<u64>,
}

#[derive(Default)]
pub(super) struct Poller {
    state: Rc<State>,
}

/// What other threads send: callbacks, and the descriptor that wakes the loop for them.
static MESSAGES_IN: Mutex<Messages> = Mutex::new(Messages { callbacks: Vec::new(), wake: None });

struct Messages {
    callbacks: Vec<Callback>,
    wake: Option<OwnedFd>,
}

impl Messages {
    fn wake(&self) {
        if let Some(wake) = &self.wake {
            // A full counter wakes as well as one more would.
            let _ = rustix::io::write(wake, &1_u64.to_ne_bytes());
        }
    }
}

static IS_WAITING: AtomicBool = AtomicBool::new(false);

/// Hands a callback to the loop's thread, from any thread.
pub(super) fn send(callback: Callback) {
    let mut messages = messages();
    messages.callbacks.push(callback);
    messages.wake();
}

/// Ends the loop's wait, from any thread.
pub(crate) fn wake() {
    messages().wake();
}

/// Whether the loop's thread waits in the loop, where [`wake`] reaches it.
pub(crate) fn is_waiting() -> bool {
    IS_WAITING.load(Ordering::Relaxed)
}

/// Whether other threads have sent something.
pub(super) fn has_messages() -> bool {
    !messages().callbacks.is_empty()
}

/// Takes what other threads have sent.
pub(super) fn take_messages() -> Vec<Callback> {
    std::mem::take(&mut messages().callbacks)
}

fn messages() -> std::sync::MutexGuard<'static, Messages> {
    MESSAGES_IN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Poller {
    pub(super) fn watch(&self, descriptor: RawFd, interest: Interest, action: Action) -> io::Result<Watch> {
        let token = self.state.last_token.get() + 1;
        self.state.last_token.set(token);
        self.state.with_epoll(|epoll| {
            // SAFETY: the caller owns the descriptor and keeps it open as long as the watch.
            let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
            epoll::add(epoll, descriptor, EventData::new_u64(token), interest.flags())
        })?;
        self.state.watches.borrow_mut().insert(token, Entry { descriptor, interest, action });
        Ok(Watch { token, state: Rc::downgrade(&self.state) })
    }

    /// Whether nothing is watched that keeps the loop going.
    pub(super) fn is_empty(&self) -> bool {
        self.state.watches.borrow().values().all(|entry| entry.interest.background)
    }

    /// Waits at most `timeout` (`None`: for ever) and gives what happened.
    pub(super) fn wait(&self, py: Python<'_>, timeout: Option<Duration>) -> io::Result<Vec<Event>> {
        let timeout =
            timeout.map(|time| Timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos().into() });
        let events = self.state.with_epoll(|epoll| {
            let epoll = epoll.as_fd();
            if timeout.as_ref().is_some_and(|time| time.tv_sec == 0 && time.tv_nsec == 0) {
                return events(epoll, timeout.as_ref());
            }
            // Other Python threads run while this one waits.
            IS_WAITING.store(true, Ordering::Relaxed);
            let events = py.detach(|| events(epoll, timeout.as_ref()));
            IS_WAITING.store(false, Ordering::Relaxed);
            events
        });
        match events {
            Ok(events) => {
                Ok(events.into_iter().filter_map(|(token, flags)| self.event(token, flags)).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn event(&self, token: u64, flags: EventFlags) -> Option<Event> {
        if token == MESSAGES {
            clear_wake();
            return None;
        }
        let gone = flags.intersects(EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP);
        let readiness = Readiness {
            read: gone || flags.contains(EventFlags::IN),
            write: gone || flags.contains(EventFlags::OUT),
        };
        let action = Rc::clone(&self.state.watches.borrow().get(&token)?.action);
        Some(Event { action, readiness })
    }

    pub(super) fn rest(&self) {
        if self.state.watches.borrow().is_empty() {
            self.state.epoll.replace(None);
            messages().wake = None;
        }
    }

    pub(super) fn after_fork(&self) {
        self.state.epoll.replace(None);
        self.state.watches.borrow_mut().clear();
        let mut messages = messages();
        messages.callbacks.clear();
        messages.wake = None;
    }
}

/// What happened, as pairs of token and flags.
fn events(epoll: BorrowedFd<'_>, timeout: Option<&Timespec>) -> rustix::io::Result<Vec<(u64, EventFlags)>> {
    let mut events =
        [epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; EVENTS_PER_WAIT];
    let count = epoll::wait(epoll, &mut events[..], timeout)?;
    Ok(events[..count].iter().map(|event| (event.data.u64(), event.flags)).collect())
}

fn clear_wake() {
    if let Some(wake) = &messages().wake {
        // Nothing to read means that it is clear already.
        let _ = rustix::io::read(wake, &mut [0_u8; 8]);
    }
}

impl State {
    fn with_epoll<T>(&self, use_it: impl FnOnce(&OwnedFd) -> rustix::io::Result<T>) -> io::Result<T> {
        let mut slot = self.epoll.borrow_mut();
        if slot.is_none() {
            *slot = Some(make_epoll()?);
        }
        Ok(use_it(slot.as_ref().expect("invariant: just filled"))?)
    }
}

/// Makes the kernel's set, with the descriptor through which other threads wake the loop in it.
fn make_epoll() -> io::Result<OwnedFd> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut messages = messages();
    // What was sent before there was anything to wake counts at once.
    let pending = u32::from(!messages.callbacks.is_empty());
    let wake = eventfd(pending, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    epoll::add(&epoll, &wake, EventData::new_u64(MESSAGES), EventFlags::IN)?;
    messages.wake = Some(wake);
    Ok(epoll)
}

/// Keeps a descriptor watched until it drops. Drop it before the descriptor is closed.
#[derive(Debug)]
pub struct Watch {
    token: u64,
    state: Weak<State>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("State").field("watches", &self.watches.borrow().len()).finish_non_exhaustive()
    }
}

impl Watch {
    /// Waits for something else from now on.
    pub fn set_interest(&self, interest: Interest) -> io::Result<()> {
        let Some(state) = self.state.upgrade() else { return Ok(()) };
        let mut watches = state.watches.borrow_mut();
        let Some(entry) = watches.get_mut(&self.token) else { return Ok(()) };
        if entry.interest != interest {
            entry.interest = interest;
            // SAFETY: as in `Poller::watch`.
            let descriptor = unsafe { BorrowedFd::borrow_raw(entry.descriptor) };
            let data = EventData::new_u64(self.token);
            state.with_epoll(|epoll| epoll::modify(epoll, descriptor, data, interest.flags()))?;
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(state) = self.state.upgrade() else { return };
        let Some(entry) = state.watches.borrow_mut().remove(&self.token) else { return };
        // SAFETY: as in `Poller::watch`.
        let descriptor = unsafe { BorrowedFd::borrow_raw(entry.descriptor) };
        // A descriptor closed too early has left the kernel's set by itself.
        let _ = state.with_epoll(|epoll| epoll::delete(epoll, descriptor));
    }
}
