//! What a binding's calls reach: making, looking at and steering the instances of one workflow.

use hognose_wire::workflows as wire;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{WorkflowError, Workflows};
use crate::{Answer, Call, CallError, Content, Pending, Service, next_chunk};

/// The most bytes of one argument: a batch of instances with all their parameters.
const ARGUMENT_MAX: usize = 128 * wire::VALUE_MAX;

/// One workflow, as a binding.
pub struct WorkflowService {
    workflows: Workflows,
    name: String,
}

impl WorkflowService {
    /// Serves the workflow of that name.
    pub fn new(workflows: Workflows, name: &str) -> Self {
        Self { workflows, name: name.to_owned() }
    }
}

impl Service for WorkflowService {
    fn call(&self, mut call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        let (workflows, name, method) = (self.workflows.clone(), self.name.clone(), call.method.to_owned());
        let bodies = std::mem::take(&mut call.bodies);
        Pending::later(async move {
            let argument = Argument::read(bodies).await?;
            match method.as_str() {
                "create" => {
                    let wire::Create { instances, is_batch } = argument.parse()?;
                    Ok(answer(&workflows.create(&name, instances, is_batch).wait().await?))
                }
                "status" => {
                    let wire::ReadStatus { id } = argument.parse()?;
                    Ok(answer(&workflows.status(&name, &id)?))
                }
                "control" => {
                    let wire::Control { id, action, from } = argument.parse()?;
                    let done = match from {
                        Some(step) => workflows.restart_from(&name, &id, step),
                        None => workflows.control(&name, &id, action),
                    };
                    Ok(answer(&done.wait().await?))
                }
                "sendEvent" => {
                    let event: wire::SendEvent = argument.parse()?;
                    Ok(answer(&workflows.send_event(&name, event).wait().await?))
                }
                unknown => Err(CallError::unknown_method("a workflow", unknown)),
            }
        })
    }
}

/// A call's argument, in JSON.
pub(super) struct Argument(Vec<u8>);

impl Argument {
    pub(super) async fn read(bodies: Vec<Content>) -> Result<Self, CallError> {
        let [body] = bodies
            .try_into()
            .map_err(|_| CallError::violation("a workflow's methods take exactly one body"))?;
        let (mut stream, mut bytes) = (Content::into_stream(body), Vec::new());
        while let Some(chunk) = next_chunk(&mut *stream).await.map_err(|_| WorkflowError::Incomplete)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ARGUMENT_MAX {
                return Err(WorkflowError::TooLarge.into());
            }
        }
        Ok(Self(bytes))
    }

    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.0)
            .map_err(|error| CallError::violation(format!("a workflow's malformed argument: {error}")))
    }
}

pub(super) fn answer<T: Serialize>(result: &T) -> Answer {
    let bytes = serde_json::to_vec(result).expect("invariant: the vocabulary's types have a JSON form");
    Answer { bytes, bodies: Vec::new() }
}
