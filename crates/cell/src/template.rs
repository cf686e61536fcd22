//! Templates: cells that others are forked from. The *base* starts both engines and makes the packages importable; a
//! fork of it has imported the *packages* that a Worker begins with, where it begins with any; a *zygote*, forked from
//! either, has run a Worker's top-level code; *isolates* are forked from the zygote and serve.
//!
//! A template has one thread, and its event loop does not turn: it waits for orders, forks, and waits again. A zygote
//! that its Worker's top-level code left with something that two processes cannot share becomes an isolate instead.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use hognose_wire::control::{LoadFailure, Loaded, Order, Report, Role, Script, Worker};
use hognose_wire::limits;
use pyo3::prelude::*;

use crate::cell::{Cell, Stage};
use crate::control::Control;
use crate::process::{self, Fork};
use crate::{base, isolate, packages, script, zygote};

/// The control socket, which output goes through as well.
type SharedControl = Rc<RefCell<Control>>;

/// Runs a base from its first order to its end; forks never return from here either.
pub(crate) fn run_base(py: Python<'_>) -> ! {
    let control = Rc::new(RefCell::new(Control::new(process::control_socket())));
    let order = control.borrow_mut().receive();
    let boot = match order {
        Ok(Some(Order::Boot(boot))) => boot,
        Ok(Some(_)) => fail(&control, failure("a base was given another order before it was told to boot")),
        Ok(None) => process::exit(0),
        Err(error) => fail(&control, failure(&format!("the control socket broke: {error}"))),
    };
    match base::boot(py, &boot, &control) {
        Ok(cell) => {
            ready(&control, Loaded::default());
            fork_on_order(py, &cell, &control)
        }
        Err(error) => fail(&control, base::describe(py, &error)),
    }
}

/// Forks on order, for ever.
fn fork_on_order(py: Python<'_>, cell: &Rc<Cell>, control: &SharedControl) -> ! {
    process::ignore_children();
    loop {
        let order = control.borrow_mut().receive();
        let descriptors = control.borrow_mut().take_descriptors();
        let role = match order {
            Ok(Some(Order::Fork(role))) => role,
            Ok(Some(Order::Run(script))) => run_script(py, cell, script, descriptors),
            Ok(Some(Order::Boot(_))) => fail(control, failure("a base was told to boot twice")),
            Ok(None) | Err(_) => process::exit(0),
        };
        let report = match process::fork(py) {
            Ok(Fork::Child) => {
                process::notice_children();
                become_role(py, cell, role, descriptors)
            }
            Ok(Fork::Parent(pid)) => Report::Forked { pid },
            Err(error) => Report::ForkFailed { message: error.to_string() },
        };
        if control.borrow_mut().send(&report).is_err() {
            process::exit(0);
        }
    }
}

fn run_script(py: Python<'_>, cell: &Rc<Cell>, script: Script, descriptors: Vec<OwnedFd>) -> ! {
    process::notice_children();
    match descriptors.into_iter().next() {
        Some(frames) => script::run(py, cell, script, UnixStream::from(frames)),
        None => process::exit(1),
    }
}

fn become_role(py: Python<'_>, cell: &Rc<Cell>, role: Role, descriptors: Vec<OwnedFd>) -> ! {
    let mut sockets = descriptors.into_iter().map(UnixStream::from);
    if let Err(error) = cell.after_fork(py) {
        error.print(py);
        process::exit(1);
    }
    match (role, sockets.next(), sockets.next()) {
        (Role::Packages(worker), Some(control), None) => become_packages(py, cell, &worker, control),
        (Role::Zygote(worker), Some(control), None) => become_zygote(py, cell, *worker, control),
        (Role::Isolate, Some(frames), Some(synchronous)) => isolate::run(py, cell, frames, synchronous),
        // The supervisor sees the sockets end.
        _ => process::exit(1),
    }
}

fn become_packages(py: Python<'_>, cell: &Rc<Cell>, worker: &Worker, control: UnixStream) -> ! {
    let control = become_template(cell, worker, control);
    match packages::import(py, cell, worker) {
        Ok(loaded) => {
            ready(&control, loaded);
            fork_on_order(py, cell, &control)
        }
        Err(failure) => fail(&control, failure),
    }
}

/// Leaves this process a control socket of its own, and what belongs to the Worker.
fn become_template(cell: &Rc<Cell>, worker: &Worker, control: UnixStream) -> SharedControl {
    let control = Rc::new(RefCell::new(Control::new(control)));
    // With this the parent's control socket closes.
    cell.set_stage(Stage::Template(Rc::clone(&control)));
    if let Err(error) = cell.confinement.narrow_to(worker) {
        fail(&control, failure(&format!("the Worker could not be locked: {error}")));
    }
    control
}

fn become_zygote(py: Python<'_>, cell: &Rc<Cell>, worker: Worker, control: UnixStream) -> ! {
    let control = become_template(cell, &worker, control);
    match zygote::load(py, cell, worker) {
        Ok(loaded) => {
            let forkable = loaded.unforkable.is_empty();
            ready(&control, loaded);
            if forkable { fork_on_order(py, cell, &control) } else { become_isolate(py, cell, &control) }
        }
        Err(failure) => fail(&control, failure),
    }
}

/// Takes the place of the isolate that it is ordered to fork.
fn become_isolate(py: Python<'_>, cell: &Rc<Cell>, control: &SharedControl) -> ! {
    let order = control.borrow_mut().receive();
    let mut sockets = control.borrow_mut().take_descriptors().into_iter().map(UnixStream::from);
    match (order, sockets.next(), sockets.next()) {
        (Ok(Some(Order::Fork(Role::Isolate))), Some(frames), Some(synchronous)) => {
            if control.borrow_mut().send(&Report::Became).is_err() {
                process::exit(0);
            }
            isolate::run(py, cell, frames, synchronous)
        }
        (Ok(None) | Err(_), ..) => process::exit(0),
        _ => process::exit(1),
    }
}

fn ready(control: &SharedControl, loaded: Loaded) {
    if control.borrow_mut().send(&Report::Ready(loaded)).is_err() {
        process::exit(0);
    }
}

fn failure(message: &str) -> LoadFailure {
    LoadFailure { message: message.to_owned(), ..LoadFailure::default() }
}

fn fail(control: &SharedControl, failure: LoadFailure) -> ! {
    let failure = LoadFailure {
        message: limits::cut(&failure.message, limits::ERROR_TEXT_MAX).into_owned(),
        traceback: limits::cut(&failure.traceback, limits::ERROR_TEXT_MAX).into_owned(),
        ..failure
    };
    // Where the supervisor has gone nobody is left to be told.
    let _ = control.borrow_mut().send(&Report::Failed(failure));
    process::exit(1)
}
