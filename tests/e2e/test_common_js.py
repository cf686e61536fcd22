"""CommonJS modules: what they require, and what an import makes of them."""

import json

from harness import run

HELPER = """
const whole = require("../library");
exports.help = () => `helped, ${typeof whole.found}`;
"""

LIBRARY = """
const { help } = require("./deep/helper.cjs");
const path = require("path");
const { Buffer } = require("node:buffer");
const refusal = (name) => { try { require(name); } catch (error) { return error.message; } };

exports.found = [
  help(),
  path.join("a", "..", "b"),
  Buffer.from("hi").toString("hex"),
  require("./data.json").number,
  require("./module.mjs").named,
  require("./other.mjs"),
  require("./deep/helper").help === help,
  this === exports,
  refusal("./nothing"),
];
"""

FILES = {
    "deep/helper.cjs": HELPER,
    "library.cjs": LIBRARY,
    "data.json": '{"number": 5}',
    "module.mjs": "export const named = 'named';",
    "other.mjs": "export default 'the default';",
}

FOUND = ["helped, undefined", "b", "6869", 5, "named", "the default", True, True, 'No such module "nothing".']


def test_they_are_imported_and_require(project, serve):
    configuration = 'name = "common"\nmain = "index.js"\ncompatibility_date = "2026-03-01"\n'
    index = "import library from './library.cjs'; export default { fetch: () => Response.json(library.found) };"
    folder = project(files={**FILES, "wrangler.toml": configuration, "index.js": index})
    assert serve(folder).fetch().json == FOUND


def test_a_worker_may_be_one(project, serve):
    configuration = (
        'name = "common"\nmain = "index.js"\ncompatibility_date = "2026-03-01"\n'
        'rules = [{ type = "CommonJS", globs = ["**/*.js"] }]\n'
    )
    index = "module.exports = { fetch: async () => new Response(require('./text.js')) };"
    files = {"wrangler.toml": configuration, "index.js": index, "text.js": "module.exports = 'required late';"}
    assert serve(project(files=files)).fetch().text == "required late"


def test_scripts_import_them_and_see_where_they_fail(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "a.mjs").write_text("import l from './library.cjs'; console.log(JSON.stringify(l.found.slice(0, 8)));")
    code, output = run("run", str(tmp_path / "a.mjs"), folder=tmp_path)
    assert (code, json.loads(output)) == (0, FOUND[:8])
    (tmp_path / "bad.cjs").write_text("\nthrow new Error('on purpose');")
    (tmp_path / "b.mjs").write_text("import './bad.cjs';")
    code, output = run("run", str(tmp_path / "b.mjs"), folder=tmp_path)
    assert code == 1
    assert "bad.cjs\", line 2" in output
    assert "on purpose" in output
