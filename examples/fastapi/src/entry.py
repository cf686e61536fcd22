"""Tasks in a D1 database and files in an R2 bucket, behind FastAPI; `/docs` shows what there is."""

from contextlib import asynccontextmanager

from fastapi import BackgroundTasks, FastAPI, HTTPException, Request, UploadFile
from pydantic import BaseModel, Field
from workers import asgi


class Draft(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    done: bool = False


class Task(Draft):
    id: int


@asynccontextmanager
async def lifespan(app):
    """What begins and ends with the application; the adapter does it for each request."""
    yield {"title": "Tasks"}


app = FastAPI(title="Tasks", lifespan=lifespan)


@app.middleware("http")
async def with_table(request: Request, call_next):
    await request.scope["env"].DB.exec(
        "CREATE TABLE IF NOT EXISTS tasks (id INTEGER PRIMARY KEY, title TEXT NOT NULL, done INTEGER NOT NULL)"
    )
    return await call_next(request)


def report(task: Task):
    print(f"added {task.title!r}")


@app.get("/")
async def index(request: Request):
    return {"title": request.state.title, "docs": "/docs"}


@app.post("/tasks", status_code=201)
async def add(request: Request, draft: Draft, background: BackgroundTasks) -> Task:
    row = await (
        request.scope["env"]
        .DB.prepare("INSERT INTO tasks (title, done) VALUES (?, ?) RETURNING *")
        .bind(draft.title, draft.done)
        .first()
    )
    task = Task.model_validate(row)
    background.add_task(report, task)
    return task


@app.get("/tasks")
async def tasks(request: Request, done: bool | None = None) -> list[Task]:
    statement = request.scope["env"].DB.prepare(
        "SELECT * FROM tasks WHERE ?1 IS NULL OR done = ?1 ORDER BY id"
    )
    found = await statement.bind(done).all()
    return [Task.model_validate(row) for row in found["results"]]


@app.get("/tasks/{number}")
async def task(request: Request, number: int) -> Task:
    statement = request.scope["env"].DB.prepare("SELECT * FROM tasks WHERE id = ?")
    row = await statement.bind(number).first()
    if row is None:
        raise HTTPException(404, "there is no such task")
    return Task.model_validate(row)


@app.post("/files", status_code=201)
async def upload(request: Request, file: UploadFile):
    content = await file.read()
    await request.scope["env"].FILES.put(file.filename, content)
    return {"name": file.filename, "type": file.content_type, "size": len(content)}


Default = asgi.entrypoint(app)
