// Node.js's modules, each by a test handler of its own.

import assert, { deepStrictEqual, match, rejects, strict, strictEqual, throws } from "node:assert";
import { Buffer as ImportedBuffer } from "node:buffer";
import { EventEmitter, on, once } from "node:events";
import path from "node:path";
import { mock } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import util from "util";

const { Buffer } = globalThis;

export const equality = {
  test() {
    assert(true);
    assert.ok(1);
    assert.equal(1, "1");
    strictEqual(Number.NaN, Number.NaN);
    throws(() => strictEqual(1, "1"), { code: "ERR_ASSERTION", message: "Expected values to be strictly equal:\n\n1 !== '1'\n" });
    throws(() => strict.equal(0, -0), assert.AssertionError);
    throws(() => assert.fail("why"), /why/);
    throws(() => assert.ifError(new RangeError("r")), RangeError);
    match("abc", /b/);
    assert.doesNotMatch("abc", /d/);
  },
};

export const deepEquality = {
  test() {
    const nested = () => ({ list: [1, { two: 2n }], map: new Map([[{ key: 1 }, new Set([[1]])]]), at: new Date(3), bytes: Uint8Array.of(1) });
    deepStrictEqual(nested(), nested());
    const [left, right] = [{}, {}];
    left.self = left;
    right.self = right;
    deepStrictEqual(left, right);
    assert.deepEqual([1], ["1"]);
    for (const [a, b] of [
      [[1], ["1"]],
      [[1], [1, 2]],
      [{ a: undefined }, {}],
      [new Date(3), new Date(4)],
      [Uint8Array.of(1), Uint8Array.of(2)],
      [new Map([[1, 2]]), new Map([[1, 3]])],
      [new Error("a"), new Error("b")],
      [Object.create(null), {}],
      [/a/, /a/g],
    ]) {
      assert.notDeepStrictEqual(a, b);
    }
  },
};

export const expectedErrors = {
  async test() {
    class Special extends Error {}
    throws(() => { throw new Special("s"); }, Special);
    throws(() => throws(() => { throw new Error("other"); }, Special), /other/);
    throws(() => throws(() => {}), /Missing expected exception/);
    throws(() => { throw new TypeError("t"); }, { name: "TypeError", message: /^t$/ });
    await rejects(Promise.reject(new TypeError("x")), TypeError);
    await rejects(async () => { throw new Error("y"); }, (error) => error.message === "y");
    await rejects(rejects(Promise.resolve()), /Missing expected rejection/);
    assert.doesNotThrow(() => {});
    await assert.doesNotReject(Promise.resolve());
  },
};

export const mocks = {
  test() {
    const double = mock.fn((value) => 2 * value);
    strictEqual(double(2), 4);
    double.mock.mockImplementationOnce(() => "once");
    strictEqual(double(2), "once");
    strictEqual(double.mock.callCount(), 2);
    deepStrictEqual(double.mock.calls[0].arguments, [2]);
    const object = { method() { return this.word; }, word: "w" };
    const method = mock.method(object, "method", () => "mocked");
    strictEqual(object.method(), "mocked");
    method.mock.restore();
    strictEqual(object.method(), "w");
  },
};

export const buffers = {
  test() {
    strictEqual(Buffer, ImportedBuffer);
    for (const [encoding, text] of [["utf8", "héllo"], ["hex", "00ff"], ["base64", "aGk="], ["base64url", "_-8"], ["latin1", "é"], ["utf16le", "ab"]]) {
      strictEqual(Buffer.from(text, encoding).toString(encoding), text);
    }
    strictEqual(Buffer.from("héllo").length, 6);
    strictEqual(Buffer.concat([Buffer.from("a"), Buffer.from("b")]).toString(), "ab");
    strictEqual(new Buffer("abc").length, 3);
    assert(Buffer.from("a") instanceof Buffer && Buffer.isBuffer(Buffer.alloc(2)));
    const bytes = Buffer.alloc(8);
    strictEqual(bytes.writeDoubleLE(1.5), 8);
    strictEqual(bytes.readDoubleLE(), 1.5);
    strictEqual(bytes.writeInt16BE(-2, 2), 4);
    strictEqual(bytes.readUint16BE(2), 0xfffe);
    strictEqual(bytes.readIntBE(1, 3), -2 + (bytes[1] << 16) + (bytes[1] ? 0 : 65536));
    throws(() => bytes.readUInt32LE(5), { code: "ERR_OUT_OF_RANGE" });
    throws(() => bytes.writeUInt8(256), RangeError);
    strictEqual(Buffer.from("abcabc").indexOf("ca"), 2);
    strictEqual(Buffer.from("abcabc").lastIndexOf("b"), 4);
    assert(Buffer.from("abc").includes(98));
    strictEqual(Buffer.from("ab").compare(Buffer.from("b")), -1);
    const view = bytes.subarray(0, 2);
    view[0] = 7;
    strictEqual(bytes[0], 7);
    deepStrictEqual(Buffer.from("ab").toJSON(), { type: "Buffer", data: [97, 98] });
    strictEqual(Buffer.from([1, 2, 3, 4]).swap16().toString("hex"), "02010403");
    strictEqual(Buffer.alloc(5, "ab").toString(), "ababa");
    strictEqual(bytes.write("é", 7), 0);
  },
};

export const emitters = {
  async test() {
    const emitter = new EventEmitter();
    const order = [];
    emitter.on("x", () => order.push("on")).prependListener("x", () => order.push("first")).once("x", () => order.push("once"));
    const next = once(emitter, "x");
    emitter.emit("x", 5);
    emitter.emit("x", 6);
    deepStrictEqual(order, ["first", "on", "once", "first", "on"]);
    deepStrictEqual(await next, [5]);
    throws(() => emitter.emit("error", new Error("nobody listens")), /nobody listens/);
    const events = on(emitter, "y");
    const pending = events.next();
    emitter.emit("y", 1);
    deepStrictEqual((await pending).value, [1]);
    await events.return();
    strictEqual(emitter.listenerCount("y"), 0);
  },
};

export const paths = {
  test() {
    strictEqual(path.join("/a", "../b", "c.txt"), "/b/c.txt");
    strictEqual(path.normalize("a//b/./../c/"), "a/c/");
    strictEqual(path.resolve("/x", "y", "../z"), "/x/z");
    strictEqual(path.relative("/a/b", "/a/c/d"), "../c/d");
    strictEqual(path.dirname("/a/b/"), "/a");
    strictEqual(path.basename("/a/b.txt", ".txt"), "b");
    strictEqual(path.extname("x.tar.gz"), ".gz");
    deepStrictEqual(path.parse("/a/b.c"), { root: "/", dir: "/a", base: "b.c", ext: ".c", name: "b" });
    strictEqual(path.format({ dir: "/a", name: "b", ext: "c" }), "/a/b.c");
  },
};

export const utilities = {
  async test() {
    strictEqual(util.format("%s-%d", "a", 3), "a-3");
    strictEqual(util.inspect({ a: [1] }), "{ a: [ 1 ] }");
    strictEqual(await util.promisify((value, callback) => callback(null, value + 1))(1), 2);
    assert(util.types.isDate(new Date()) && !util.types.isDate({ __proto__: Date.prototype }));
    assert(util.isDeepStrictEqual([1], [1]));
    strictEqual(await later(0, "value"), "value");
  },
};

export const globals = {
  async test() {
    strictEqual(process.env.WORD, "yes");
    assert(process.versions.node);
    strictEqual(global, globalThis);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => process.nextTick(resolve));
    await rejects(import("node:cluster"), { message: 'No such module "node:cluster". This version of hognose does not have it.' });
  },
};
