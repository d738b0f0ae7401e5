"""The application: what the lifespan opens, the routes, the error table."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from anyio import to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from service import errors, faults
from service.auditing import Record
from service.budgeting import RATE_LIMIT_HEADERS
from service.examples import load_examples
from service.expiry import keep_sweeping
from service.headers import Headers
from service.installation import Installation
from service.revocation import EndRevoked
from service.routes import (
    actions,
    assistants,
    audit,
    budgets,
    confirmations,
    conversations,
    documents,
    health,
    invitations,
    keys,
    knowledge_bases,
    mcp,
    mcp_servers,
    members,
    page,
    session,
    teams,
)
from service.routes.openai import assistants as assistants_api
from service.routes.openai import (
    chat,
    embeddings,
    files,
    models,
    responses,
    runs,
    threads,
    uploads,
    vector_store_files,
    vector_stores,
)
from service.routes.openai import conversations as conversations_of_openai
from service.routes.openai.running import Runs
from service.settings import Settings

_ABOUT = """\
The custom GPTs that a team runs itself: answers from its own files, cited to the page.

Sign every request with a key of the team: `Authorization: Bearer sk-doumi-…`. Under `/v1` the API
speaks OpenAI's language, an assistant's slug is the `model`. Every error has the body
`{"error": {"message", "type", "param", "code"}}`.
"""


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application; nothing is opened before its lifespan begins."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        here = await to_thread.run_sync(Installation.open, settings)
        app.state.installation = here
        app.state.runs = Runs(here)
        app.state.mcp = mcp.Door(here)
        here.begin(load_examples)
        sweeping = asyncio.create_task(keep_sweeping(here))
        try:
            yield
        finally:
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping
            await app.state.runs.close()
            await app.state.mcp.close()
            await here.background.close()
            await here.close_connections()
            await to_thread.run_sync(here.close)

    app = FastAPI(
        title="Doumi",
        version=version("doumi"),
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # the page brings its own, so that nothing comes from another host
        redoc_url=None,
    )
    app.add_middleware(Record)
    app.add_middleware(EndRevoked)
    app.add_middleware(Headers)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after", *RATE_LIMIT_HEADERS],
        )
    errors.install(app, faults.TABLE)
    answering = (chat, models, responses, conversations_of_openai)
    stores = (embeddings, files, uploads, vector_stores, vector_store_files)
    # Runs before threads: /v1/threads/runs is no thread.
    openai = (*answering, *stores, assistants_api, runs, threads)
    people = (session, teams, members, invitations, keys, budgets, audit)
    ours = (assistants, actions, mcp_servers, knowledge_bases, conversations, confirmations)
    for module in (*openai, *ours, *people, health, mcp, page):
        app.include_router(module.router)
    for router in documents.routers():
        app.include_router(router)
    return app
