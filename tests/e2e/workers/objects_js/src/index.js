// Objects of classes in JavaScript, and a Worker that calls them and those of Python.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

export class Counter extends DurableObject {
  async add(amount) {
    const total = ((await this.ctx.storage.get("total")) ?? 0) + amount;
    await this.ctx.storage.put("total", total);
    return total;
  }

  async addThrough(room, amount) {
    return this.env.ROOMS.getByName(room).add(amount);
  }

  slowly(order) {
    return this.ctx.blockConcurrencyWhile(async () => {
      await scheduler.wait(order === 1 ? 20 : 1);
      this.order = [...(this.order ?? []), order];
      return this.order;
    });
  }

  query(sql, ...bindings) {
    return this.ctx.storage.sql.exec(sql, ...bindings).toArray();
  }

  fetch(request) {
    return new Response(`${this.ctx.id.name} got ${request.method}`);
  }

  fail() {
    throw new RangeError("no");
  }
}

export class Plain {
  constructor(state) {
    this.state = state;
  }

  fetch() {
    return new Response(`${this.state.id}`);
  }
}

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const [, binding, name, method, ...given] = new URL(request.url).pathname.split("/");
    const stub = this.env[binding].getByName(name);
    if (method === "fetch") return stub.fetch("https://object/", { method: "PUT" });
    try {
      return Response.json(await stub[method](...given.map((text) => JSON.parse(decodeURIComponent(text)))));
    } catch (error) {
      return Response.json({ name: error.name, message: error.message, remote: error.remote });
    }
  }
}
