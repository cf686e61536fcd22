//! TCP connections, for `js/cloudflare/sockets.js`.

use std::rc::Rc;

use hognose_engine::Result;

use super::Natives;
use super::outside::callback;
use crate::{BodyId, Host, SocketConnection, SocketRequest, SocketSecurity};

pub(super) fn add(natives: &Natives, host: &Rc<dyn Host>) -> Result<()> {
    let (connecting, upgrading) = (Rc::clone(host), Rc::clone(host));
    natives.add("connectSocket", move |context, arguments| {
        let request = SocketRequest {
            host: arguments.string(0)?,
            port: arguments.number(1) as u16,
            security: SocketSecurity::named(&arguments.string(2)?),
            writes: BodyId(arguments.number(3) as u32),
        };
        let done = callback(&connecting, arguments.value(4), |context, connection: SocketConnection| {
            connection.into_value(context)
        });
        connecting.connect(context, request, done);
        Ok(context.undefined())
    })?;
    natives.add("startTls", move |context, arguments| {
        let (socket, name) = (arguments.number(0) as u32, arguments.string(1)?);
        let writes = BodyId(arguments.number(2) as u32);
        let done = callback(&upgrading, arguments.value(3), |context, connection: SocketConnection| {
            connection.into_value(context)
        });
        upgrading.start_tls(context, socket, &name, writes, done);
        Ok(context.undefined())
    })
}
