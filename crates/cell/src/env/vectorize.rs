//! Vectorize indexes: the natives under `js/vectorize.js`.

use std::borrow::Cow;
use std::rc::Rc;

use hognose_engine::{Context, Result, Thrown, Value};
use hognose_wire::vectorize::{self, Detail, Target};

use super::natives::{convert_whole, link, operate, optional_number, read, string_or_null};
use crate::cell::Cell;
use crate::host::js_error;

/// The class `VectorizeIndexImpl`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    natives.define_method("insert", 2, |context, _this, arguments| put(context, "insert", arguments))?;
    natives.define_method("upsert", 2, |context, _this, arguments| put(context, "upsert", arguments))?;
    natives.define_method("delete", 2, |context, _this, arguments| delete(context, arguments))?;
    natives.define_method("get", 2, |context, _this, arguments| get(context, arguments))?;
    natives.define_method("query", 8, |context, _this, arguments| query(context, arguments))?;
    natives.define_method("describe", 1, |context, _this, arguments| describe(context, arguments))?;
    context.eval(include_str!("../../js/vectorize.js"), "hognose:vectorize")?.call_function(&[natives])
}

/// What the module `cloudflare:vectorize` exports.
pub(crate) fn module(context: Context) -> Result<Vec<(String, Value)>> {
    let constants =
        context.eval(include_str!("../../js/vectorize-constants.js"), "hognose:vectorize-constants")?;
    let names = ["DistanceMetric", "KnownModel", "MetadataRetrievalLevel"];
    names.into_iter().map(|name| Ok((name.to_owned(), constants.get(name)?))).collect()
}

fn put(context: Context, method: &'static str, arguments: &[Value]) -> Result<Value> {
    let vectors = arguments[1].elements()?.iter().map(vector).collect::<Result<Vec<_>>>()?;
    let bytes = postcard::to_allocvec(&vectors).expect("invariant: vectors are plain data");
    let (_cell, link) = link(context)?;
    let body = link.body(&bytes).map_err(|error| js_error(context, &error))?;
    operate(context, &arguments[0], "Vectorize", method, &(), Some(body), |context, _link, mut answer| {
        mutation(context, &answer.inline(context)?)
    })
}

/// A vector as JavaScript has prepared it: id, Float32Array, namespace, JSON of the metadata.
fn vector(parts: &Value) -> Result<vectorize::Vector<'static>> {
    let parts = parts.elements()?;
    Ok(vectorize::Vector {
        id: Cow::Owned(parts[0].to_js_string()?),
        values: Cow::Owned(parts[1].bytes().unwrap_or_default()),
        namespace: parts[2].as_string().map(Cow::Owned),
        metadata: parts[3].as_string().map(Cow::Owned),
    })
}

fn mutation(context: Context, bytes: &[u8]) -> Result<Value> {
    let mutated: vectorize::Mutated<'_> = read(context, bytes)?;
    context.string(mutated.mutation_id)
}

fn delete(context: Context, arguments: &[Value]) -> Result<Value> {
    with_ids(context, "delete", arguments, |context, bytes| mutation(context, &bytes))
}

fn get(context: Context, arguments: &[Value]) -> Result<Value> {
    with_ids(context, "get", arguments, |context, bytes| {
        let vectors: Vec<vectorize::Vector<'_>> = read(context, &bytes)?;
        let vectors: Vec<Value> =
            vectors.into_iter().map(|vector| one_vector(context, vector)).collect::<Result<_>>()?;
        context.array(&vectors)
    })
}

fn with_ids(
    context: Context,
    method: &'static str,
    arguments: &[Value],
    convert: impl FnOnce(Context, Vec<u8>) -> Result<Value> + 'static,
) -> Result<Value> {
    let ids = arguments[1].elements()?.iter().map(Value::to_js_string).collect::<Result<Vec<_>>>()?;
    let params = vectorize::Ids { ids: ids.iter().map(String::as_str).collect() };
    operate(context, &arguments[0], "Vectorize", method, &params, None, |context, link, answer| {
        convert_whole(context, link, answer.bytes, convert)
    })
}

fn one_vector(context: Context, vector: vectorize::Vector<'_>) -> Result<Value> {
    let object = context.object()?;
    object.define("id", &context.string(&vector.id)?)?;
    object.define("values", &numbers(context, &vector.values)?)?;
    object.define("namespace", &string_or_null(context, vector.namespace.as_deref())?)?;
    object.define("metadata", &string_or_null(context, vector.metadata.as_deref())?)?;
    Ok(object)
}

fn query(context: Context, arguments: &[Value]) -> Result<Value> {
    let values = arguments[1].bytes();
    let id = if values.is_none() { arguments[1].to_js_string()? } else { String::new() };
    let (namespace, filter) = (arguments[6].as_string(), arguments[7].as_string());
    let params = vectorize::Query {
        target: values.as_deref().map_or(Target::Id(&id), Target::Values),
        top_k: optional_number(&arguments[2]).unwrap_or_default(),
        return_values: arguments[3].as_bool().unwrap_or_default(),
        return_metadata: match (arguments[4].as_bool(), arguments[5].as_bool()) {
            (Some(true), _) => Detail::All,
            (_, Some(true)) => Detail::Indexed,
            _ => Detail::None,
        },
        namespace: namespace.as_deref(),
        filter: filter.as_deref(),
    };
    operate(context, &arguments[0], "Vectorize", "query", &params, None, |context, link, answer| {
        convert_whole(context, link, answer.bytes, |context, bytes| {
            let matches: Vec<vectorize::Match<'_>> = read(context, &bytes)?;
            let matches: Vec<Value> =
                matches.into_iter().map(|found| one_match(context, found)).collect::<Result<_>>()?;
            context.array(&matches)
        })
    })
}

fn one_match(context: Context, found: vectorize::Match<'_>) -> Result<Value> {
    let object = context.object()?;
    object.define("id", &context.string(&found.id)?)?;
    object.define("score", &context.number(found.score))?;
    let values = found.values.map_or_else(|| Ok(context.null()), |values| numbers(context, &values))?;
    object.define("values", &values)?;
    object.define("namespace", &string_or_null(context, found.namespace.as_deref())?)?;
    object.define("metadata", &string_or_null(context, found.metadata.as_deref())?)?;
    Ok(object)
}

/// Values as an array of numbers.
fn numbers(context: Context, bytes: &[u8]) -> Result<Value> {
    let (values, []) = bytes.as_chunks::<4>() else {
        return Err(Thrown::type_error(context, "the values have not the form that was agreed on"));
    };
    let numbers: Vec<Value> =
        values.iter().map(|bytes| context.number(f64::from(f32::from_le_bytes(*bytes)))).collect();
    context.array(&numbers)
}

fn describe(context: Context, arguments: &[Value]) -> Result<Value> {
    operate(context, &arguments[0], "Vectorize", "describe", &(), None, |context, _link, mut answer| {
        let bytes = answer.inline(context)?;
        let about: vectorize::Description<'_> = read(context, &bytes)?;
        let object = context.object()?;
        object.define("vectorCount", &context.number(about.vector_count as f64))?;
        object.define("dimensions", &context.number(about.dimensions))?;
        let processed = about.processed_up_to_ms.map_or(context.null(), |at_ms| context.number(at_ms as f64));
        object.define("processedUpToMs", &processed)?;
        let mutation = string_or_null(context, about.processed_up_to_mutation)?;
        object.define("processedUpToMutation", &mutation)?;
        Ok(object)
    })
}
