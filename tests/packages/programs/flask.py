"""Serves a request by its test client."""

REQUIRES = ["flask"]


def main(port):
    from flask import Flask, request

    app = Flask("app")

    @app.post("/twice")
    def twice():
        return {"twice": request.json["n"] * 2}

    assert app.test_client().post("/twice", json={"n": 4}).json == {"twice": 8}
