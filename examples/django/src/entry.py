"""Django in one file, by ASGI: synchronous and asynchronous views, a binding in one of them, a stream, an upload, a template."""

import hashlib

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.urls import path
from pyodide.ffi import run_sync
from workers import asgi, env

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=env.SECRET_KEY,
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)

GREETING = "<h1>Hello, {{ name }}</h1><p>Visit {{ visit }}</p>"


def greet(request, name):
    visit = int(run_sync(env.VISITS.get(name)) or 0) + 1
    run_sync(env.VISITS.put(name, str(visit)))
    template = engines["django"].from_string(GREETING)
    return HttpResponse(template.render({"name": name, "visit": visit}, request))


async def about(request):
    return JsonResponse({"path": request.path, "agent": request.headers.get("User-Agent")})


async def numbers(request):
    async def pieces():
        for number in range(3):
            yield f"{number}\n"

    return StreamingHttpResponse(pieces(), content_type="text/plain")


def upload(request):
    file = request.FILES["file"]
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return JsonResponse({"name": file.name, "size": file.size, "sha256": digest.hexdigest()})


urlpatterns = [
    path("hello/<str:name>", greet),
    path("about", about),
    path("numbers", numbers),
    path("upload", upload),
]
application = get_asgi_application()
Default = asgi.entrypoint(application)
