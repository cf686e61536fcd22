//! Lifecycle rules: which objects of a bucket end by themselves, and which uploads. In JSON they are as Cloudflare's API
//! has them.

use serde::{Deserialize, Serialize};

use crate::d1::point_in_time;

/// The most rules of a bucket, as on Cloudflare.
pub const RULES_MAX: usize = 1000;
/// The longest name of a rule, in bytes.
const ID_MAX_BYTES: usize = 255;

/// One rule of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LifecycleRule {
    /// Its name, which the bucket's others do not have.
    pub id: String,
    /// Whether it holds.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What it is about.
    #[serde(default)]
    pub conditions: RuleConditions,
    /// When objects end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_objects_transition: Option<Transition>,
    /// When uploads that were not completed end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_multipart_uploads_transition: Option<Transition>,
}

/// Which objects and uploads a rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConditions {
    /// What their keys begin with.
    #[serde(default)]
    pub prefix: String,
}

/// What a rule does, once something holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// What is to hold.
    pub condition: TransitionCondition,
}

/// When a rule does something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum TransitionCondition {
    /// So long after the object was stored, or the upload begun.
    Age {
        /// In seconds.
        #[serde(rename = "maxAge")]
        max_age: u32,
    },
    /// At a time, whatever the object's age.
    Date {
        /// In ISO 8601.
        date: String,
    },
}

impl TransitionCondition {
    /// The latest time, in seconds since the epoch, from which things have come to their end at `now_s`.
    pub(super) fn until_s(&self, now_s: i64) -> Option<i64> {
        match self {
            Self::Age { max_age } => Some(now_s - i64::from(*max_age)),
            Self::Date { date } => point_in_time(date).filter(|date_s| *date_s <= now_s).map(|_| now_s),
        }
    }
}

fn yes() -> bool {
    true
}

/// What is wrong with a bucket's rules, where something is.
pub fn check(rules: &[LifecycleRule]) -> Result<(), String> {
    if rules.len() > RULES_MAX {
        return Err(format!("a bucket has at most {RULES_MAX} rules"));
    }
    for (index, rule) in rules.iter().enumerate() {
        let id = &rule.id;
        if id.is_empty() || id.len() > ID_MAX_BYTES {
            return Err(format!("a rule's id has 1 to {ID_MAX_BYTES} bytes"));
        }
        if rules[..index].iter().any(|other| other.id == *id) {
            return Err(format!("two rules have the id `{id}`"));
        }
        let transitions = [&rule.delete_objects_transition, &rule.abort_multipart_uploads_transition];
        if transitions.iter().all(|transition| transition.is_none()) {
            return Err(format!("the rule `{id}` does nothing"));
        }
        for transition in transitions.into_iter().flatten() {
            if let TransitionCondition::Date { date } = &transition.condition
                && point_in_time(date).is_none()
            {
                return Err(format!("`{date}` in the rule `{id}` is no date like 2027-01-31"));
            }
        }
    }
    Ok(())
}
