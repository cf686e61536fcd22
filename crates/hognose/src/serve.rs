//! `hognose dev` and `hognose serve`: from folders to Workers that answer, until a signal says stop.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use hognose_supervisor::{ReplaceError, Server};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cli::ServerArguments;
use crate::console::Console;
use crate::error::CommandError;
use crate::events;
use crate::interpreter::Interpreter;
use crate::project::Project;
use crate::session::{DRAIN_MAX, EVENTS_WAITING_MAX, Mode, Session};
use crate::signals::StopSignals;
use crate::watch::Watch;
use crate::{address, banner};

/// How long the last events may take to be shown.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// Serves the Workers of `directories`, or of the configurations that `options` name, until a signal comes.
pub(crate) fn serve(
    mode: Mode,
    directories: &[PathBuf],
    options: &ServerArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    let (session, projects) = Session::open(mode, directories, options, interpreter, console)?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(CommandError::Runtime)?.block_on(run(&session, projects))
}

async fn run(session: &Session<'_>, projects: Vec<Project>) -> Result<(), CommandError> {
    let mut stop = StopSignals::listen()?;
    let is_watched = session.mode == Mode::Dev;
    let watched = projects.iter().filter(|_| is_watched).map(|project| Watch::begin(project.watched.clone()));
    let watches = watched.collect::<Result<Vec<_>, _>>()?;
    let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
    let server = Server::start(session.server_options(&projects, sender)?).await?;
    session.console.banner(&banner::rows(&projects, session.interpreter));
    session.console.ready(&address::url(server.local_addr()));
    let shown = tokio::spawn(events::show(events, projects.len() > 1, session.console));
    let served = tokio::select! {
        () = stop.next() => Ok(()),
        Err(failed) = follow_all(session, &server, watches) => Err(failed),
    };
    session.console.note("Stopping");
    // Dropped rather than shut down, the server's cells end with their sockets.
    tokio::select! {
        () = server.shutdown(DRAIN_MAX) => {}
        () = stop.next() => {}
    }
    let _all_of_them = timeout(LAST_WORDS_MAX, shown).await;
    served
}

/// Reloads each Worker at each of its changes; ends where one can no longer be watched.
async fn follow_all(
    session: &Session<'_>,
    server: &Server,
    mut watches: Vec<Watch>,
) -> Result<(), CommandError> {
    let followed = watches.iter_mut().enumerate();
    let mut followed: Vec<Pin<Box<_>>> =
        followed.map(|(index, watch)| Box::pin(follow(session, server, index, watch))).collect();
    poll_fn(|context| {
        let ended = followed.iter_mut().find_map(|one| match one.as_mut().poll(context) {
            Poll::Ready(ended) => Some(ended),
            Poll::Pending => None,
        });
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Reloads one Worker at each change. A change during a reload begins another: what is being loaded is out of date.
async fn follow(
    session: &Session<'_>,
    server: &Server,
    index: usize,
    watch: &mut Watch,
) -> Result<(), CommandError> {
    watch.changed().await?;
    loop {
        let reloaded = tokio::select! {
            reloaded = reload(session, server, index) => reloaded,
            changed = watch.changed() => {
                changed?;
                continue;
            }
        };
        match reloaded {
            Ok(project) => watch.follow(project.watched)?,
            Err(error) => session.console.failure(&error),
        }
        watch.changed().await?;
    }
}

/// Reads a project again and hands its new version to the server, which drops no request. What is wrong with it leaves
/// the old version serving.
async fn reload(session: &Session<'_>, server: &Server, index: usize) -> Result<Project, CommandError> {
    let project = session.read(index)?;
    match server.replace(session.version(index, &project)?).await {
        Err(ReplaceError::UnknownWorker(name)) => Err(CommandError::Renamed(name)),
        // A version that does not load is told as an event.
        Ok(()) | Err(ReplaceError::Load(_)) => Ok(project),
    }
}
