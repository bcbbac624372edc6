"""The baseline of `bench serve`: a server as the ancestor's was, with our network in it.

    python -m lab.bench.naive FOLDER [whole|cells]

One request at a time, eager torch, one symbol a call, no batches, no candidates; each poem is
stored in SQLite before it is answered. It writes in our style, but without nucleus and lengths.
"""

import json
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import torch

from app.domain.poem import LINES
from lab.bench.baselines import Cells, Whole, network_of
from lab.bench.site import HOST
from models import checkpoint
from models.sample import BETWEEN, Rules

LONGEST = 64
"""Characters after which a line ends whatever the network says."""


class Poet:
    """Writes poems, one after the other."""

    def __init__(self, folder: Path, spelling: type[Whole]) -> None:
        version = checkpoint.read(folder)
        style = version.meta.style
        self.vocabulary, self.temperature = version.vocabulary, style.temperature
        self.network, self.spelling = network_of(version), spelling
        rules = Rules.of(version.vocabulary, banned=style.banned, spell=style.spell)
        self.newline = rules.newline
        self.network.bias.data += torch.from_numpy(rules.forbidden[BETWEEN, : len(version.vocabulary)])

    def poem(self) -> list[str]:
        """Five lines."""
        text, lines = self.spelling(self.network, 1, temperature=self.temperature), list[str]()
        while len(lines) < LINES:
            line: list[int] = []
            while (symbol := int(text.step())) != self.newline and len(line) < LONGEST:
                line.append(symbol)
            lines.append(self.vocabulary.decode(line))
        return lines


def serve(poet: Poet, database: Path) -> None:
    """Answer POST with a poem, until killed."""
    store = sqlite3.connect(database)
    store.execute("CREATE TABLE poem (id INTEGER PRIMARY KEY, lines TEXT)")

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            lines = poet.poem()
            with store:
                store.execute("INSERT INTO poem (lines) VALUES (?)", ["\n".join(lines)])
            body = json.dumps({"lines": [{"text": line} for line in lines]}, ensure_ascii=False).encode()
            self.send_response(201)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a line a request costs time."""

    class Server(HTTPServer):
        request_queue_size = 1024

    server = Server((HOST, 0), Answers)
    print(f"poembot: http://{HOST}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    serve(Poet(Path(sys.argv[1]), {"whole": Whole, "cells": Cells}[sys.argv[2]]), Path("poems.db"))
