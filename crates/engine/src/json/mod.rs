//! `JSON.stringify` and `JSON.parse` of plain data, which most of it is, in ways of their own. Anything else is left to
//! QuickJS, from the beginning: no script has a say in what is done here, so none can tell.

mod parse;
mod stringify;

use crate::{Context, Result};

/// Puts both functions in the place of QuickJS's own.
pub(crate) fn install(context: Context) -> Result<()> {
    let json = context.global().get("JSON")?;
    stringify::install(context, &json)?;
    parse::install(context, &json)
}
