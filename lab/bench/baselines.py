"""Baselines of `bench decode` and `bench serve`.

For `decode`: the same weights in eager PyTorch, one symbol a call, written in two ways. `Whole` calls the network as
it is trained, with texts of one symbol; `Cells` writes its layers out with `nn.LSTMCell` or the like. Both draw with
softmax and multinomial only, without nucleus or rules, so they do less than the engine. The physical limit is how fast
this machine multiplies matrices of one step's shapes.

For `serve`: an HTTP server that works as the ancestor's did, with our network in it.

    python -m lab.bench.baselines FOLDER [whole|cells] THREADS

It answers one request at a time, without batches or candidates, and stores each poem in SQLite before it answers.
"""

import json
import sqlite3
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from app.domain.poem import LINES
from lab.bench.site import HOST
from models import checkpoint
from models.graph import IR, OPSET
from models.network import CharNetwork, State
from models.sample import BETWEEN, Rules
from models.shapes import GATES, width
from models.step import exact_options
from worker.trainer import network_of

_CELLS: dict[str, type[nn.RNNCellBase]] = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}


class Whole:
    """The network's own layers (`nn.LSTM` or another), called with one symbol a text."""

    def __init__(self, network: CharNetwork, rows: int, *, temperature: float = 1.0) -> None:
        self.network, self.temperature = network, temperature
        self.ids = torch.zeros(rows, dtype=torch.long)
        self.state: Any = network.silence(rows)

    @torch.inference_mode()
    def step(self) -> Tensor:
        """Read a symbol for each row and draw the next: (N,)."""
        logits = self._logits()  # (N, V)
        self.ids = torch.multinomial(torch.softmax(logits / self.temperature, dim=-1), 1)[:, 0]
        return self.ids

    def _logits(self) -> Tensor:
        logits, self.state = self.network(self.ids[:, None], cast("State", self.state))
        return cast("Tensor", logits[:, -1])


class Cells(Whole):
    """The same with `nn.LSTMCell`, `nn.GRUCell` or `nn.RNNCell`, layer by layer."""

    def __init__(self, network: CharNetwork, rows: int, *, temperature: float = 1.0) -> None:
        super().__init__(network, rows, temperature=temperature)
        kind = _CELLS[network.architecture.cell]
        self.cells = [_cell(kind, cast("nn.RNNBase", layer)) for layer in network.layers]
        parts = [tuple(part[0] for part in layer) for layer in self.state]
        self.state = parts if kind is nn.LSTMCell else [part[0] for part in parts]

    def _logits(self) -> Tensor:
        network, after = self.network, []
        x = network.embedding(self.ids)  # (N,) -> (N, E)
        for i, (cell, before) in enumerate(zip(self.cells, self.state, strict=True)):
            now = cell(x, before)
            after.append(now)
            hidden = now[0] if isinstance(now, tuple) else now  # (N, H)
            x = x + hidden if network.architecture.residual and i else hidden
        self.state = after
        return cast("Tensor", network.project(x) @ network.embedding.weight.T + network.bias)


def _cell(kind: type[nn.RNNCellBase], layer: nn.RNNBase) -> nn.RNNCellBase:
    """The cell with the weights of that layer."""
    cell = cast("Any", kind)(layer.input_size, layer.hidden_size)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict({name: layer.get_parameter(f"{name}_l0") for name in names})
    return cast("nn.RNNCellBase", cell.eval())


def shapes(architecture: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Shapes (K, N) of the matrix products of a step: for each layer and the output."""
    size, gates = int(architecture["size"]), GATES[architecture["cell"]]
    widths = [int(architecture["embedding"])] + [size] * (int(architecture["layers"]) - 1)
    return [(w + size, gates * size) for w in widths] + [(size, width(int(architecture["symbols"])))]


def operations(architecture: Mapping[str, Any]) -> int:
    """Multiplications and additions of one step of one text."""
    return sum(2 * k * n for k, n in shapes(architecture))


def products(architecture: Mapping[str, Any], rows: int, *, threads: int) -> Callable[[], object]:
    """A function that runs the int8 matrix products of one step of *rows* texts, one after the other."""
    nodes, inputs, outputs, weights, feed = [], [], [], [], {}
    for i, (k, n) in enumerate(shapes(architecture)):
        rng = np.random.default_rng(k)
        x = rng.integers(1, 255, (rows, k), np.uint8)
        weight = rng.integers(-127, 127, (k, n), np.int8)
        nodes.append(helper.make_node("MatMulInteger", [f"x{i}", f"w{i}"], [f"y{i}"]))
        inputs.append(helper.make_tensor_value_info(f"x{i}", TensorProto.UINT8, x.shape))
        outputs.append(helper.make_tensor_value_info(f"y{i}", TensorProto.INT32, (rows, n)))
        weights.append(numpy_helper.from_array(weight, f"w{i}"))
        feed[f"x{i}"] = x
    graph = helper.make_graph(nodes, "products", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    session = ort.InferenceSession(
        model.SerializeToString(), exact_options(threads), providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    for name, x in feed.items():
        binding.bind_cpu_input(name, x)
    for output in outputs:
        binding.bind_output(output.name)
    return lambda: session.run_with_iobinding(binding)


LONGEST = 64
"""Characters after which a line is cut."""


class Poet:
    """Writes one poem at a time."""

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
    """Answer each POST with a poem, until killed."""
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
            """Log nothing: a log line per request costs time."""

    class Server(HTTPServer):
        request_queue_size = 1024

    server = Server((HOST, 0), Answers)
    print(f"poembot: http://{HOST}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    serve(Poet(Path(sys.argv[1]), {"whole": Whole, "cells": Cells}[sys.argv[2]]), Path("poems.db"))
