// WebSockets in JavaScript, with what a Worker can find out about them.

import * as checks from "./checks.mjs";

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.startsWith("/check/")) return Response.json((await checks[pathname.slice(7)](searchParams, ctx)) ?? null);
    if (pathname === "/proxy") return fetch(searchParams.get("url"), request);
    const [client, server] = Object.values(new WebSocketPair());
    server.accept({ allowHalfOpen: pathname === "/half" });
    server.binaryType = "arraybuffer";
    server.addEventListener("message", ({ data }) => {
      if (data === "close") server.close(3001, "as told");
      else if (data === "close without code") server.close();
      else if (data === "flood") flood(server);
      else server.send(data);
    });
    server.addEventListener("close", ({ code, reason, wasClean }) => {
      console.log("closed", code, `'${reason}'`, wasClean ? "True" : "False");
      if (pathname === "/half") {
        server.send("one more");
        server.close(4001, "now");
      }
    });
    server.addEventListener("error", ({ message }) => console.log("error", message));
    if (pathname === "/greeting") {
      server.send("hello");
      server.close(1001, "bye");
    }
    if (pathname === "/raise") throw new Error("on purpose");
    const headers = {};
    if (pathname === "/protocol") {
      headers["Sec-WebSocket-Protocol"] = request.headers.get("Sec-WebSocket-Protocol").split(",")[0];
    }
    return new Response(null, { status: 101, webSocket: client, headers });
  },
};

// More than may wait for a client that does not read.
function flood(server) {
  const chunk = new Uint8Array(16 << 20);
  for (let sent = 0; sent < 6; sent += 1) server.send(chunk);
}
