//! `hognose dev` and `hognose serve`: from folders to Workers that answer, until a signal says stop.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hognose_supervisor::{ReplaceError, Server};
use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::access_log::AccessLog;
use crate::admin::{About, Admin, Listening, Order, local_service};
use crate::cli::ServerArguments;
use crate::console::Console;
use crate::error::CommandError;
use crate::events;
use crate::hotkeys::{self, Hotkeys};
use crate::interpreter::Interpreter;
use crate::project::Project;
use crate::session::{DRAIN_MAX, EVENTS_WAITING_MAX, Mode, Session};
use crate::signals::StopSignals;
use crate::watch::Watch;
use crate::{address, banner, debugger, open_files, orders};

/// How long the last events may take to be shown.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// Orders that may wait for the one that is carried out.
const ORDERS_WAITING_MAX: usize = 16;

/// What a server offers beside its Workers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offers {
    /// The port of the dashboard, the API and the metrics.
    pub(crate) admin_port: Option<u16>,
    /// Pages in a browser reload when their Worker does.
    pub(crate) live_reload: bool,
    /// Keys on its terminal.
    pub(crate) hotkeys: bool,
    /// The port where an editor listens for what it debugs.
    pub(crate) inspect: Option<u16>,
    /// Forgetting all data when told to.
    pub(crate) anew: bool,
}

/// Serves the Workers of `directories`, or of the configurations that `options` name, until a signal comes.
pub(crate) fn serve(
    mode: Mode,
    directories: &[PathBuf],
    options: &ServerArguments,
    offers: Offers,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    open_files::raise_limit();
    let console = console.with_format(options.log_format);
    let access_log = options.access_log.as_deref().map(AccessLog::open).transpose()?;
    let (session, projects) = Session::open(mode, directories, options, interpreter, console)?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(CommandError::Runtime)?.block_on(run(&session, projects, access_log, offers))
}

async fn run(
    session: &Session<'_>,
    projects: Vec<Project>,
    access_log: Option<AccessLog>,
    offers: Offers,
) -> Result<(), CommandError> {
    let mut stop = StopSignals::listen()?;
    let is_watched = session.mode == Mode::Dev;
    let watched = projects.iter().filter(|_| is_watched).map(|project| Watch::begin(project.watched.clone()));
    let watches = watched.collect::<Result<Vec<_>, _>>()?;
    let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
    let mut options = session.server_options(&projects, sender)?;
    let has_keys = offers.hotkeys && !session.console.is_json();
    let mut hotkeys = if has_keys { Hotkeys::listen().await? } else { None };
    if let Some(hotkeys) = &hotkeys {
        options.cell.env.push(hotkeys.variable()?);
    }
    if let Some(port) = offers.inspect {
        options.cell.env.push(debugger::editor(port));
        // What is not debugged would serve while the other waits for the editor.
        options.pool.isolates_max = 1;
    }
    let protocol = if options.tls.is_some() { "https" } else { "http" };
    let server = Server::start(options).await?;
    let url = address::url(protocol, server.local_addr());
    let (admin, orders) = admin(session, &server, &url, offers);
    let listening = Listening::begin(&admin, session.state.path(), offers.admin_port).await?;
    if is_watched {
        server.serve_locally(local_service(&admin, offers.live_reload));
    }
    session.console.banner(&banner::rows(&projects, session.interpreter, &session.lock));
    if let Some(url) = &listening.url {
        session.console.note(&format!("Dashboard on {url}"));
    }
    session.console.ready(&url);
    if projects.is_empty() {
        session.console.note(&nothing_to_serve(session.state.path()));
    }
    if hotkeys.is_some() {
        session.console.note(hotkeys::HINT);
    }
    let ended = CancellationToken::new();
    let several = projects.len() > 1;
    let shown = tokio::spawn(events::show(events, ended.clone(), several, access_log, session.console));
    let traced = session
        .telemetry()
        .map(|telemetry| tokio::spawn(telemetry.send_all(server.monitor().follow(), ended.clone())));
    let served = tokio::select! {
        () = stop.next() => Ok(()),
        () = act_on(hotkeys.as_mut(), &url, session.console) => Ok(()),
        Err(failed) = follow_all(session, &server, watches, &admin) => Err(failed),
        () = orders::carry_out(session, &server, orders) => Ok(()),
    };
    session.console.note("Stopping");
    admin.stop.cancel();
    // The API goes first: an order that came now could not be carried out any more.
    listening.end().await;
    // Dropped rather than shut down, the server's cells end with their sockets.
    tokio::select! {
        () = server.shutdown(DRAIN_MAX) => {}
        () = stop.next() => {}
    }
    ended.cancel();
    let _all_of_them = timeout(LAST_WORDS_MAX, shown).await;
    if let Some(traced) = traced {
        let _all_of_them = timeout(LAST_WORDS_MAX, traced).await;
    }
    served
}

/// What a server says that has no Worker yet.
fn nothing_to_serve(state: &Path) -> String {
    let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    format!(
        "No Worker is deployed here yet: in a project's folder, `hognose deploy --persist-to {}` deploys one; or name \
         folders to serve from: `hognose serve .`",
        state.display()
    )
}

/// Acts on keys until one says to end; without a terminal, for ever.
async fn act_on(hotkeys: Option<&mut Hotkeys>, url: &str, console: Console) {
    match hotkeys {
        Some(hotkeys) => hotkeys.act(url, console).await,
        None => std::future::pending().await,
    }
}

/// What the API looks at, and where the orders given to it come out.
fn admin(
    session: &Session<'_>,
    server: &Server,
    url: &str,
    offers: Offers,
) -> (Arc<Admin>, mpsc::Receiver<Order>) {
    let (sender, orders) = mpsc::channel(ORDERS_WAITING_MAX);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        mode: if session.mode == Mode::Dev { "dev" } else { "serve" },
        url: url.to_owned(),
        python: session.interpreter.version(),
        pid: std::process::id(),
        started_ms: since.as_millis() as u64,
    };
    let admin = Admin {
        about,
        monitor: server.monitor(),
        engines: session.engines.clone(),
        catalog: Arc::clone(&session.catalog),
        deployments: session.deployments.clone(),
        orders: sender,
        reloads: watch::Sender::new(since.as_millis() as u64),
        may_begin_anew: offers.anew,
        stop: CancellationToken::new(),
    };
    (Arc::new(admin), orders)
}

/// Reloads each Worker at each of its changes; ends where one can no longer be watched.
async fn follow_all(
    session: &Session<'_>,
    server: &Server,
    mut watches: Vec<Watch>,
    admin: &Admin,
) -> Result<(), CommandError> {
    let followed = watches.iter_mut().enumerate();
    let mut followed: Vec<Pin<Box<_>>> =
        followed.map(|(index, watch)| Box::pin(follow(session, server, index, watch, admin))).collect();
    // Without any Worker to watch this never ends.
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
    admin: &Admin,
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
            Ok(project) => {
                admin.reloads.send_modify(|newest| *newest += 1);
                watch.follow(project.watched)?;
            }
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
