"""`bench decode` and `bench train`: the contract's shape, and a baseline that is the same network."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lab.bench import baselines, decode, report, train
from lab.bench.baselines import Cells, Whole
from models import checkpoint
from models.network import Architecture, CharNetwork
from models.step import Step, unrestricted
from worker.trainer import network_of


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_both_spellings_say_the_same(cell: str) -> None:
    """The network as trained, and its layers as cells, with residual layers: one and the same."""
    torch.manual_seed(1)
    network = CharNetwork(Architecture(11, cell, 3, 6, 4, residual=True)).eval()  # type: ignore[arg-type]
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    whole, cells = Whole(network, 2), Cells(network, 2)

    with torch.inference_mode():
        for symbol in (3, 7, 1, 10, 0, 4):
            whole.ids[:] = cells.ids[:] = symbol
            np.testing.assert_allclose(whole._logits().numpy(), cells._logits().numpy(), atol=1e-5)


def test_decode_reports_what_the_contract_says(voice: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small and short, but whole: rates, ratios, curve, limit, sizes; a table and a graph of them."""
    monkeypatch.setattr(decode, "BATCHES", (1, 2))
    monkeypatch.setattr(decode, "SIZES", (8,))
    monkeypatch.setattr(decode, "READERS", (1, 3))
    figures = decode.measure(voice, threads=1, seconds=0.1, tell=lambda _: None)

    assert {"machine", "voice", "layers", "size", "vocab", "threads", "int8_bits_delta"} <= set(figures)
    for name in ("b1", "b64"):
        assert set(figures[name]) == {"engine", "torch_lstm", "torch_cell", "onnx_step", "ratio", "overhead"}
        assert figures[name]["engine"] > 0
    assert [point["b"] for point in figures["curve"]] == [1, 2]
    for readers, found in zip((1, 3), figures["poems"], strict=True):
        assert found["readers"] == readers
        assert found["candidates"] > found["without_taste"]["candidates"] == 1
        assert found["poems_per_cpu_s"] > 0
    assert abs(figures["int8_bits_delta"]) < 0.05
    assert any("B=64" in what for what, _, _ in decode.rows(figures))
    assert "<svg" in decode.draw(report.rounded(figures), tmp_path).read_text(encoding="utf-8")


def test_the_holdout_costs_what_reading_it_says(voice: Path) -> None:
    """Bits a character, many poems side by side, are those of the network itself."""
    from models.corpus import read_poems
    from models.evaluate import surprise_of_poems

    version = checkpoint.read(voice)
    said = surprise_of_poems(network_of(version), version.vocabulary, read_poems(voice / "holdout.txt"))

    assert decode.bits(version, "fp32", rows=7) == pytest.approx(said.bits_per_char, abs=2e-3)


def test_the_limit_multiplies_what_a_step_does(voice: Path) -> None:
    """As wide as the network, and it runs."""
    version = checkpoint.read(voice)
    architecture = version.meta.architecture
    baselines.products(architecture, 3, threads=1)()
    step = Step(
        version.build_graph("int8"), rules=unrestricted(len(version.vocabulary), baselines.shapes(architecture)[-1][1])
    )

    assert baselines.shapes(architecture)[-1][1] == step.width


def test_train_reports_what_the_contract_says(voice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both loops run on the same batches."""
    monkeypatch.setattr(train, "LANES", 4)
    monkeypatch.setattr(train, "STEPS", 16)
    threads = torch.get_num_threads()
    figures = train.measure(voice, threads=1, seconds=0.3, tell=lambda _: None)
    torch.set_num_threads(threads)

    for name in ("chars_per_s", "plain_chars_per_s", "ratio", "gemm_gflops", "achieved_gflops"):
        assert figures[name] > 0
    assert train.rows(figures)


def test_results_are_kept_and_summed_up(tmp_path: Path) -> None:
    """Each bench replaces its own file only; one page shows all, with what was not measured said so."""
    swap = {
        "swaps": 5,
        "poems": 9,
        "failed": 0,
        "mixed": 0,
        "gap_p99_ms": 30.123456,
        "gap_p99_ms_no_swap": None,
    }
    report.keep("swap", report.rounded(swap), tmp_path)
    page = report.summarise(tmp_path).read_text(encoding="utf-8")

    assert json.loads((tmp_path / "swap.json").read_text(encoding="utf-8"))["gap_p99_ms"] == 30.12
    assert "| requests that failed | 0 | ≤ 0 / ≤ 0  aim |" in page
    assert "not measured" in page


@pytest.mark.parametrize(
    ("figure", "least", "said"),
    [(40.0, True, "aim"), (25.0, True, "must"), (3.0, True, "missed"), (9.0, False, "aim"), (50.0, False, "missed")],
)
def test_a_verdict_says_which_mark_is_reached(figure: float, least: bool, said: str) -> None:
    """More is better, or less is."""
    must, aim = (20, 35) if least else (30, 10)

    assert report.verdict(figure, must=must, aim=aim, least=least).endswith(said)
