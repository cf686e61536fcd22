//! Lists of pairs of texts, handed over at once: what header fields come as. Only containers of Python's own classes count,
//! whose items are where everybody finds them; anything else has its own way to be iterated over.

use pyo3::prelude::*;
use pyo3::types::{PyDictItems, PyList, PyString, PyTuple};

use super::strings;
use crate::bridge::Object;
use crate::errors::Raised;
use crate::js::Js;

/// The texts of a list, a tuple or a dict's items, one after the other; nothing if one of the items is no pair of `str`.
pub(crate) fn flat_texts(object: &Object) -> Result<Option<Vec<Js>>, Raised> {
    let is_plain = object.is_exact_instance_of::<PyList>()
        || object.is_exact_instance_of::<PyTuple>()
        || object.is_exact_instance_of::<PyDictItems>();
    if !is_plain {
        return Ok(None);
    }
    let mut texts = Vec::new();
    for row in object.try_iter()? {
        let Some(pair) = pair(&row?) else { return Ok(None) };
        for text in pair {
            texts.push(strings::to_js(text.as_borrowed())?);
        }
    }
    Ok(Some(texts))
}

fn pair(row: &Object) -> Option<[Object; 2]> {
    let pair = if let Ok(row) = row.cast_exact::<PyTuple>() {
        (row.len() == 2).then(|| [row.get_item(0), row.get_item(1)])?
    } else {
        let row = row.cast_exact::<PyList>().ok()?;
        (row.len() == 2).then(|| [row.get_item(0), row.get_item(1)])?
    };
    let [Ok(name), Ok(value)] = pair else { return None };
    let are_texts = name.is_exact_instance_of::<PyString>() && value.is_exact_instance_of::<PyString>();
    are_texts.then_some([name, value])
}
