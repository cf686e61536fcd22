//! The thread that cells are started from. A cell asks the kernel to end it with its parent, and for the kernel that is
//! the thread which started it: the runtime's may come and go, this one stays as long as the process.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A command, and where the child goes.
type Order = (Command, Sender<io::Result<Child>>);

static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();

/// Starts a process whose parent lives as long as this process does.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let orders = match SPAWNER.get() {
        Some(orders) => orders,
        None => start()?,
    };
    let (sender, started) = channel();
    let gone = |_| io::Error::other("the thread that starts cells has ended");
    orders.send((command, sender)).map_err(|error| gone(error.to_string()))?;
    started.recv().map_err(|error| gone(error.to_string()))?
}

fn start() -> io::Result<&'static Sender<Order>> {
    let (sender, orders) = channel();
    thread::Builder::new().name("spawner".into()).spawn(move || serve(&orders))?;
    // Where another thread was quicker, its spawner stays and this one ends with its channel.
    Ok(SPAWNER.get_or_init(|| sender))
}

fn serve(orders: &Receiver<Order>) {
    while let Ok((mut command, sender)) = orders.recv() {
        // Whoever gave up waiting has nobody to tell.
        let _gave_up = sender.send(command.spawn());
    }
}
