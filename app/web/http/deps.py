"""Dependencies of routes (FastAPI): the bot, the visitor, and the types of path parameters."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Path, Request

from app.bootstrap import Bot
from app.domain.visitor import Visitor
from app.engine.engine import Engine
from app.engine.reader import Reader
from app.web.http.visitors import visitor_of

Thing = TypeVar("Thing")
LARGEST_ID = 2**53 - 1
"""Of a line or a submission: 64 bits in the database, and up to here every JSON reader has it exactly."""
LARGEST_NUMBER = 2**31 - 1
"""Of a run, a version, or a seed: 32 bits."""


def bot_of(request: Request) -> Bot:
    """The bot behind the site that was asked."""
    return cast("Bot", request.app.state.bot)


def engine_of(request: Request) -> Engine:
    """The engine of this process."""
    return cast("Engine", request.app.state.engine)


def reader_of(request: Request) -> Reader:
    """The reader of this process."""
    return cast("Reader", request.app.state.reader)


def _inline(get: Callable[[Request], Thing]) -> Callable[[Request], Awaitable[Thing]]:
    """*get* on the event loop: FastAPI runs plain functions in a thread, which costs more than these do."""

    async def got(request: Request) -> Thing:
        return get(request)

    return got


BotDep = Annotated[Bot, Depends(_inline(bot_of))]
EngineDep = Annotated[Engine, Depends(_inline(engine_of))]
ReaderDep = Annotated[Reader, Depends(_inline(reader_of))]
VisitorDep = Annotated[Visitor, Depends(_inline(visitor_of))]

Slug = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]*$", max_length=40, description="A voice.", examples=["sibot"])]
PoemId = Annotated[str, Path(pattern=r"^[a-z2-7]+$", max_length=16, description="A poem.")]
LineId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="A line.")]
RunId = Annotated[int, Path(ge=1, le=LARGEST_NUMBER, description="A run.")]
SubmissionId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="A submission.")]
Token = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_-]+$", max_length=40, description="Its author's key to a submission.")
]
Number = Annotated[int, Path(ge=0, le=LARGEST_NUMBER, description="A version of the voice's present base.")]
