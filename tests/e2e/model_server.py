"""A server that speaks as OpenAI's does, and beside it as Cloudflare's REST interface, for the tests of Workers AI. What it
answers says what it was asked."""

import base64
import contextlib
import http.server
import json
import threading

PNG = b"\x89PNG\r\n\x1a\n picture"
LIES = ["page", "half", "drip", "flood"]
"""Prompts that are answered otherwise than was asked: each is a method of the handler."""


class ModelServer(http.server.ThreadingHTTPServer):
    """Listens on a free port of this machine. `asked` has every request: path, key and JSON (or bytes)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.failures = []
        """Statuses to answer the next requests with."""
        self.gate = threading.Event()
        """Opens what the prompt `slowly` waits for."""
        self.gone = threading.Event()
        """Set once a client has left in the middle of a stream."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.gate.set()
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        is_json = self.headers["content-type"] == "application/json"
        asked = json.loads(body) if is_json else body
        self.server.asked.append((self.path, self.headers["authorization"], asked))
        if self.server.failures:
            return self.fail(self.server.failures.pop(0))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, "post" + self.path.replace("/", "_"))(asked)

    def fail(self, failure):
        """Answers with a status, or with one and what `retry-after` says, or with a status and a body of its own."""
        status, *more = failure if isinstance(failure, tuple) else (failure,)
        fields = {"retry-after": more[0]} if more and isinstance(more[0], str) else {}
        body = more[0] if more and isinstance(more[0], bytes) else {"error": {"message": "not now"}}
        self.answer(body, status, **fields)

    def answer(self, value, status=200, content_type="application/json", **fields):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        for name, field in fields.items():
            self.send_header(name, field)
        self.end_headers()
        self.wfile.write(body)

    def begin(self, length):
        """The head of a JSON answer of so many bytes, of which not all need to come."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(length))
        self.send_header("connection", "close")
        self.close_connection = True
        self.end_headers()
        self.wfile.flush()

    def post_v1_completions(self, asked):
        self.answer({"choices": [{"text": f"raw {asked['prompt']}"}], "usage": {"prompt_tokens": 1}})

    def post_v1_chat_completions(self, asked):
        last = asked["messages"][-1]["content"]
        if asked.get("stream"):
            return self.stream(last)
        if last == "wait":
            self.server.gate.wait()
        if last == "lie":
            return self.answer(b"not JSON")
        if last == "nothing":
            return self.answer({"choices": []})
        if last in LIES:
            return getattr(self, last)()
        message = {"role": "assistant", "content": f"you said {last}"}
        if last == "json":
            message["content"] = '{"a": 1}'
        if asked.get("tools"):
            function = {"name": asked["tools"][0]["function"]["name"], "arguments": '{"city": "Oslo"}'}
            message = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}
        if asked["messages"][0]["role"] == "system":
            message["content"] = asked["messages"][0]["content"][:9] + " " + last
        if isinstance(last, list):
            message["content"] = f"{last[0]['text']} {last[1]['image_url']['url']}"
        usage = {"prompt_tokens": 3, "completion_tokens": asked["max_tokens"], "total_tokens": 4}
        self.answer({"id": "1", "object": "chat.completion", "choices": [{"index": 0, "message": message}], "usage": usage})

    def page(self):
        self.answer(b"<html>Please log in</html>", content_type="text/html")

    def half(self):
        self.begin(1000)
        self.wfile.write(b'{"choices": [')

    def drip(self):
        """A byte now and then, until nobody listens."""
        self.begin(1 << 20)
        with contextlib.suppress(OSError):
            while not self.server.gate.wait(0.01):
                self.wfile.write(b" ")
                self.wfile.flush()
        self.server.gone.set()

    def flood(self):
        self.begin(1 << 30)
        try:
            for _ in range(1 << 10):
                self.wfile.write(b" " * (1 << 20))
        except OSError:
            self.server.gone.set()

    def stream(self, last):
        if last == "no stream":
            return self.answer({"error": {"message": "streams cost extra"}})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("connection", "close")
        self.close_connection = True
        self.end_headers()
        self.token("one ")
        if last == "slowly":
            self.server.gate.wait()
        if last == "breaks":
            return
        if last == "forever":
            try:
                while True:
                    self.token("x" * 4096)
            except OSError:
                self.server.gone.set()
                return
        if last == "nonsense":
            self.wfile.write(b"data: {\n\n")
        self.token("two")
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        self.wfile.write(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def token(self, text):
        self.wfile.write(b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n")
        self.wfile.flush()

    def post_v1_responses(self, asked):
        if asked.get("stream"):
            return self.answer(b'data: {"type":"response.completed"}\n\n', content_type="text/event-stream")
        text = {"type": "output_text", "text": f"{asked['instructions']} {asked['input']}"}
        self.answer({"id": "1", "object": "response", "model": asked["model"], "output": [{"type": "message", "content": [text]}]})

    def post_v1_embeddings(self, asked):
        if asked["input"] == ["too few"]:
            return self.answer({"data": []})
        vectors = [[float(len(text)), 1.0] for text in asked["input"]]
        data = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        self.answer({"data": data[::-1]})

    def post_v1_rerank(self, asked):
        scores = [asked["query"] in document for document in asked["documents"]]
        results = [{"index": index, "relevance_score": float(score)} for index, score in enumerate(scores)]
        self.answer({"results": results})

    def post_v1_images_generations(self, asked):
        self.answer({"data": [{"b64_json": base64.b64encode(PNG + asked["size"].encode()).decode()}]})

    def post_v1_audio_speech(self, asked):
        self.answer(f"{asked['voice']} says {asked['input']}".encode(), content_type="audio/mpeg")

    def post_v1_audio_transcriptions(self, asked):
        spoken = asked.split(b"\r\n\r\n")[-1].split(b"\r\n")[0].decode()
        segments = [{"start": 0.0, "end": 61.5, "text": f" {spoken}"}]
        words = [{"word": spoken, "start": 0.0, "end": 61.5}]
        self.answer({"text": spoken, "language": "en", "duration": 61.5, "segments": segments, "words": words})

    def post_client_plain(self, asked):
        self.answer({"result": {"echo": asked}, "success": True, "errors": [], "messages": []})

    def post_client_stream(self, asked):
        self.answer(b'data: {"response":"as it is"}\n\n', content_type="text/event-stream")

    def post_client_fails(self, asked):
        self.answer({"success": False, "errors": [{"code": 7009, "message": "Upstream service unavailable"}]}, 400)

