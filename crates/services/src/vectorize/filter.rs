//! Filters: conditions on indexed metadata, all of which must hold.
//!
//! A filter says nothing of vectors; an engine evaluates its [`Test`]s over its metadata indexes. A vector that lacks
//! the property fails every test but `$ne` and `$nin` (Cloudflare does not say what these do; so do MongoDB's).

use serde_json::Value;

use super::{Scalar, VectorizeError, limits};

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter(pub Vec<Condition>);

/// A condition on one property.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The path to it, keys joined by dots.
    pub property: String,
    /// What its value must be.
    pub test: Test,
}

/// What a value must be. `None` among the values stands for the property's absence.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// One of these.
    In(Vec<Option<Scalar>>),
    /// None of these.
    NotIn(Vec<Option<Scalar>>),
    /// Of the bounds' type and between them.
    Range {
        /// The lower bound, and whether it is itself within.
        from: Option<(Scalar, bool)>,
        /// The upper bound, and whether it is itself within.
        to: Option<(Scalar, bool)>,
    },
}

impl Filter {
    /// Reads a filter's JSON.
    pub fn parse(text: &str) -> Result<Self, VectorizeError> {
        let value: Value = serde_json::from_str(text).map_err(|error| bad(&error.to_string()))?;
        let Value::Object(fields) = &value else { return Err(bad("expected an object")) };
        if fields.is_empty() {
            return Err(bad("it must not be empty"));
        }
        let size = value.to_string().len();
        if size >= limits::FILTER_BYTES {
            let limit = limits::FILTER_BYTES;
            return Err(bad(&format!("its JSON has {size} bytes; it must have less than {limit}")));
        }
        let conditions = fields.iter().map(|(key, test)| {
            check_key(key)?;
            Ok(Condition { property: key.clone(), test: read_test(key, test)? })
        });
        Ok(Self(conditions.collect::<Result<_, VectorizeError>>()?))
    }
}

fn bad(why: &str) -> VectorizeError {
    VectorizeError::refused(40026, format!("Failed to parse the request body as JSON: filter: {why}"))
}

fn check_key(key: &str) -> Result<(), VectorizeError> {
    let within = key.chars().count() <= limits::FILTER_KEY_MAX;
    if within && !key.is_empty() && !key.contains(['"', '|']) && !key.starts_with('$') {
        return Ok(());
    }
    let limit = limits::FILTER_KEY_MAX;
    Err(bad(&format!(
        "invalid key {key:?}: keys have 1 to {limit} characters, do not start with '$', and contain no '\"' or '|'"
    )))
}

fn read_test(key: &str, test: &Value) -> Result<Test, VectorizeError> {
    let Value::Object(operators) = test else { return Ok(Test::In(vec![scalar(key, test)?])) };
    let mut operators = operators.iter();
    match (operators.next(), operators.next(), operators.next()) {
        (Some((operator, value)), None, _) => one_operator(key, operator, value),
        (Some(first), Some(second), None) => two_bounds(key, first, second),
        _ => Err(bad(&format!("{key:?} takes one operator, or a lower and an upper bound"))),
    }
}

fn one_operator(key: &str, operator: &str, value: &Value) -> Result<Test, VectorizeError> {
    match operator {
        "$eq" => Ok(Test::In(vec![scalar(key, value)?])),
        "$ne" => Ok(Test::NotIn(vec![scalar(key, value)?])),
        "$in" => Ok(Test::In(list(key, operator, value)?)),
        "$nin" => Ok(Test::NotIn(list(key, operator, value)?)),
        _ => match bound(key, operator, value)? {
            Bound::Lower(scalar, closed) => Ok(Test::Range { from: Some((scalar, closed)), to: None }),
            Bound::Upper(scalar, closed) => Ok(Test::Range { from: None, to: Some((scalar, closed)) }),
        },
    }
}

fn two_bounds(
    key: &str,
    first: (&String, &Value),
    second: (&String, &Value),
) -> Result<Test, VectorizeError> {
    let bounds = (bound(key, first.0, first.1)?, bound(key, second.0, second.1)?);
    let (from, to) = match bounds {
        (Bound::Lower(low, low_closed), Bound::Upper(high, high_closed))
        | (Bound::Upper(high, high_closed), Bound::Lower(low, low_closed)) => {
            ((low, low_closed), (high, high_closed))
        }
        _ => return Err(bad(&format!("{key:?} takes one operator, or a lower and an upper bound"))),
    };
    if from.0.kind() != to.0.kind() {
        return Err(bad(&format!("the bounds of {key:?} are of two types")));
    }
    Ok(Test::Range { from: Some(from), to: Some(to) })
}

enum Bound {
    Lower(Scalar, bool),
    Upper(Scalar, bool),
}

fn bound(key: &str, operator: &str, value: &Value) -> Result<Bound, VectorizeError> {
    let make: fn(Scalar) -> Bound = match operator {
        "$gt" => |scalar| Bound::Lower(scalar, false),
        "$gte" => |scalar| Bound::Lower(scalar, true),
        "$lt" => |scalar| Bound::Upper(scalar, false),
        "$lte" => |scalar| Bound::Upper(scalar, true),
        "$eq" | "$ne" | "$in" | "$nin" => {
            return Err(bad(&format!("{operator} of {key:?} cannot be combined with another operator")));
        }
        _ => {
            let known = "$eq, $ne, $in, $nin, $lt, $lte, $gt or $gte";
            return Err(bad(&format!("unknown operator {operator:?} of {key:?}; expected {known}")));
        }
    };
    match Scalar::of(value) {
        Some(scalar @ (Scalar::String(_) | Scalar::Number(_))) => Ok(make(scalar)),
        _ => Err(bad(&format!("{operator} of {key:?} takes a string or a number"))),
    }
}

fn list(key: &str, operator: &str, value: &Value) -> Result<Vec<Option<Scalar>>, VectorizeError> {
    let Value::Array(items) = value else {
        return Err(bad(&format!("{operator} of {key:?} takes an array")));
    };
    items.iter().map(|item| scalar(key, item)).collect()
}

fn scalar(key: &str, value: &Value) -> Result<Option<Scalar>, VectorizeError> {
    if value.is_null() {
        return Ok(None);
    }
    let read = Scalar::of(value).map(Some);
    read.ok_or_else(|| bad(&format!("{key:?} is compared with strings, numbers, booleans and null only")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_of(text: &str) -> Test {
        Filter::parse(text).unwrap().0.remove(0).test
    }

    fn number(value: f64) -> Scalar {
        Scalar::Number(value)
    }

    #[test]
    fn every_operator_is_read() {
        assert_eq!(test_of(r#"{"a": 1}"#), Test::In(vec![Some(number(1.0))]));
        assert_eq!(test_of(r#"{"a": null}"#), Test::In(vec![None]));
        assert_eq!(test_of(r#"{"a": {"$eq": true}}"#), Test::In(vec![Some(Scalar::Boolean(true))]));
        assert_eq!(test_of(r#"{"a": {"$ne": 1}}"#), Test::NotIn(vec![Some(number(1.0))]));
        assert_eq!(test_of(r#"{"a": {"$in": [1, null]}}"#), Test::In(vec![Some(number(1.0)), None]));
        assert_eq!(
            test_of(r#"{"a": {"$nin": [1, 2]}}"#),
            Test::NotIn(vec![Some(number(1.0)), Some(number(2.0))])
        );
        let bound = |value, closed| Some((Scalar::Number(value), closed));
        assert_eq!(test_of(r#"{"a": {"$lt": 1}}"#), Test::Range { from: None, to: bound(1.0, false) });
        assert_eq!(test_of(r#"{"a": {"$lte": 1}}"#), Test::Range { from: None, to: bound(1.0, true) });
        assert_eq!(test_of(r#"{"a": {"$gt": 1}}"#), Test::Range { from: bound(1.0, false), to: None });
        let both = Test::Range { from: bound(1.0, true), to: bound(2.0, false) };
        assert_eq!(test_of(r#"{"a": {"$gte": 1, "$lt": 2}}"#), both);
        assert_eq!(test_of(r#"{"a": {"$lt": 2, "$gte": 1}}"#), both);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "{}",
            "[]",
            "{",
            r#"{"": 1}"#,
            r#"{"$a": 1}"#,
            r#"{"a|b": 1}"#,
            r#"{"a\"b": 1}"#,
            r#"{"a": {}}"#,
            r#"{"a": {"b": 1}}"#,
            r#"{"a": [1]}"#,
            r#"{"a": {"$in": 1}}"#,
            r#"{"a": {"$in": [[1]]}}"#,
            r#"{"a": {"$lt": true}}"#,
            r#"{"a": {"$lt": null}}"#,
            r#"{"a": {"$lt": 1, "$lte": 2}}"#,
            r#"{"a": {"$eq": 1, "$lte": 2}}"#,
            r#"{"a": {"$gt": 1, "$lt": "x"}}"#,
            r#"{"a": {"$gt": 1, "$lt": 3, "$gte": 2}}"#,
        ] {
            let refused = Filter::parse(text).unwrap_err();
            assert!(matches!(refused, VectorizeError::Refused { code: 40026, .. }), "{text}");
        }
    }

    #[test]
    fn a_filter_has_a_largest_size_and_its_keys_a_longest() {
        let sized = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
        assert!(Filter::parse(&sized(2047)).is_ok());
        assert!(Filter::parse(&sized(2048)).is_err());
        let keyed = |length: usize| format!("{{\"{}\":1}}", "ä".repeat(length));
        assert!(Filter::parse(&keyed(512)).is_ok());
        assert!(Filter::parse(&keyed(513)).is_err());
    }
}
