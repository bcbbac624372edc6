"""Writing on: any beginning, any level, and valid text without end."""

import unicodedata
from collections.abc import Iterator
from itertools import islice

import pytest
import torch

from models import checkpoint
from models.checkpoint import Checkpoint, Meta
from models.network import Architecture, CharNetwork
from models.sample import write_on
from models.vocabulary import Vocabulary

LEVELS = {
    "char": Vocabulary(tuple("if (x)\n\t{}봄비")),
    "word": Vocabulary(tuple("if (x)\n\t{}봄비"), ("return", " return", " if")),
    "byte": Vocabulary(()),
}


@pytest.fixture(scope="module", params=LEVELS)
def version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A random network of each level, with a liking for line ends and tabs."""
    symbols = LEVELS[request.param]
    torch.manual_seed(2)
    architecture = Architecture(len(symbols), "gru", 2, 13, 7)
    net = CharNetwork(architecture)
    with torch.no_grad():
        net.bias[symbols.encode("\n\t")] += 3
    folder = tmp_path_factory.mktemp(request.param) / "version"
    meta = Meta("c", "C", "und", "c", architecture.as_dict(), level=request.param)
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    checkpoint.write(folder, meta, symbols, weights)
    return checkpoint.read(folder)


def written(parts: Iterator[str], count: int = 300) -> str:
    """So many of the parts, joined."""
    return "".join(islice(parts, count))


@pytest.mark.parametrize("beginning", ["", "if (x)\n\t\treturn 봄;\n", "뷁 🦉"])
def test_a_beginning_is_gone_on_with(version: Checkpoint, beginning: str) -> None:
    """It stands as it was, tabs and line ends too; what follows is text, of which only a combining mark may be odd."""
    text = written(write_on(version, beginning))

    assert text.startswith(beginning)
    assert len(text) > len(beginning)
    assert "\N{REPLACEMENT CHARACTER}" not in text
    assert text.encode("utf-8").decode("utf-8") == text
    assert {c for c in text if unicodedata.category(c) == "Cc" and c < "\x80"} <= {"\n", "\t"}


def test_a_seed_is_a_text(version: Checkpoint) -> None:
    """The same one the same, another one another; cold is surer than hot."""
    one, same, other = (written(write_on(version, seed=seed)) for seed in (1, 1, 2))
    cold = written(write_on(version, temperature=0.1))
    hot = written(write_on(version, temperature=2.0))

    assert one == same != other
    assert len(set(cold)) < len(set(hot))


def test_blank_lines_and_indents_are_written(version: Checkpoint) -> None:
    """What the engine keeps out of poems, at every level."""
    text = written(write_on(version))

    assert "\n\n" in text
    assert "\n\t" in text
