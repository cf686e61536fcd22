"""Workers AI as Python sees it, as the JavaScript object itself and through Cloudflare's SDK: every task's inputs and
outputs through a server that speaks as OpenAI's does, through Cloudflare's REST interface, and what goes wrong."""

import base64
import contextlib
import shutil

import pytest
from conftest import WORKERS, poster
from harness import Server
from model_server import PNG, ModelServer

MODELS = {
    "@cf/meta/llama-3.1-8b-instruct": 'model = "llama"\nkey = "MODEL_KEY"',
    "@cf/openai/gpt-oss-20b": 'model = "oss"',
    "@cf/baai/bge-small-en-v1.5": "",
    "@cf/baai/bge-m3": "",
    "@cf/baai/bge-reranker-base": "",
    "@cf/facebook/bart-large-cnn": "",
    "@cf/meta/m2m100-1.2b": "",
    "@cf/ai4bharat/indictrans2-en-indic-1B": "",
    "@cf/llava-hf/llava-1.5-7b-hf": "",
    "@cf/stabilityai/stable-diffusion-xl-base-1.0": "",
    "@cf/black-forest-labs/flux-1-schnell": "",
    "@cf/openai/whisper": "",
    "@cf/openai/whisper-large-v3-turbo": "",
    "@cf/deepgram/nova-3": "",
    "@cf/deepgram/aura-1": "",
    "@cf/myshell-ai/melotts": "",
    "@cf/microsoft/resnet-50": "",
    "impatient": 'task = "text-generation"\ntimeout_ms = 200\nretries = 0',
    "single": "retries = 0",
    "hasty": "timeout_ms = 500\nretries = 0",
}


@pytest.fixture(scope="module")
def models():
    with contextlib.closing(ModelServer()) as models:
        yield models


@pytest.fixture(scope="module")
def server(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("ai") / "ai"
    shutil.copytree(WORKERS / "ai", folder)
    tables = [f'[ai.models."{name}"]\nurl = "{models.url}/v1"\n{more}\n' for name, more in MODELS.items()]
    tables.append('[ai.models."gone"]\nurl = "http://127.0.0.1:9/v1"\nretries = 0\n')
    tables.append(f'[ai.models."plain"]\nurl = "{models.url}/client"\napi = "cloudflare"\n')
    tables.append(f'[ai.models."stream"]\nurl = "{models.url}/client"\napi = "cloudflare"\n')
    tables.append(f'[ai.models."fails"]\nurl = "{models.url}/client"\napi = "cloudflare"\n')
    (folder / "hognose.toml").write_text("\n".join(tables))
    environment = {"MODEL_KEY": "secret-key", "XDG_CONFIG_HOME": str(folder)}
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder, environment)) as server:
        yield server


@pytest.fixture
def raw(server):
    return poster(server, "/raw")


@pytest.fixture
def sdk(server):
    return poster(server, "/sdk")


@pytest.fixture(params=["raw", "sdk"])
def post(request):
    return request.getfixturevalue(request.param)


LLAMA = "llama = '@cf/meta/llama-3.1-8b-instruct'\n"
PY = "def py(value):\n    return value.to_py() if hasattr(value, 'to_py') else value\n"
READ = "async def read(stream):\n    return (await js.Response.new(stream).text())\n"
FEW = base64.b64encode(b"few").decode()


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (LLAMA + "(await ai.run(llama, p({'prompt': 'hi'}))).response", "'you said hi'"),
        (LLAMA + "(await ai.run(llama, prompt='hi')).response", "'you said hi'"),
        (LLAMA + "(await ai.run(llama, p({'messages': [{'role': 'user', 'content': 'ho'}]}))).response", "'you said ho'"),
        (LLAMA + "(await ai.run(llama, p({'prompt': 'hi'}))).usage.completion_tokens", "256"),
        (LLAMA + "(await ai.run(llama, p({'prompt': 'hi', 'max_tokens': 7}))).usage.completion_tokens", "7"),
        (LLAMA + "(await ai.run(llama, p({'prompt': 'hi', 'raw': True}))).response", "'raw hi'"),
        (LLAMA + "(await ai.run(llama, p({'prompt': 'json', 'response_format': {'type': 'json_object'}}))).response.a", "1"),
        (LLAMA + "[call] = (await ai.run(llama, p({'prompt': 'x', 'tools': [{'name': 'weather'}]}))).tool_calls\n"
         "[call.name, call.arguments.city]", "['weather', 'Oslo']"),
        ("(await ai.run('@cf/openai/gpt-oss-20b', p({'prompt': 'hi'}))).choices[0].message.content", "'you said hi'"),
        ("found = await ai.run('@cf/openai/gpt-oss-20b', p({'instructions': 'Say', 'input': 'hi'}))\n"
         "[found.output[0].content[0].text, found.model]", "['Say hi', 'oss']"),
        (READ + "await read(await ai.run('@cf/openai/gpt-oss-20b', p({'input': 'hi', 'stream': True})))",
         repr('data: {"type":"response.completed"}\n\n')),
        (PY + "found = await ai.run('@cf/baai/bge-small-en-v1.5', p({'text': ['a', 'bcd']}))\n"
         "[py(found.shape), py(found.data), found.pooling]", "[[2, 2], [[1, 1], [3, 1]], 'mean']"),
        (PY + "py((await ai.run('@cf/baai/bge-small-en-v1.5', p({'text': 'abc'}))).data)", "[[3, 1]]"),
        ("found = await ai.run('@cf/baai/bge-m3', p({'query': 'abc', 'contexts': [{'text': ''}, {'text': 'xyz'}]}))\n"
         "[[one.id, round(one.score, 3)] for one in found.response]", "[[1, 1], [0, 0.316]]"),
        ("found = await ai.run('@cf/baai/bge-reranker-base', p({'query': 'b', 'contexts': [{'text': 'a'}, {'text': 'b'}]}))\n"
         "[[one.id, one.score] for one in found.response]", "[[1, 1], [0, 0]]"),
        ("found = await ai.run('@cf/baai/bge-reranker-base', p({'query': 'b', 'contexts': [{'text': 'a'}, {'text': 'b'}], 'top_k': 1}))\n"
         "len(found.response)", "1"),
        ("(await ai.run('@cf/facebook/bart-large-cnn', p({'input_text': 'long'}))).summary", "'Summarize long'"),
        ("(await ai.run('@cf/meta/m2m100-1.2b', p({'text': 'hi', 'target_lang': 'fr'}))).translated_text", "'Translate hi'"),
        ("(await ai.run('@cf/ai4bharat/indictrans2-en-indic-1B', p({'text': ['a', 'b'], 'target_language': 'x'}))).translations[1]",
         "'Translate b'"),
        ("(await ai.run('@cf/llava-hf/llava-1.5-7b-hf', p({'image': list(b'few'), 'prompt': 'what?'}))).description",
         f"'what? data:image/jpeg;base64,{FEW}'"),
        ("(await ai.run('@cf/llava-hf/llava-1.5-7b-hf', p({'image': js.Uint8Array.new(to_js(list(b'few'))), 'prompt': 'what?'}))).description",
         f"'what? data:image/jpeg;base64,{FEW}'"),
        ("stream = await ai.run('@cf/stabilityai/stable-diffusion-xl-base-1.0', p({'prompt': 'x', 'width': 512}))\n"
         "(await js.Response.new(stream).bytes()).to_bytes()", repr(PNG + b"512x1024")),
        ("(await ai.run('@cf/black-forest-labs/flux-1-schnell', p({'prompt': 'x'}))).image",
         repr(base64.b64encode(PNG + b"1024x1024").decode())),
        ("found = await ai.run('@cf/openai/whisper', p({'audio': list(b'hello')}))\n[found.text, found.word_count, found.words[0].word, found.vtt]",
         r"['hello', 1, 'hello', 'WEBVTT\n\n00:00:00.000 --> 00:01:01.500\nhello\n']"),
        (f"found = await ai.run('@cf/openai/whisper-large-v3-turbo', p({{'audio': '{FEW}'}}))\n"
         "[found.text, found.transcription_info.language, found.segments[0].end]", "['few', 'en', 61.5]"),
        ("stream = js.Response.new('spoken').body\n"
         "found = await ai.run('@cf/deepgram/nova-3', p({'audio': {'body': stream, 'contentType': 'audio/mpeg'}}))\n"
         "found.results.channels[0].alternatives[0].transcript", "'spoken'"),
        (READ + "await read(await ai.run('@cf/deepgram/aura-1', p({'text': 'hi', 'speaker': 'luna'})))", "'luna says hi'"),
        ("(await ai.run('@cf/myshell-ai/melotts', p({'prompt': 'hi'}))).audio", repr(base64.b64encode(b"alloy says hi").decode())),
        (LLAMA + READ + "await read(await ai.run(llama, p({'prompt': 'x', 'stream': True})))",
         repr('data: {"p":"","response":"one "}\n\ndata: {"p":"","response":"two"}\n\n'
              'data: {"response":"","usage":{"completion_tokens":2,"prompt_tokens":1,"total_tokens":3}}\n\ndata: [DONE]\n\n')),
        (READ + "(await read(await ai.run('@cf/openai/gpt-oss-20b', p({'prompt': 'x', 'stream': True}))))[:27]", "'data: {\"choices\": [{\"index\"'"),
        ("(await ai.run('plain', p({'anything': [1]}))).echo.anything[0]", "1"),
        (READ + "await read(await ai.run('stream', p({'prompt': 'x', 'stream': True})))", repr('data: {"response":"as it is"}\n\n')),
        ("found = await ai.run('plain', p({'a': 1}), p({'returnRawResponse': True}))\n[found.status, (await found.json())['echo']['a'] "
         "if not hasattr(found, 'js_id') else (await found.json()).echo.a]", "[200, 1]"),
        ("found = await ai.run('not mapped', p({'a': 1}), p({'returnRawResponse': True}))\nfound.status", "400"),
        (LLAMA + "run_sync(ai.run(llama, p({'prompt': 'hi'}))).response", "'you said hi'"),
        ("found = await ai.models(p({'task': 'Text Embeddings'}))\nsorted(one.name for one in found)",
         "['@cf/baai/bge-m3', '@cf/baai/bge-small-en-v1.5']"),
        ("[one.task.name for one in await ai.models(p({'search': 'whisper', 'per_page': 1}))]", "['automatic speech recognition']"),
    ],
)
def test_both_styles(post, code, value):
    assert post(code) == value


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("await ai.run('@cf/new/model', p({'prompt': 'x'}))",
         "AiError: 5007: No such model @cf/new/model or task. Say in hognose.toml what answers for it:\n\n[ai.models.\"@cf/new/model\"]\n"
         'url = "http://localhost:11434/v1"  # a server that speaks as OpenAI\'s does\nmodel = "..."  # its name there'),
        (LLAMA + "await ai.run(llama, p({}))",
         "AiError: 5006: Error: oneOf at '/' not met, 0 matches: required properties at '/' are 'prompt', required properties at '/' are "
         "'messages'"),
        (LLAMA + "await ai.run(llama, p({'prompt': 1}))", "AiError: 5006: Error: Type mismatch of '/prompt', 'string' is expected"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'x', 'stream': True, 'response_format': {'type': 'json_object'}}))",
         "AiError: 5006: Error: JSON Mode currently doesn't support streaming"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'x', 'response_format': {'type': 'json_object'}}))", "AiError: 5025: JSON Mode couldn't be met"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'lie'}))",
         "AiError: 3043: The server's answer is not JSON: expected ident at line 1 column 2"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'nothing'}))", "AiError: 3043: The server's answer has no `choices[0].message`"),
        ("await ai.run('@cf/baai/bge-small-en-v1.5', p({'text': ['x'] * 101}))", "AiError: 5006: Error: must NOT have more than 100 items"),
        ("await ai.run('@cf/baai/bge-small-en-v1.5', p({'text': 'too few'}))",
         "AiError: 3043: The server gave other vectors than it was asked for"),
        ("await ai.run('@cf/baai/bge-small-en-v1.5', p({}))", "AiError: 5006: Error: required properties at '/' are 'text'"),
        ("await ai.run('@cf/baai/bge-reranker-base', p({'query': 'x', 'contexts': [{}]}))",
         "AiError: 5006: Error: must have required property 'text'"),
        ("await ai.run('@cf/openai/whisper', p({}))", "AiError: 5006: Error: required properties at '/' are 'audio'"),
        ("await ai.run('@cf/openai/whisper-large-v3-turbo', p({'audio': '?'}))", "AiError: 5004: Invalid data type for base64 input"),
        ("await ai.run('@cf/microsoft/resnet-50', p({'image': [1]}))",
         "AiError: 5006: Error: servers that speak as OpenAI's does cannot do image-classification; give the model `folder = \"...\"`, a folder "
         "with `model.onnx` in hognose.toml"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'x', 'temperature': 5.1}))",
         "AiError: 5006: Error: '/temperature' must be from 0 to 5, not 5.1"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'x', 'lora': 'mine'}))",
         "AiError: 5005: LoRA unsupported: give the adapted model a name of its own in hognose.toml"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'page'}))",
         "AiError: 3043: The server's answer is not JSON: expected value at line 1 column 1"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'half'}))",
         "AiError: 3043: The server's answer broke off: Network connection lost."),
        ("await ai.run('hasty', p({'prompt': 'drip'}))",
         "AiError: 3007: The model did not send its whole answer within 500 ms"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'flood'}))", "AiError: 3043: The server's answer has more than 67108864 bytes"),
        (LLAMA + "await ai.run(llama, p({'prompt': 'no stream', 'stream': True}))",
         "AiError: 3043: The server was asked for a stream and sent none: streams cost extra"),
        ("await ai.run('@cf/deepgram/nova-3', p({'audio': {'body': js.Response.new('x').body, 'contentType': 'audio/mpeg'}}), "
         "p({'gateway': {'id': 'g'}}))", "AiInternalError: AI Gateway does not support ReadableStreams yet."),
        ("await ai.run('gone', p({'prompt': 'x'}))",
         "AiError: 3040: The server at http://127.0.0.1:9/v1 cannot be reached: Connection refused (os error 111)"),
        ("await ai.run('fails', p({'prompt': 'x'}))", "InferenceUpstreamError: 7009: Upstream service unavailable"),
        ("await ai.run('@cf/deepgram/nova-3', p({'audio': {'body': js.Response.new('x').body}}))",
         "AiInternalError: Content-Type is required with ReadableStream inputs"),
        ("one = lambda: {'body': js.Response.new('x').body, 'contentType': 'audio/mpeg'}\nawait ai.run('@cf/deepgram/nova-3', p({'a': one(), 'b': one()}))",
         "AiInternalError: Multiple ReadableStreams are not supported. Found streams in keys: [a, b]"),
    ],
)
def test_errors(post, code, error):
    assert post(code) == error


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("breaks", "it ended before its end was said"),
        ("nonsense", "EOF while parsing an object at line 1 column 1"),
    ],
)
def test_a_stream_that_lies_fails_where_it_is_read(post, prompt, error):
    code = LLAMA + READ + f"await read(await ai.run(llama, p({{'prompt': '{prompt}', 'stream': True}})))"
    assert post(code) == f"AiError: 3043: The server's stream broke off: {error}"


def test_a_stream_is_handed_on_as_it_comes(server, models):
    models.gate.clear()
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/stream?prompt=slowly")
        response = connection.getresponse()
        assert response.headers["content-type"] == "text/event-stream"
        assert response.readline() == b'data: {"p":"","response":"one "}\n'
        models.gate.set()
        assert b'"response":"two"' in response.read()


def test_a_stream_that_nobody_reads_on_is_ended(raw, models):
    code = LLAMA + "stream = await ai.run(llama, p({'prompt': 'forever', 'stream': True}))\nreader = stream.getReader()\n"
    assert raw(code + "await reader.read()\nawait reader.cancel()\n1") == "1"
    assert models.gone.wait(60)


def test_keys_and_names_of_models_are_the_table_s(post, models):
    post(LLAMA + "(await ai.run(llama, p({'prompt': 'whose?'}))).response")
    path, key, asked = models.asked[-1]
    assert (path, key, asked["model"]) == ("/v1/chat/completions", "Bearer secret-key", "llama")
    post("(await ai.run('@cf/openai/gpt-oss-20b', p({'prompt': 'whose?'})))")
    assert models.asked[-1][1] is None


def test_what_a_server_cannot_take_is_sent_again(post, models):
    models.failures = [503, 429]
    assert post(LLAMA + "(await ai.run(llama, p({'prompt': 'hi'}))).response") == "'you said hi'"
    models.failures = [503]
    assert post("await ai.run('single', p({'prompt': 'hi'}))") == "AiError: 3040: not now"
    models.failures = [500, 500]
    options = "p({'gateway': {'id': 'x', 'retries': {'maxAttempts': 2, 'retryDelayMs': 1, 'backoff': 'constant'}}})"
    assert post(f"await ai.run('single', p({{'prompt': 'hi'}}), {options})") == "AiError: 3043: not now"
    models.failures = [503]
    assert post(f"(await ai.run('single', p({{'prompt': 'hi'}}), {options})).response") == "'you said hi'"


def test_a_busy_server_says_when_to_come_again(post, models):
    models.failures = [(429, "0"), (503, "Sun, 06 Nov 1994 08:49:37 GMT")]
    assert post(LLAMA + "(await ai.run(llama, p({'prompt': 'hi'}))).response") == "'you said hi'"
    models.failures = [(429, "11")]
    assert post(LLAMA + "await ai.run(llama, p({'prompt': 'hi'}))") == "AiError: 3040: not now"


def test_what_a_server_says_instead_of_an_answer_is_told_but_not_without_end(post, models):
    for body, told in [(b"", "The server answered with status 500"), (b" out of order\n", "out of order"),
                       (b"x" * (64 << 10), "x" * 1000), (b"x" * ((64 << 10) + 1), "The server answered with status 500")]:
        models.failures = [(500, body)]
        assert post("await ai.run('single', p({'prompt': 'hi'}))") == f"AiError: 3043: {told}"


def test_a_slow_server_is_given_up(post, models):
    models.gate.clear()
    models.failures = []
    told = post("await ai.run('impatient', p({'prompt': 'wait'}))")
    models.gate.set()
    assert told.startswith("AiError: 3007: The server at http://127.0.0.1") and told.endswith("it did not answer within 200 ms")


def test_a_signal_ends_the_waiting(raw, models):
    models.gate.clear()
    code = LLAMA + "controller = js.AbortController.new()\nrunning = ai.run(llama, p({'prompt': 'wait'}), signal=controller.signal)\n"
    assert raw(code + "controller.abort()\nawait running").startswith("AbortError: ")
    models.gate.set()


def test_a_signal_ends_the_engine_s_work(raw, models):
    models.gate.clear()
    models.gone.clear()
    code = LLAMA + "controller = js.AbortController.new()\nrunning = ai.run(llama, p({'prompt': 'drip'}), signal=controller.signal)\n"
    assert raw(code + "js.setTimeout(controller.abort.bind(controller), 50)\nawait running").startswith("AbortError: ")
    assert models.gone.wait(60)
    models.gate.set()


def test_a_client_that_goes_away_ends_the_stream_of_the_engine(server, models):
    models.gone.clear()
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/stream?prompt=forever")
        assert connection.getresponse().read(4096)
    assert models.gone.wait(60)


def test_what_was_asked_last_is_told(raw):
    code = LLAMA + "await ai.run(llama, p({'prompt': 'hi'}))\n[len(ai.lastRequestId), ai.lastRequestHttpStatusCode]"
    assert raw(code) == "[32, 200]"
    assert raw("ai.constructor.name") == "'Ai'"
