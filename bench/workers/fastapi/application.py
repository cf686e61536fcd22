"""The same FastAPI application for hognose and for uvicorn."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.get("/", response_class=PlainTextResponse)
async def answer():
    return "bar"
