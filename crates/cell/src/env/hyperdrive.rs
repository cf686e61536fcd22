//! Hyperdrive bindings: `js/hyperdrive.js` over the connection string. Nobody answers for them; a client connects as it
//! would to any database, under the Worker's rules for sockets.

use std::rc::Rc;

use hognose_engine::Result;
use hognose_engine::Value;

use crate::cell::Cell;

/// The class `Hyperdrive`; its constructor takes the connection string.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let connect = context.function("connect", 1, |context, _this, arguments| {
        context.import_now("cloudflare:sockets")?.get("connect")?.call_function(arguments)
    })?;
    context.eval(include_str!("../../js/hyperdrive.js"), "hognose:hyperdrive")?.call_function(&[connect])
}
