//! Workflows: instances whose finished steps are kept, so that however often one is begun again it goes on where it was.
//!
//! [`Workflows`] is the file with all instances. [`WorkflowService`] is what a binding's calls reach, [`WorkflowRuns`]
//! what a run asks while it goes on. Which instance is to run when, [`WorkflowRuns`] says too; that it does, is the
//! supervisor's business.

mod binding;
mod error;
mod instances;
mod runs;
mod steps;
mod store;

pub use binding::WorkflowService;
pub use error::WorkflowError;
pub use runs::WorkflowRuns;
pub use store::{InstanceRow, StepRow, Workflows};
