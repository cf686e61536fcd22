// What the tests ask of WebSocket and WebSocketPair themselves. Each function gives what it has seen.

const pair = () => {
  const ends = [...new WebSocketPair()];
  for (const end of ends) {
    end.accept();
    end.binaryType = "arraybuffer";
  }
  return ends;
};

const once = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));

const thrown = (run) => {
  try {
    run();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
  return "nothing";
};

/** Messages keep their order and their kind, and are copied when they are sent. */
export async function order() {
  const [one, other] = pair();
  const seen = [];
  other.addEventListener("message", ({ data }) => seen.push(typeof data === "string" ? data : [...new Uint8Array(data)]));
  const bytes = new Uint8Array([1, 2]);
  one.send("first");
  one.send(bytes);
  bytes.fill(9);
  one.send("");
  one.send(new Uint8Array(0));
  one.send(7);
  one.send("\ud800");
  const closed = once(other, "close");
  one.close(1000, "done");
  const { code, reason, wasClean, type, isTrusted } = await closed;
  return [...seen, code, reason, wasClean, type, isTrusted];
}

/** Events come after the code that sends. */
export async function later() {
  const [one, other] = pair();
  const seen = [];
  other.onmessage = () => seen.push("message");
  const came = once(other, "message");
  one.send("");
  seen.push("sent");
  await came;
  return seen;
}

export function states() {
  const [one, other] = Object.values(new WebSocketPair());
  const before = one.readyState;
  one.accept();
  other.accept({ allowHalfOpen: true });
  one.close();
  return [before, one.readyState, WebSocket.OPEN, one.CLOSED, WebSocket.READY_STATE_CLOSING, one.url, one.protocol, one.extensions];
}

/** With a half-open end the handshake is the script's. */
export async function halfOpen() {
  const [one, other] = Object.values(new WebSocketPair());
  one.accept();
  other.accept({ allowHalfOpen: true });
  const closed = once(other, "close");
  const answered = once(one, "close");
  one.close(1000, "mine");
  await closed;
  const between = other.readyState;
  other.send("still");
  other.close(3000, "yours");
  const { code, reason } = await answered;
  return [between, other.readyState, one.readyState, code, reason];
}

export function errors() {
  const [one, other] = Object.values(new WebSocketPair());
  const all = [thrown(() => one.send("x")), thrown(() => one.close())];
  one.accept();
  one.accept();
  all.push(thrown(() => new Response(null, { status: 200, webSocket: other })));
  for (const code of [999, 1004, 1005, 1006, 1015, 5000]) all.push(thrown(() => one.close(code)));
  all.push(thrown(() => one.close(undefined, "why")), thrown(() => one.close(1000, "x".repeat(124))));
  one.close(1000, "x".repeat(123));
  all.push(thrown(() => one.close()), thrown(() => one.send("late")));
  return all;
}

export function constructor() {
  const make = (...args) => thrown(() => new WebSocket(...args).close());
  return [
    make("nonsense"), make("ftp://x/"), make("ws://x/#a"), make("ws://x/", "a b"), make("ws://x/", ["a", "a"]),
    make("ws://x/", []), thrown(() => WebSocket("ws://x/")),
  ];
}

export async function blob() {
  const [one, other] = pair();
  other.binaryType = "nonsense";
  const kept = other.binaryType;
  other.binaryType = "blob";
  const came = once(other, "message");
  one.send(new Uint8Array([5]));
  const { data } = await came;
  return [kept, new WebSocketPair()[0].binaryType, data instanceof Blob, [...new Uint8Array(await data.arrayBuffer())]];
}

/** A client of its own: connects, exchanges messages, closes. */
export async function client(parameters) {
  const socket = new WebSocket(parameters.get("url"), ["chat", "other"]);
  const seen = [socket.readyState, socket.url === parameters.get("url"), thrown(() => socket.accept())];
  socket.binaryType = "arraybuffer";
  await once(socket, "open");
  seen.push(socket.readyState, socket.protocol, socket.extensions);
  for (const message of ["hello", new Uint8Array([1, 2, 3])]) {
    const came = once(socket, "message");
    socket.send(message);
    const { data } = await came;
    seen.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
  }
  const closed = once(socket, "close");
  socket.close(3333, "enough");
  const { code, reason, wasClean } = await closed;
  return [...seen, code, reason, wasClean, socket.readyState];
}

/** The same by `fetch()`. */
export async function upgrade(parameters) {
  const response = await fetch(parameters.get("url"), { headers: { Upgrade: "websocket" } });
  const { webSocket } = response;
  if (webSocket === null) return [response.status, null, await response.text()];
  webSocket.accept();
  const came = once(webSocket, "message");
  webSocket.send("by fetch");
  const { data } = await came;
  webSocket.close();
  return [response.status, data];
}

export async function failing(parameters) {
  const socket = new WebSocket(parameters.get("url"));
  const error = once(socket, "error");
  const closed = once(socket, "close");
  const { message } = await error;
  const { code, reason, wasClean } = await closed;
  return [message, code, reason, wasClean, socket.readyState];
}

/** What a message that breaks the rules, or a lost connection, becomes. */
export async function broken(parameters) {
  const socket = new WebSocket(parameters.get("url"));
  const kinds = ["error", "close"];
  const event = await Promise.race(kinds.map((kind) => once(socket, kind)));
  socket.send("ignored");
  return [event.type, event.message ?? event.reason, event.code ?? null, socket.readyState];
}
