//! Carrying out what clients of the API order: the one place where a running server's Workers change, beside the reload
//! of a changed file.
//!
//! Orders are carried out one after the other. A version is noted as deployed once it has loaded and has the requests;
//! one that does not load leaves the version before it where it is.

use std::path::Path;

use hognose_supervisor::{ReplaceError, Server};
use tokio::sync::mpsc;

use crate::admin::Order;
use crate::deployments::{Deployment, Upload, UploadedVersion};
use crate::error::CommandError;
use crate::session::{DRAIN_MAX, Session};

/// Carries out orders for as long as any can come.
pub(crate) async fn carry_out(session: &Session<'_>, server: &Server, mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        // A client that has not waited has its order carried out all the same.
        match order {
            Order::Deploy(upload, reply) => drop(reply.send(deploy(session, server, &upload).await)),
            Order::Activate { worker, version, message, reply } => {
                drop(reply.send(activate(session, server, &worker, &version, &message).await));
            }
            Order::BeginAnew(reply) => drop(reply.send(begin_anew(session, server).await)),
            Order::Delete { worker, reply } => drop(reply.send(delete(session, server, &worker).await)),
        }
    }
}

async fn deploy(
    session: &Session<'_>,
    server: &Server,
    upload: &Upload,
) -> Result<(String, UploadedVersion), CommandError> {
    let (worker, code) = session.describe(upload)?;
    if !code.starts_with(upload.configuration.parent().unwrap_or(Path::new("/"))) {
        return Err(CommandError::MainOutside(code));
    }
    let version = session.deployments.add(&worker, upload)?;
    if upload.activate {
        if let Err(failed) = switch(session, server, &worker, &version).await {
            session.deployments.remove_version(&worker, &version.id)?;
            return Err(failed);
        }
        session.deployments.deployed(&worker, &version.id, &upload.message)?;
    }
    Ok((worker, version))
}

async fn activate(
    session: &Session<'_>,
    server: &Server,
    worker: &str,
    version: &str,
    message: &str,
) -> Result<Deployment, CommandError> {
    let version = session.deployments.version(worker, version)?;
    switch(session, server, worker, &version).await?;
    session.deployments.deployed(worker, &version.id, message)
}

/// Gives a version the requests; what the one before it has begun it finishes.
async fn switch(
    session: &Session<'_>,
    server: &Server,
    worker: &str,
    version: &UploadedVersion,
) -> Result<(), CommandError> {
    match server.deploy(session.deployed(worker, version)?).await {
        Ok(()) => Ok(()),
        Err(ReplaceError::Load(failure)) => {
            Err(CommandError::NotLoaded { message: failure.message, traceback: failure.traceback })
        }
        Err(ReplaceError::UnknownWorker(name)) => Err(CommandError::NotDeployed(name)),
    }
}

async fn begin_anew(session: &Session<'_>, server: &Server) -> Result<(), CommandError> {
    server.halt().await;
    session.begin_anew()?;
    for index in 0..session.worker_count() {
        let project = session.read(index)?;
        // One that does not load is told as an event.
        let _told = server.replace(session.version(index, &project)?).await;
    }
    Ok(())
}

async fn delete(session: &Session<'_>, server: &Server, worker: &str) -> Result<(), CommandError> {
    if !session.deployments.remove(worker)? {
        return Err(CommandError::NotDeployed(worker.to_owned()));
    }
    session.catalog.remove(worker);
    match server.remove(worker, DRAIN_MAX).await {
        // One that has never loaded is not there to be removed.
        Ok(()) | Err(ReplaceError::UnknownWorker(_)) => Ok(()),
        Err(ReplaceError::Load(failure)) => {
            unreachable!("invariant: removing loads nothing: {}", failure.message)
        }
    }
}
