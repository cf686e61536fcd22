"""Images: what pictures are, and pictures made of others, with pixels that are looked at."""

import base64
import contextlib
import json
import struct
import zlib

import pytest
from harness import Server

CONFIGURATION = """\
main = "index.MODULE"
compatibility_date = "2026-01-01"
compatibility_flags = FLAGS
images = { binding = "IMAGES" }
"""
# Does what the request's JSON says: `images` in Base64, each with its steps, and the output's options.
JAVASCRIPT = """\
const streamOf = (text) => new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))]).stream();

const build = (env, { image, steps = [] }) => {
  let transformer = env.IMAGES.input(streamOf(image));
  for (const { draw, options, ...transform } of steps) {
    transformer = draw ? transformer.draw(build(env, draw), options) : transformer.transform(transform);
  }
  return transformer;
};

export default {
  async fetch(request, env) {
    const asked = await request.json();
    try {
      if (asked.info) return Response.json(await env.IMAGES.info(streamOf(asked.info)));
      if (asked.base64) {
        const made = await env.IMAGES.input(new Response(asked.base64).body, { encoding: "base64" }).output(asked.output);
        return new Response(made.image({ encoding: "base64" }));
      }
      const transformer = build(env, asked);
      const made = await transformer.output(asked.output);
      if (asked.again) await transformer.output(asked.output);
      return made.response({ headers: { "x-own": made.contentType() } });
    } catch (error) {
      return Response.json({ code: error.code, message: error.message }, { status: 400 });
    }
  },
};
"""
SDK = """\
import js
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        data = await request.bytes()
        stream = js.Blob.new([to_js(data)]).stream()
        info = await self.env.IMAGES.info(js.Blob.new([to_js(data)]).stream())
        output = await self.env.IMAGES.input(stream).transform({"width": 2}).output({"format": "image/png"})
        response = output.response()
        return Response(response.body, headers={"x-type": response.headers["content-type"], "x-width": str(info.width)})
"""
RED, BLUE, CLEAR = (255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)


def png(rows):
    """A PNG of rows of RGBA pixels."""
    raw = b"".join(b"\0" + bytes(sum(row, ())) for row in rows)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 6, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def plain(width, height, colour=RED):
    return png([[colour] * width] * height)


HALVES = png([[RED, RED, BLUE, BLUE]] * 2)


class Images:
    def __init__(self, server):
        self.server = server

    def ask(self, **asked):
        given = {key: encoded(value) for key, value in asked.items()}
        return self.server.fetch("/", "POST", json.dumps(given).encode())

    def rows(self, image, *steps):
        """The pixels of what the steps make of an image."""
        # What has no pixels says how wide it is, so the width is asked of the same picture as a PNG.
        made = self.ask(image=image, steps=[*steps], output={"format": "image/png"})
        assert made.status == 200, made.text
        width = self.ask(info=made.body).json["width"]
        raw = self.ask(image=made.body, output={"format": "rgba"}).body
        pixels = [tuple(raw[at : at + 4]) for at in range(0, len(raw), 4)]
        return [pixels[at : at + width] for at in range(0, len(pixels), width)]

    def size(self, image, *steps):
        rows = self.rows(image, *steps)
        return len(rows[0]), len(rows)

    def refused(self, image, *steps, **output):
        answer = self.ask(image=image, steps=[*steps], output={"format": "image/png"} | output)
        assert answer.status == 400, answer.status
        return answer.json


def encoded(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: encoded(inner) for key, inner in value.items()}
    return [encoded(inner) for inner in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    configuration = CONFIGURATION.replace("MODULE", "js").replace("FLAGS", "[]")
    (folder / "wrangler.toml").write_text(configuration)
    (folder / "index.js").write_text(JAVASCRIPT)
    server = Server(["dev", str(folder), "--port", "0"], folder)
    yield Images(server)
    server.close()


def test_info_says_format_and_measures(images):
    picture = plain(5, 3)
    expected = {"format": "image/png", "fileSize": len(picture), "width": 5, "height": 3}
    assert images.ask(info=picture).json == expected
    for format in ["image/jpeg", "image/webp", "image/gif"]:
        made = images.ask(image=picture, output={"format": format})
        assert made.headers["content-type"] == made.headers["x-own"] == format
        info = images.ask(info=made.body).json
        assert (info["format"], info["width"], info["height"]) == (format, 5, 3)
    assert images.ask(info=b'<?xml version="1.0"?><svg/>').json == {"format": "image/svg+xml"}


@pytest.mark.parametrize(
    ("transform", "size"),
    [
        ({"width": 20}, (20, 10)),
        ({"width": 400}, (40, 20)),
        ({"width": 400, "fit": "contain"}, (400, 200)),
        ({"height": 10}, (20, 10)),
        ({"width": 10, "height": 10}, (10, 5)),
        ({"width": 80, "height": 80}, (40, 20)),
        ({"width": 80, "height": 80, "fit": "contain"}, (80, 40)),
        ({"width": 10, "height": 10, "fit": "cover"}, (10, 10)),
        ({"width": 80, "height": 10, "fit": "crop"}, (40, 10)),
        ({"width": 10, "height": 10, "fit": "pad"}, (10, 10)),
        ({"width": 10, "height": 10, "fit": "squeeze"}, (10, 10)),
        ({"rotate": 90}, (20, 40)),
        ({"rotate": 90, "width": 10}, (10, 20)),
        ({"trim": {"left": 5, "top": 1, "bottom": 2}}, (35, 17)),
        ({"trim": {"left": 5, "width": 10, "height": 10}}, (10, 10)),
        ({"border": {"color": "blue", "width": 3}}, (46, 26)),
        ({"border": {"color": "blue", "left": 1, "top": 2}}, (41, 22)),
    ],
)
def test_sizes(images, transform, size):
    assert images.size(plain(40, 20), transform) == size


def test_what_is_cut_off_and_what_is_padded(images):
    assert images.rows(HALVES, {"width": 2, "height": 2, "fit": "cover", "gravity": "left"}) == [[RED] * 2] * 2
    assert images.rows(HALVES, {"width": 2, "height": 2, "fit": "cover", "gravity": {"x": 1, "y": 0}}) == [[BLUE] * 2] * 2
    padded = images.rows(plain(2, 1), {"width": 2, "height": 3, "fit": "pad", "background": "#0000ff"})
    assert padded == [[BLUE] * 2, [RED] * 2, [BLUE] * 2]
    assert images.rows(png([[BLUE] * 3, [BLUE, RED, BLUE], [BLUE] * 3]), {"trim": "border"}) == [[RED]]


def test_turns_and_mirrors(images):
    assert images.rows(png([[RED, BLUE]]), {"rotate": 90}) == [[RED], [BLUE]]
    assert images.rows(png([[RED, BLUE]]), {"rotate": 180}) == [[BLUE, RED]]
    assert images.rows(png([[RED, BLUE]]), {"flip": "h"}) == [[BLUE, RED]]
    assert images.rows(png([[RED], [BLUE]]), {"flip": "v"}) == [[BLUE], [RED]]


def test_looks(images):
    grey = (100, 100, 100, 255)
    assert images.rows(plain(1, 1, grey), {"brightness": 2}) == [[(200, 200, 200, 255)]]
    assert images.rows(plain(1, 1, grey), {"contrast": 0}) == [[(128, 128, 128, 255)]]
    assert images.rows(plain(1, 1, grey), {"gamma": 1}) == [[grey]]
    assert images.rows(plain(1, 1), {"saturation": 0}) == [[(54, 54, 54, 255)]]
    [[left, *_, right]] = images.rows(png([[RED] * 8 + [BLUE] * 8]), {"blur": 8})
    assert 0 < left[2] < right[2] < 255
    assert images.rows(plain(3, 3), {"sharpen": 2}) == [[RED] * 3] * 3
    assert images.rows(plain(1, 1, CLEAR), {"background": "red"}) == [[RED]]


def test_drawing(images):
    dot = {"image": plain(1, 1, BLUE)}
    assert images.rows(plain(3, 1), {"draw": dot}) == [[RED, BLUE, RED]]
    assert images.rows(plain(3, 1), {"draw": dot, "options": {"left": 0}}) == [[BLUE, RED, RED]]
    assert images.rows(plain(3, 1), {"draw": dot, "options": {"right": 0, "opacity": 0.5}})[0][2] == (128, 0, 128, 255)
    assert images.rows(plain(3, 2), {"draw": dot, "options": {"repeat": True}}) == [[BLUE] * 3] * 2
    assert images.rows(plain(3, 2), {"draw": dot, "options": {"repeat": "x", "top": 1}}) == [[RED] * 3, [BLUE] * 3]
    assert images.rows(plain(2, 1), {"draw": dot, "options": {"left": 0, "composite": "out"}}) == [[CLEAR, CLEAR]]
    wide = {"image": plain(1, 1, BLUE), "steps": [{"width": 3, "height": 1, "fit": "squeeze"}]}
    assert images.rows(plain(3, 1), {"draw": wide}) == [[BLUE] * 3]


def test_output(images):
    half = plain(1, 1, (255, 0, 0, 0))
    assert images.ask(image=half, output={"format": "rgb", "background": "#0000ff"}).body == bytes([0, 0, 255])
    picture = png([[(x * 16, y * 16, 128, 255) for x in range(16)] for y in range(16)])
    small, large = (
        len(images.ask(image=picture, output={"format": "image/jpeg", "quality": quality}).body)
        for quality in (5, 100)
    )
    assert small < large
    text = images.ask(base64=base64.b64encode(picture).decode(), output={"format": "rgba"}).text
    assert base64.b64decode(text) == images.ask(image=picture, output={"format": "rgba"}).body


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"image": b"no image"}, 9412, "Expected an image"),
        ({"image": plain(9, 9)[:60]}, 9412, "Expected an image"),
        ({"image": plain(1, 1), "steps": [{"rotate": 45}]}, 9401, '"rotate" should be one of'),
        ({"image": plain(1, 1), "steps": [{"width": 0}]}, 9401, '"width" should be at least 1'),
        ({"image": plain(1, 1), "steps": [{"fit": "stretch"}]}, 9401, "unknown variant"),
        ({"image": plain(1, 1), "steps": [{"blur": 251}]}, 9401, '"blur" should be from 0 to 250'),
        ({"image": plain(1, 1), "steps": [{"background": "blurple"}]}, 9401, "is not a colour"),
        ({"image": plain(1, 1), "steps": [{"segment": "foreground"}]}, 9401, '"segment" needs a model'),
        ({"image": plain(2, 1), "steps": [{"trim": {"left": 2}}]}, 9401, "leaves nothing"),
        ({"image": plain(1, 1), "steps": [{"width": 12001, "fit": "contain"}]}, 9413, "too large"),
        ({"image": plain(1, 1), "output": {"format": "image/avif"}}, 9520, "image/webp"),
        ({"image": plain(1, 1), "output": {"format": "image/jpeg", "quality": 101}}, 9401, "quality"),
        ({"image": plain(1, 1), "again": True}, 9525, "ImageTransformer consumed"),
        ({"info": b"no image"}, 9412, "IMAGES_INFO_ERROR 9412"),
    ],
    ids=lambda value: None,
)
def test_mistakes_have_their_numbers(images, asked, code, words):
    answer = images.ask(**({"output": {"format": "image/png"}} | asked))
    assert answer.status == 400
    told = answer.json
    assert told["code"] == code
    assert words in told["message"]


def test_a_side_at_the_limit_is_made(images):
    assert images.size(plain(1, 1), {"width": 12000, "height": 1, "fit": "squeeze"}) == (12000, 1)


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_decoded(images):
    huge = bytearray(plain(1, 1))
    huge[16:24] = struct.pack(">II", 12000, 12000)
    huge[29:33] = struct.pack(">I", zlib.crc32(huge[12:29]))
    assert images.refused(bytes(huge))["code"] == 9413


def test_the_sdk_wraps_all_of_it(project):
    configuration = CONFIGURATION.replace("MODULE", "py").replace("FLAGS", '["python_workers"]')
    folder = project(files={"wrangler.toml": configuration, "index.py": SDK})
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as server:
        answer = server.fetch("/", "POST", plain(4, 4))
    assert (answer.headers["x-type"], answer.headers["x-width"]) == ("image/png", "4")
    assert answer.body.startswith(b"\x89PNG")
