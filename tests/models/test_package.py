"""Packaging: what a recipe has trained becomes a base voice, with what lies beside it kept."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from safetensors.torch import load_file, save_file

from lab.recipes.making import Maker
from lab.recipes.package import VOICES, architecture_of, package, renew
from models import checkpoint, seen
from models.network import Architecture, CharNetwork
from models.vocabulary import Vocabulary

SYMBOLS = Vocabulary(tuple('가나 \n,.#"A'))
MADE = Architecture(len(SYMBOLS), "lstm", 2, 5, 4, residual=True)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """What a recipe leaves behind: weights and vocabulary."""
    torch.manual_seed(0)
    net = CharNetwork(MADE)
    tensors = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    noted = {"architecture": json.dumps(MADE.as_dict())}
    safetensors.numpy.save_file(tensors, tmp_path / "verse.safetensors", metadata=noted)
    (tmp_path / "vocabulary.json").write_text(json.dumps(SYMBOLS.characters), encoding="utf-8")
    return tmp_path


def packaged(work: Path, release: str, read: Sequence[str] = ()) -> checkpoint.Checkpoint:
    """The base after packaging."""
    weights, vocabulary = work / "verse.safetensors", work / "vocabulary.json"
    package("sibot", release=release, weights=weights, vocabulary=vocabulary, bases=work / "base", read=read)
    return checkpoint.read(work / "base" / "sibot")


def test_a_base_is_made_beside_its_holdout(work: Path) -> None:
    """Holdout, verse and card stay; the rest is new; nothing else is left lying about."""
    place = work / "base" / "sibot"
    (place / "verse").mkdir(parents=True)
    for name in ("holdout.txt", "verse/home.txt", "MODEL_CARD.md"):
        (place / name).write_text("가나", encoding="utf-8")
    first, second = packaged(work, "sibot-1"), packaged(work, "sibot-2")

    assert (first.meta.base, second.meta.base) == ("sibot-1", "sibot-2")
    assert (second.meta.voice, second.meta.title, second.meta.language) == ("sibot", "시봇", "ko")
    assert {"holdout.txt", "verse/home.txt"} <= set(second.meta.files)
    assert (place / "MODEL_CARD.md").read_text(encoding="utf-8") == "가나"
    assert [p.name for p in (work / "base").iterdir()] == ["sibot"]


def test_a_base_is_renewed_from_its_own_weights(work: Path) -> None:
    """The graph of an older export gives way to today's; nothing else changes."""
    today, place = packaged(work, "sibot-1"), work / "base" / "sibot"
    other, said = today.build_graph("fp32"), today.said
    shutil.rmtree(place)
    checkpoint.write(place, today.meta, today.vocabulary, today.weights, step_onnx=other, said=said)
    renew("sibot", bases=work / "base")

    new = checkpoint.read(place)
    assert new.step_graph("int8") == new.build_graph("int8") != other
    assert new.meta == today.meta


def test_a_base_brings_what_it_chooses_by(work: Path) -> None:
    """The reward it is given, and how the lines run that it has read: its own verse, and the corpus'. Both are kept."""
    verse = work / "base" / "sibot" / "verse" / "home.txt"
    verse.parent.mkdir(parents=True)
    verse.write_text("우리는 저녁마다 창가에 오래 앉아 있었다", encoding="utf-8")
    reward = np.arange(MADE.size, dtype=np.float32)
    weights, vocabulary = work / "verse.safetensors", work / "vocabulary.json"
    package(
        "sibot",
        release="sibot-1",
        weights=weights,
        vocabulary=vocabulary,
        bases=work / "base",
        read=["비 오는 날에는 아무도 이 길을 걷지 않는다"],
        reward=reward,
    )
    renew("sibot", bases=work / "base")

    new = checkpoint.read(work / "base" / "sibot")
    assert new.reward is not None
    assert new.said is not None
    assert (new.reward == reward).all()
    assert seen.shares_a_run("저녁마다 우리는 저녁마다 창가에 오래 앉아", new.said)
    assert seen.shares_a_run("비 오는 날에는 아무도 이 길을", new.said)
    assert not seen.shares_a_run("아무도 오지 않는 저녁을 오래 생각했다", new.said)


def test_a_shipped_voice_writes_its_own_script(work: Path) -> None:
    """Letters of other scripts, headings and quotation marks are banned; its own, and stops, are not."""
    style = packaged(work, "sibot-1").meta.style

    assert set(style.banned) == set('#"A')
    assert not style.spell
    assert VOICES["bard"].writes("k")
    assert not VOICES["bard"].writes("é")


def test_what_it_has_read_is_kept_as_hashes(work: Path) -> None:
    """So that a copied line is known without the text."""
    text = work / "novel.txt"
    text.write_text("가나다라마바사아자차카타파하", encoding="utf-8")
    base = packaged(work, "sibot-1", read=[text.read_text(encoding="utf-8")])

    assert seen.FILE in base.meta.files
    assert seen.shares_a_run("나다라마 바사아자차카, 타", seen.of_base(base.folder))
    assert not seen.shares_a_run("가가가가가가가가가가가가", seen.of_base(base.folder))


def test_a_base_knows_what_it_is_made_of(work: Path) -> None:
    """The architecture, which the recipe noted beside the weights."""
    assert packaged(work, "sibot-1").meta.architecture == MADE.as_dict()


def test_a_round_begins_between_networks(work: Path) -> None:
    """The mean of those named, in the network and in the work folder, noted as each of them is."""
    networks = [CharNetwork(MADE) for _ in range(3)]
    for number, network in enumerate(networks):
        save_file(network.state_dict(), work / f"graded-{number}.safetensors")

    Maker(networks[0], SYMBOLS, work=work, base=work).average("averaged", ["graded-1", "graded-2"])

    mean = load_file(work / "averaged.safetensors")
    for name, weights in mean.items():
        torch.testing.assert_close(weights, (networks[1].state_dict()[name] + networks[2].state_dict()[name]) / 2)
        torch.testing.assert_close(weights, networks[0].state_dict()[name])
    assert architecture_of(work / "averaged.safetensors") == MADE.as_dict()
