import { env as importedEnv, WorkerEntrypoint } from "cloudflare:workers";
import { shout } from "./lib/shout.js";
import data from "bytes.dat";
import settings from "./settings.json";
import text from "./note.txt";

const started = await Promise.resolve("top-level await");

export class Named extends WorkerEntrypoint {
  fetch() {
    return new Response(`named ${this.env.GREETING}`);
  }
}

const routes = {
  "/kv": async (request, env) => {
    await env.FOO.put("bar", "baz");
    return new Response(await env.FOO.get("bar"));
  },
  "/modules": async () =>
    Response.json([shout("quiet"), text, settings, data.byteLength, (await import("./lib/late.mjs")).default, started]),
  "/env": (request, env, ctx) => Response.json([env.GREETING, importedEnv.GREETING, typeof ctx.waitUntil]),
  "/echo": async (request) => new Response(request.body, { headers: { "x-method": request.method } }),
  "/throw": () => {
    throw new RangeError("out of cheese");
  },
  "/reject": async () => {
    await null;
    throw new Error("rejected");
  },
  "/nothing": () => "no response",
  "/missing": () => import("./nowhere.mjs"),
};

export default {
  fetch(request, env, ctx) {
    return routes[new URL(request.url).pathname](request, env, ctx);
  },
};
