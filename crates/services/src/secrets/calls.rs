//! The call a cell makes on a secret of a Secrets Store.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Scope, Vault};
use crate::{Answer, Call, CallError, Failure, Pending, Service};

/// A secret of a store as a binding.
pub struct SecretService {
    vault: Arc<Vault>,
    store: String,
    name: String,
}

impl SecretService {
    /// Serves the secret of that name in the store of that id.
    pub fn new(vault: Arc<Vault>, store: String, name: String) -> Self {
        Self { vault, store, name }
    }

    fn get(&self) -> Result<Answer, CallError> {
        let failed = |message: String, cause| {
            CallError::Failed(Failure { name: Cow::Borrowed("Error"), message, retryable: false, cause })
        };
        match self.vault.get(Scope::Store(&self.store), &self.name) {
            Ok(Some(value)) => Ok(Answer::of(&serde_json::Value::String(value).to_string())),
            Ok(None) => Err(failed(format!("Secret \"{}\" not found", self.name), None)),
            Err(error) => {
                Err(failed(format!("Failed to get secret \"{}\"", self.name), Some(error.to_string())))
            }
        }
    }
}

impl Service for SecretService {
    fn call(&self, call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        Pending::Ready(match call.method {
            "get" => self.get(),
            unknown => Err(CallError::unknown_method("a secret", unknown)),
        })
    }
}
