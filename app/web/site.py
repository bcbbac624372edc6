"""The site: the ASGI application (FastAPI) over a bot and an engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.middleware import Middleware
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from app.bootstrap import Bot, build_surprise_meter
from app.engine.engine import Engine
from app.web import desk, ops
from app.web.api import admin as admin_api
from app.web.api import readers as readers_api
from app.web.api import stream
from app.web.http import errors
from app.web.http.admission import Admission
from app.web.http.edge import HEADERS, ONLY_TLS, Guard, RequestMiddleware
from app.web.http.limits import Limits
from app.web.http.page import CachedFiles, Pages, page
from app.web.http.unlisted import ONLY_SHOWN
from app.web.http.visitors import Keys
from app.web.ops import DeploymentGauges, EngineGauges, Metrics
from app.web.readers import anthology, guess, home, learn, poems, share, submissions, versions

ROUTES = (
    *(ops, stream, readers_api, admin_api, desk),
    *(home, submissions, share, anthology, versions, learn, guess),
    poems,  # last: GET /{voice} matches every single word
)
OPENAPI, DOCS_UI = "/api/openapi.json", "/api/docs/ui"
"""Swagger UI 5 comes from the files of a package, not from a CDN; our one script starts it."""
SPARE_THREADS = 40
"""Threads for pages, the database and files, in addition to those that wait for the engine."""


def create_app(bot: Bot, engine: Engine) -> FastAPI:
    """Build the application; its lifespan starts and stops the engine and the heartbeat."""
    site_metrics, site_pages = Metrics(EngineGauges(engine), DeploymentGauges(bot, engine)), Pages()
    headers = HEADERS | (ONLY_TLS if bot.settings.env == "production" else {})
    app = FastAPI(
        title="poem-bot",
        summary="A poet that learns from its readers. Its poems are written by a machine.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI,
        redirect_slashes=False,
        lifespan=_lifespan,
        middleware=[
            Middleware(RequestMiddleware, metrics=site_metrics, answer=errors.answer_outside, headers=headers),
            Middleware(Guard, answer=errors.answer_outside, hosts=bot.settings.names),
            *([Middleware(Admission, refuse=errors.busy)] if bot.settings.limits == "on" else []),
        ],
    )
    app.state.bot, app.state.engine, app.state.surprise_meter = bot, engine, build_surprise_meter(bot)
    app.state.metrics, app.state.pages = site_metrics, site_pages
    app.state.keys = Keys(bot.settings.secret())
    app.state.limits = Limits(bot.settings)
    errors.install(app)
    app.mount("/static", CachedFiles(directory=site_pages.assets.folder), name="static")
    app.mount(DOCS_UI, CachedFiles(packages=[("fastapi_offline", "static")]), name="swagger-ui")
    app.add_api_route("/api/docs", api_docs, include_in_schema=False)
    icon = site_pages.assets.url("icon.svg")
    app.add_api_route("/favicon.ico", lambda: RedirectResponse(icon, 301), include_in_schema=False)
    for module in ROUTES:
        app.include_router(module.router, dependencies=ONLY_SHOWN)
    return app


def api_docs(request: Request) -> HTMLResponse:
    """Swagger UI for our OpenAPI description."""
    return page(request, "docs.html", openapi=OPENAPI, ui=DOCS_UI)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    bot: Bot = app.state.bot
    engine: Engine = app.state.engine
    waiting = bot.settings.slots + bot.settings.queue  # threads that may wait for the engine at once
    anyio.to_thread.current_default_thread_limiter().total_tokens = waiting + SPARE_THREADS
    await run_in_threadpool(engine.start)
    heartbeat = asyncio.create_task(ops.heartbeat(bot, engine))
    try:
        yield
    finally:
        heartbeat.cancel()
        with suppress(asyncio.CancelledError):
            await heartbeat
        await run_in_threadpool(engine.close)
