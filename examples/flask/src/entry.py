"""A guest book of Flask's. Flask is synchronous; `run_sync` waits for what a binding promises."""

import hashlib

from flask import Flask, Response, redirect, render_template_string, request, url_for
from pyodide.ffi import run_sync
from workers import wsgi

PAGE = """<!doctype html>
<title>Guest book</title>
<ul>{% for guest in guests %}<li>{{ guest }}</li>{% endfor %}</ul>
<form method="post"><input name="guest" required><button>Sign</button></form>
"""
PIECE_BYTES = 64 * 1024

app = Flask(__name__)


def guest_book():
    return request.environ["workers.env"].GUESTS


@app.get("/")
def guests():
    found = run_sync(guest_book().list())
    return render_template_string(PAGE, guests=[key["name"] for key in found["keys"]])


@app.post("/")
def sign():
    run_sync(guest_book().put(request.form["guest"], "signed"))
    return redirect(url_for("guests"), 303)


@app.get("/numbers")
def numbers():
    return Response((f"{number}\n" for number in range(3)), mimetype="text/plain")


@app.post("/upload")
def upload():
    digest, size = hashlib.sha256(), 0
    while piece := request.stream.read(PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
    return {"size": size, "sha256": digest.hexdigest()}


Default = wsgi.entrypoint(app)
