"""Worker Loader: code that is given at run time runs as a Worker of its own."""

import pytest

CONFIGURATION = """\
name = "parent"
main = "MAIN"
compatibility_date = "2026-01-01"
compatibility_flags = [FLAGS]
worker_loaders = [{ binding = "LOADER" }]
"""

JAVASCRIPT = r"""
import { WorkerEntrypoint } from "cloudflare:workers";

export class Greeter extends WorkerEntrypoint {
  greet(name) {
    return `${this.ctx.props.greeting}, ${name}!`;
  }
}

export class Outside extends WorkerEntrypoint {
  fetch(request) {
    return new Response(`outside of ${request.url}`);
  }
}

let asked = 0;

const code = (main, more = {}) => () => {
  asked += 1;
  return { compatibilityDate: "2026-01-01", mainModule: "index.js", modules: { "index.js": main }, ...more };
};

const counting = `
  import { WorkerEntrypoint } from "cloudflare:workers";
  let count = 0;
  export default { fetch: (request) => new Response(request.method + " " + request.url), count: (by, env, ctx) => (count += by) };
  export class Props extends WorkerEntrypoint { props() { return this.ctx.props; } }
`;
const fetching = `export default { fetch: (request) => fetch(request) };`;
const modules = {
  "index.js": `
    import { word } from "./lib/word.js";
    import text from "./note.txt";
    import data from "./bytes.bin";
    import json from "./value.json";
    import common from "./common.cjs";
    export default { all: (_, env, ctx) => [word, text, data.byteLength, json.deep, common.greet("Ann")] };
  `,
  "common.cjs": { cjs: `const { end } = require("./lib/end.js"); exports.greet = (name) => "Hello, " + name + end;` },
  "lib/end.js": { cjs: `module.exports = { end: "!" };` },
  "lib/word.js": `export const word = "word";`,
  "note.txt": { text: "note" },
  "bytes.bin": { data: new Uint8Array(5) },
  "value.json": { json: { deep: [1, 2] } },
};
const python = `
from workers import Response, WorkerEntrypoint
from helper import VALUE

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"python {VALUE} {self.env.WORD}")

    async def add(self, a, b):
        return a + b
`;

const refused = (loader, more) => {
  try {
    loader.load({ compatibilityDate: "2026-01-01", mainModule: "index.js", modules: { "index.js": "" }, ...more });
    return "not refused";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

const tests = {
  async by_id({ LOADER }) {
    const get = () => LOADER.get("one", code(counting)).getEntrypoint();
    const counts = [await get().count(1), await get().count(1)];
    return [...counts, await LOADER.get("two", code(counting)).getEntrypoint().count(1), asked];
  },
  async fetch({ LOADER }) {
    const response = await LOADER.get("one", code(counting)).getEntrypoint().fetch("http://any.host/path", { method: "PUT" });
    return response.text();
  },
  async at_once({ LOADER }) {
    const before = asked;
    const get = () => LOADER.get("at once", code(counting)).getEntrypoint().count(1);
    return [(await Promise.all([get(), get(), get()])).sort(), asked - before];
  },
  async without_id({ LOADER }) {
    const load = () => LOADER.load(code(counting)()).getEntrypoint().count(1);
    return [await load(), await load(), await LOADER.get(null, code(counting)).getEntrypoint().count(1)];
  },
  props: ({ LOADER }) => LOADER.load(code(counting)()).getEntrypoint("Props", { props: { a: [1] } }).props(),
  no_props: ({ LOADER }) => LOADER.load(code(counting)()).getEntrypoint("Props").props(),
  modules: ({ LOADER }) => LOADER.load(code("", { modules })()).getEntrypoint().all(0),
  async changed({ LOADER }) {
    const data = new Uint8Array([1, 2]);
    const main = `import data from "./a.bin"; export default { read: (_, env, ctx) => [...new Uint8Array(data)] };`;
    const entrypoint = LOADER.load(code("", { modules: { "index.js": main, "a.bin": { data } } })()).getEntrypoint();
    data.fill(0);
    return entrypoint.read(0);
  },
  async env({ LOADER }, ctx) {
    const main = `export default {
      async tell(name, env, ctx) { return [env.word, env.map.get(1), await env.greeter.greet(name), await env.other.greet(name)]; },
    };`;
    const greeter = (greeting) => ctx.exports.Greeter({ props: { greeting } });
    const env = { word: "w", map: new Map([[1, "one"]]), greeter: greeter("Hello"), other: greeter("Welcome") };
    const worker = LOADER.get("env", code(main, { env })).getEntrypoint();
    // The second call is another invocation, which has what the first had.
    return [await worker.tell("Ann"), await worker.tell("Bob")];
  },
  async network({ LOADER, TARGET }) {
    const load = (more) => LOADER.load(code(fetching, more)()).getEntrypoint().fetch(TARGET);
    const told = (error) => error.message;
    // What inherits the network fails of the network: nobody listens there.
    return [await load({ globalOutbound: null }).catch(told), await load({}).catch(told)];
  },
  async outbound({ LOADER }, ctx) {
    const outside = LOADER.load(code(fetching, { globalOutbound: ctx.exports.Outside })());
    return (await outside.getEntrypoint().fetch("http://example.com/")).text();
  },
  async python({ LOADER }) {
    const worker = LOADER.get("python", async () => ({
      compatibilityDate: "2026-01-01",
      mainModule: "index.py",
      modules: { "index.py": python, "helper.py": { py: "VALUE = 7" } },
      env: { WORD: "word" },
    })).getEntrypoint();
    return [await worker.add(1, 2), await (await worker.fetch("http://x/")).text()];
  },
  async passed_on({ LOADER, SELF }) {
    return SELF.take(LOADER.get("one", code(counting)).getEntrypoint());
  },
  broken: ({ LOADER }) => LOADER.get("broken", code("syntax error")).getEntrypoint().count(1),
  async mended({ LOADER }) {
    await LOADER.get("mended", code("syntax error")).getEntrypoint().count(1).catch(() => {});
    return LOADER.get("mended", code(counting)).getEntrypoint().count(1);
  },
  missing: ({ LOADER }) => LOADER.get("one", code(counting)).getEntrypoint("None").props(),
  thrown: ({ LOADER }) => LOADER.get("thrown", () => { throw new RangeError("no code"); }).getEntrypoint().count(1),
  flag: ({ LOADER }) => LOADER.load(code(counting, { compatibilityFlags: ["no_such"] })()).getEntrypoint().count(1),
  refusals: ({ LOADER }) => [
    refused(LOADER, { modules: {} }),
    refused(LOADER, { modules: { "index.wasm": "" } }),
    refused(LOADER, { modules: { "index.js": { js: "", text: "" } } }),
    refused(LOADER, { modules: { "index.js": "", "a.py": "" } }),
    refused(LOADER, { modules: { "index.js": { wasm: new Uint8Array(8) } } }),
    refused(LOADER, { mainModule: "other.js" }),
    refused(LOADER, { modules: { "index.js": "", "../up.js": "" } }),
  ],
  code_limit({ LOADER }) {
    const sized = (length) => refused(LOADER, { modules: { "index.js": "", "big.bin": { data: new ArrayBuffer(length) } } });
    return [sized(64 << 20), sized((64 << 20) + 1)];
  },
  async env_limit({ LOADER }) {
    const sized = async (length) => {
      const env = { text: "x".repeat(length) };
      const worker = LOADER.load(code("export default { size: (_, env, ctx) => env.text.length };", { env })());
      return worker.getEntrypoint().size(0).catch((error) => error.message);
    };
    return [await sized((1 << 20) - 1000), await sized(1 << 20)];
  },
};

export default {
  async fetch(request, env, ctx) {
    try {
      return Response.json((await tests[new URL(request.url).pathname.slice(1)](env, ctx)) ?? null);
    } catch (error) {
      return Response.json(`${error.name}: ${error.message}`);
    }
  },
  take: (value, env, ctx) => "taken",
};
"""

PYTHON = '''
from js import Object
from pyodide.ffi import create_proxy, to_js
from workers import Response, WorkerEntrypoint

SOURCE = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"loaded {request.method}")

    async def add(self, a, b):
        return {"sum": a + b}
"""

def code():
    return to_js(
        {"compatibilityDate": "2026-01-01", "mainModule": "entry.py", "modules": {"entry.py": SOURCE}},
        dict_converter=Object.fromEntries,
    )

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        entrypoint = self.env.LOADER.get("one", create_proxy(code)).getEntrypoint()
        if request.url.endswith("/add"):
            return Response(str((await entrypoint.add(1, 2)).sum))
        return await entrypoint.fetch(request._js_request)
'''


def parent(language, source, more=""):
    file, flags = ("index.py", '"python_workers"') if language == "python" else ("index.mjs", "")
    configuration = CONFIGURATION.replace("MAIN", file).replace("FLAGS", flags)
    return {"wrangler.toml": configuration + more, file: source}


@pytest.fixture
def ask(serve, project):
    more = '[vars]\nTARGET = "http://127.0.0.1:1/"\n[[services]]\nbinding = "SELF"\nservice = "parent"\n'
    server = serve(project(files=parent("javascript", JAVASCRIPT, more)))
    return lambda name: server.fetch(f"/{name}").json


def test_what_is_loaded_under_an_id_is_loaded_once(ask):
    assert ask("by_id") == [1, 2, 1, 2]
    assert ask("fetch") == "PUT http://any.host/path"
    counts, asked = ask("at_once")
    assert len(counts) == 3 and asked == 1
    assert ask("without_id") == [1, 1, 1]


def test_entrypoints_have_props(ask):
    assert ask("props") == {"a": [1]}
    assert ask("no_props") == {}


def test_modules_of_all_kinds(ask):
    assert ask("modules") == ["word", "note", 5, [1, 2], "Hello, Ann!"]
    assert ask("changed") == [1, 2]
    assert ask("python") == [3, "python 7 word"]


def test_env_holds_data_and_bindings(ask):
    told = ["w", "one"]
    assert ask("env") == [[*told, "Hello, Ann!", "Welcome, Ann!"], [*told, "Hello, Bob!", "Welcome, Bob!"]]


def test_the_way_out_is_given_by_who_loads(ask):
    assert ask("outbound") == "outside of http://example.com/"
    nowhere, inherited = ask("network")
    assert "not permitted to access the internet via global functions like fetch()" in nowhere
    assert inherited == "Network connection lost."


def test_what_is_wrong_with_the_code_is_told(ask):
    assert "SyntaxError" in ask("broken")
    assert ask("mended") == 1
    assert 'no export "None"' in ask("missing")
    assert ask("thrown") == "RangeError: no code"
    assert "No such compatibility flag: no_such" in ask("flag")
    assert ask("refusals") == [
        "TypeError: Dynamic Worker code must contain at least one module.",
        "TypeError: Module name must end with '.js' or '.py' (or the content must be an object indicating the type "
        "explicitly). Got: index.wasm",
        "TypeError: Each module must contain exactly one of 'js', 'cjs', 'text', 'data', 'json', 'py', or 'wasm'. "
        "Module 'index.js' contained 2 properties.",
        'TypeError: Module "a.py" is a Python module, but the main module isn\'t a Python module.',
        'TypeError: Module "index.js" is a WebAssembly module; this runtime does not run those.',
        'Error: The main module "other.js" is not among the modules.',
        'TypeError: Module name "../up.js" is not a relative path.',
    ]


def test_limits_of_code_and_env(ask):
    at_limit, beyond = ask("code_limit")
    assert at_limit == "not refused"
    assert beyond == "Error: Dynamic Worker code size (67108865 bytes) exceeds the maximum allowed size of 67108864 bytes."
    at_limit, beyond = ask("env_limit")
    assert at_limit == (1 << 20) - 1000
    assert "exceeds the maximum allowed size of 1048576 bytes." in beyond


def test_entrypoints_cannot_be_passed_on(ask):
    assert ask("passed_on").startswith("DataCloneError: Entrypoints to dynamically-loaded workers cannot be transferred")


def test_a_python_worker_loads_a_python_worker(serve, project):
    server = serve(project(files=parent("python", PYTHON)))
    assert server.fetch("/").text == "loaded GET"
    assert server.fetch("/add").text == "3"


SOCKETS = """
import socket
from workers import WorkerEntrypoint

class Default(WorkerEntrypoint):
    def outcomes(self, port):
        outcomes = []
        for attempt in (lambda: socket.create_connection(("127.0.0.1", port)), lambda: socket.getaddrinfo("a.test", 80)):
            try:
                attempt()
                outcomes.append("reached")
            except OSError as error:
                outcomes.append(type(error).__name__)
        return outcomes
"""


def test_what_has_no_way_out_has_no_sockets_either(serve, project):
    source = """
export default {
  async fetch(request, env) {
    const port = Number(new URL(request.url).port);
    const modules = { "index.py": CODE };
    const load = (more) => env.LOADER.load({ compatibilityDate: "2026-01-01", mainModule: "index.py", modules, ...more });
    const ask = (more) => load(more).getEntrypoint().outcomes(port);
    return Response.json([await ask({ globalOutbound: null }), await ask({})]);
  },
};
""".replace("CODE", f"`{SOCKETS}`")
    server = serve(project(files=parent("javascript", source)))
    shut, inherited = server.fetch("/").json
    assert "reached" not in shut
    assert inherited[0] == "reached"


GIVING = """
import { DurableObject } from "cloudflare:workers";

export class Counter extends DurableObject {
  async add(by) {
    const count = ((await this.ctx.storage.get("count")) ?? 0) + by;
    await this.ctx.storage.put("count", count);
    return count;
  }

  fetch(request) {
    return new Response(`${this.ctx.id.name} has ${request.url}`);
  }
}

const main = `export default {
  async use(by, { counter, deep: [other] }, ctx) {
    const fetched = await (await counter.fetch("http://x/")).text();
    return [await counter.add(by), await other.add(by), counter.name, fetched];
  },
  leak: (_, { counter }) => counter,
};`;

export default {
  async fetch(request, { LOADER, COUNTER }) {
    const env = { counter: COUNTER.getByName("given"), deep: [COUNTER.getByName("other")] };
    const code = (more) => ({ compatibilityDate: "2026-01-01", mainModule: "index.js", modules: { "index.js": main }, env, ...more });
    const worker = LOADER.load(code()).getEntrypoint();
    const told = (error) => error.message;
    return Response.json([
      await worker.use(2),
      await worker.use(3),
      await env.counter.add(1),
      await (await worker.leak(0)).add(1),
      await LOADER.load(code({ globalOutbound: env.counter })).getEntrypoint().use(1).catch(told),
      await LOADER.load(code({ tails: [env.counter] })).getEntrypoint().use(1).catch(told),
    ]);
  },
};
"""


def test_stubs_of_objects_are_given_to_a_dynamic_worker(serve, project):
    objects = '[[durable_objects.bindings]]\nname = "COUNTER"\nclass_name = "Counter"\n[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Counter"]\n'
    files = {"wrangler.toml": CONFIGURATION.replace("MAIN", "index.mjs").replace("FLAGS", "") + objects, "index.mjs": GIVING}
    answer = serve(project(files=files)).fetch("/")
    assert answer.status == 200, answer.text
    first, second, own, leaked, *refused = answer.json
    assert first == [2, 2, "given", "given has http://x/"] and second == [5, 5, "given", "given has http://x/"]
    assert [own, leaked] == [6, 7]
    assert refused == [
        "The globalOutbound of a dynamic Worker must be a binding to a Worker.",
        "Each tail of a dynamic Worker must be a binding to a Worker.",
    ]
