"""`serve`, `worker`, `beat`: the processes of the site, together or one by one."""

import os
from contextlib import closing
from typing import Annotated

import typer

from app.commands.shell import BadUse, Failed, opened, prepare, settings_of_environment

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")]
Webs = Annotated[int, typer.Option("--web-workers", min=1, max=64, help="Web processes that share the port.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into *app*."""
    app.command()(serve)
    app.command()(worker)
    app.command()(beat)
    app.command(hidden=True)(web)


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    web_workers: Webs = 1,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="The site alone, without worker and beat.")] = False,
) -> int:
    """Start site, worker and beat, and start again whichever dies."""
    from app.bootstrap import build
    from app.serve import Supervisor, listen
    from app.store.admins import Admins

    if not host.isprintable():
        raise BadUse(f"{host!r} is not the name of a machine")
    settings = settings_of_environment(loud=True)
    try:
        socket = listen(host, port)
    except OSError as error:
        # The system's own words; a name that is not resolved has a number that is none of the system's.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror or str(error)
        raise Failed(f"cannot listen on {host}:{port}: {reason}; choose another with --port") from None
    with closing(build(settings)) as bot:
        prepare(bot)
        with bot.reads(Admins) as admins:
            orphaned = not admins.any()
    hint = "make an admin with `poembot admin create NAME`, then open /desk" if orphaned else None
    return Supervisor(socket, webs=web_workers, worker=not no_worker, hint=hint).run()


def web(fd: Annotated[int, typer.Option(help="Number of the listening socket that was handed down.")]) -> None:
    """One web process of `serve`, on a socket that its parent opened."""
    import socket

    import uvicorn

    from app.web.http.limits import BoundedHttp, open_many_files

    settings = settings_of_environment(loud=True)
    open_many_files()
    config = uvicorn.Config(
        "app.asgi:app",
        http=BoundedHttp,
        log_config=None,
        access_log=False,
        server_header=False,
        # Proxies are believed by the site itself (POEMBOT_TRUSTED_PROXIES), not by the server.
        proxy_headers=False,
        timeout_graceful_shutdown=5 if settings.env == "development" else 20,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=fd)])


def worker() -> int:
    """Take up runs until told to go."""
    from worker import tasks

    with opened(loud=True) as bot:
        return tasks.work(bot)


def beat() -> None:
    """Sweep every few seconds: due schedules, expired leases, lost announcements. One is enough."""
    from worker import tasks

    with opened(loud=True) as bot:
        tasks.beat(bot)
