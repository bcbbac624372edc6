"""Read models that are one query of one store."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from app.bootstrap import Bot

Store = TypeVar("Store")
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def query(
    store: Callable[[Session], Store], method: Callable[Concatenate[Store, Asked], Answer]
) -> Callable[Concatenate[Bot, Asked], Answer]:
    """The read model that calls a *method* of *store*, whose docstring says what it returns, in a transaction."""

    def ask(bot: Bot, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        with bot.reads(store) as opened:
            return method(opened, *args, **kwargs)

    return ask
