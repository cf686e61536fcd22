// Hot paths of the web platform, as Node.js and hognose both run them. bench/web.py says which by `globalThis.bench`, and takes
// the CPU time of the process.

const KIB = new Uint8Array(1024).fill(0x61);
const MIB = new Uint8Array(1 << 20).map((_, index) => index * 31);
const PAGE = `<html><body>${"<p class=a><a href='/x'>some text</a></p>".repeat(26_000)}</body></html>`.slice(0, 1 << 20);

const decoder = new TextDecoder();
const headers = new Headers();

/** Each case as what makes one step; what it prepares is made once. */
const CASES = {
  nothing: () => async () => {},
  request: () => async () => {
    const request = new Request("http://example.com/a", { method: "POST", headers: { "x-a": "b" }, body: "some text" });
    return (await request.text()).length + request.headers.get("x-a").length;
  },
  response: () => async () => {
    const response = new Response("some text", { headers: { "x-a": "b" } });
    return (await response.text()).length + response.headers.get("x-a").length;
  },
  headers: () => async () => {
    headers.set("x-name", "value");
    return headers.get("x-name");
  },
  url: () => async () => new URL("https://user@example.com:8080/a/b?c=d&e=f#g").pathname,
  decode: () => async () => decoder.decode(KIB),
  transform: () => async () => {
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < MIB.length; at += 65_536) controller.enqueue(MIB.subarray(at, at + 65_536));
        controller.close();
      },
    });
    let length = 0;
    for await (const chunk of stream.pipeThrough(new TransformStream())) length += chunk.length;
    return length;
  },
  digest: () => async () => crypto.subtle.digest("SHA-256", MIB),
  encrypt: async () => {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
    const iv = new Uint8Array(12);
    return async () => crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, MIB);
  },
  gzip: () => async () => {
    const packed = new Response(MIB).body.pipeThrough(new CompressionStream("gzip"));
    return (await new Response(packed).arrayBuffer()).byteLength;
  },
  rewrite: () => async () => {
    const rewriter = new HTMLRewriter().on("a", { element: (element) => element.setAttribute("rel", "nofollow") });
    return (await rewriter.transform(new Response(PAGE)).text()).length;
  },
};

const { name, rounds } = globalThis.bench;
const step = await CASES[name]();
for (let round = 0; round < rounds; round += 1) await step();
