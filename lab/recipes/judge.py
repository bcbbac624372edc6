"""The judge of a base: keeps the raw marks of blind readers, and trains the forest that foretells them.

    python -m lab.recipes.judge collect --voice sibot --sheet sheet-1.json --answers answers-1.tsv
    python -m lab.recipes.judge train --voice sibot

`collect` adds a row a poem and reader: where the poem is from, its lines, the marks as they were given, and the line
that breaks it. A sheet's JSON has a pair of source and lines for each poem, in the order of the sheet.

`train` writes `judge.onnx` into the base, and prints how far it agrees with marks that it was not trained on. A poem
that two readers marked lies on one side of that division. Readers differ in strictness, so each sheet's marks are
centred first. From marks with a price on commonness nothing was learned (docs/log.md, 2026-12-04); these are raw.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.ensemble import ExtraTreesRegressor

from models import checkpoint
from models.judge import FILE, MARKS, Floats, Reader

BASES = Path(__file__).parents[2] / "models" / "base"
FOLDER = Path(__file__).parent / "marks"
"""A compressed file of raw marks for each voice, and the brief that readers were given."""
TREES, LEAF, TRIED = 100, 8, 0.4
"""Trees; fewest poems of a leaf; share of the features tried at a node."""
FOLDS = 5
FEWEST_PAIRS = 10
"""Poems read twice, below which their agreement says nothing."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A poem as one reader marked it."""

    sheet: str
    source: str
    """`our` verse, `old` poets, verse shuffled or with one line from elsewhere, or the settings that wrote it."""
    lines: tuple[str, ...]
    marks: tuple[float, ...]
    """In the order of `models.judge.MARKS`, 1 to 5."""
    breaks: int
    """Number of the line that breaks the poem; 0: none does."""


def read(file: Path) -> list[Marked]:
    """The rows of a file of marks. ValueError for a wrong row."""
    rows = []
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        texts = opened.read().splitlines()
    for number, row in enumerate(texts, 1):
        try:
            raw = json.loads(row)
            marks = tuple(float(mark) for mark in raw["marks"])
            one = Marked(raw["sheet"], raw["source"], tuple(raw["lines"]), marks, int(raw["breaks"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file}, row {number}: {error}") from error
        if len(marks) != len(MARKS) or not all(1 <= mark <= 5 for mark in marks):
            raise ValueError(f"{file}, row {number}: {len(MARKS)} marks from 1 to 5")
        rows.append(one)
    return rows


def centred(rows: Sequence[Marked]) -> NDArray[np.float64]:
    """(N, M): the marks, with the mean of each sheet moved to the mean of all."""
    marks = np.array([one.marks for one in rows])
    sheets = np.array([one.sheet for one in rows])
    moved = marks.copy()
    for sheet in set(sheets.tolist()):
        mine = sheets == sheet
        moved[mine] += marks.mean(0) - marks[mine].mean(0)
    return moved


def fit(x: Floats, marks: NDArray[np.float64], *, seed: int = 0) -> ExtraTreesRegressor:
    """A forest (extremely randomised trees, Geurts et al. 2006). *x*: (N, F) features; *marks*: (N, M)."""
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, max_features=TRIED, random_state=seed, n_jobs=2)
    return forest.fit(x, marks)


def as_onnx(forest: ExtraTreesRegressor, width: int) -> bytes:
    """The forest as an ONNX model with one node. *width*: F."""
    node = helper.make_node(
        "TreeEnsembleRegressor", ["features"], ["marks"], domain="ai.onnx.ml", **_tree_attributes(forest)
    )
    graph = helper.make_graph(
        [node],
        "judge",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", width])],
        [helper.make_tensor_value_info("marks", TensorProto.FLOAT, ["N", len(MARKS)])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _tree_attributes(forest: ExtraTreesRegressor) -> dict[str, Any]:
    """The attributes of ONNX' TreeEnsembleRegressor; each leaf has its share of the mean."""
    tree_of, node_of, feature, mode, value, yes, no = [], [], [], [], [], [], []
    t_tree, t_node, t_id, t_weight = [], [], [], []
    for number, fitted in enumerate(forest.estimators_):
        tree = fitted.tree_
        for node in range(tree.node_count):
            leaf = tree.children_left[node] < 0
            tree_of.append(number)
            node_of.append(node)
            feature.append(0 if leaf else int(tree.feature[node]))
            mode.append("LEAF" if leaf else "BRANCH_LEQ")
            value.append(0.0 if leaf else float(np.float32(tree.threshold[node])))
            yes.append(0 if leaf else int(tree.children_left[node]))
            no.append(0 if leaf else int(tree.children_right[node]))
            for mark in range(len(MARKS)) if leaf else ():
                t_tree.append(number)
                t_node.append(node)
                t_id.append(mark)
                t_weight.append(float(tree.value[node][mark][0]) / len(forest.estimators_))
    return {
        "n_targets": len(MARKS),
        "aggregate_function": "SUM",
        "nodes_treeids": tree_of,
        "nodes_nodeids": node_of,
        "nodes_featureids": feature,
        "nodes_modes": mode,
        "nodes_values": value,
        "nodes_truenodeids": yes,
        "nodes_falsenodeids": no,
        "target_treeids": t_tree,
        "target_nodeids": t_node,
        "target_ids": t_id,
        "target_weights": t_weight,
    }


def agreement(rows: Sequence[Marked], x: Floats, marks: NDArray[np.float64]) -> dict[str, object]:
    """How far the judge agrees with marks that it was not trained on, and what choosing by it gains.

    `correlation`: in `FOLDS` folds; a poem that two readers marked is in one fold. `chosen`: readers' marks of the
    twentieth that the judge likes best, beside `mean`, those of all.
    """
    first: dict[tuple[str, ...], int] = {}
    for i, one in enumerate(rows):
        first.setdefault(one.lines, i)
    fold = np.random.default_rng(0).integers(0, FOLDS, len(rows))[[first[one.lines] for one in rows]]
    foretold = np.zeros_like(marks)
    for i in range(FOLDS):
        foretold[fold == i] = fit(x[fold != i], marks[fold != i]).predict(x[fold == i])
    best = np.argsort(-foretold.mean(1))[: max(1, len(rows) // 20)]
    each = [float(np.corrcoef(one, other)[0, 1]) for one, other in zip(foretold.T, marks.T, strict=True)]
    return {
        "poems": len(rows),
        "correlation": _named(each),
        "chosen": _named(marks[best].mean(0).tolist()),
        "mean": _named(marks.mean(0).tolist()),
        "two_readers": _two_readers(rows, marks),
    }


def _named(figures: Sequence[float]) -> dict[str, float]:
    return dict(zip(MARKS, np.round(figures, 3).tolist(), strict=True))


ANCHORS = frozenset({"our", "old", "shuffled", "one_line_else"})
"""Sources on the sheets so that the scale has both ends. The judge is not trained on them: their words stand in the
verse that it knows, and it would learn that known words are good ones."""


def _two_readers(rows: Sequence[Marked], marks: NDArray[np.float64]) -> dict[str, float] | None:
    """Correlation of two readers of the same poem, the ceiling; None if too few were read twice."""
    first: dict[tuple[str, ...], int] = {}
    pairs = []
    for i, one in enumerate(rows):
        if one.lines in first and rows[first[one.lines]].sheet != one.sheet:
            pairs.append((first[one.lines], i))
        first.setdefault(one.lines, i)
    if len(pairs) < FEWEST_PAIRS:
        return None
    here, there = np.array(pairs).T
    return _named([float(np.corrcoef(marks[here, j], marks[there, j])[0, 1]) for j in range(len(MARKS))])


def collect(voice: str, sheet: Path, answers: Path) -> tuple[int, int]:
    """Add one reader's marks of a sheet to the voice's file; how many poems, and how many rows were no answer."""
    poems = json.loads(sheet.read_text(encoding="utf-8"))
    rows, wrong = [], 0
    for row in answers.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in row.split("\t")]
        try:
            number, *marks, breaks = int(cells[0].strip("[]")), *map(float, cells[1:5]), int(float(cells[5] or 0))
            source, lines = poems[number - 1]
        except (ValueError, IndexError):
            wrong += bool(row.strip())
            continue
        if len(marks) == len(MARKS) and number >= 1 and all(1 <= mark <= 5 for mark in marks):
            rows.append({"sheet": answers.stem, "source": source, "lines": lines, "marks": marks, "breaks": breaks})
        else:
            wrong += 1
    FOLDER.mkdir(exist_ok=True)
    with gzip.open(FOLDER / f"{voice}.jsonl.gz", "at", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return len(rows), wrong


def train(voice: str, *, folder: Path | None = None) -> dict[str, object]:
    """Train the judge of a base on its marks and put it into the base's folder; how far it agrees with readers."""
    folder = folder or BASES / voice
    rows = read(FOLDER / f"{voice}.jsonl.gz")
    own = [(one, of_one) for one, of_one in zip(rows, centred(rows), strict=True) if one.source not in ANCHORS]
    marked, marks = [one for one, _ in own], np.array([of_one for _, of_one in own])
    texts = list(dict.fromkeys(one.lines for one in marked))
    found, _ = Reader.of(checkpoint.read(folder), threads=2).features(texts)
    x = found[[texts.index(one.lines) for one in marked]]
    figures = agreement(marked, x, marks)
    (folder / FILE).write_bytes(as_onnx(fit(x, marks), x.shape[1]))
    checkpoint.seal(folder, FILE)
    return figures


def main() -> None:
    """Collect marks, or train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    training = what.add_parser("train")
    training.add_argument("--voice", required=True)
    collecting = what.add_parser("collect")
    collecting.add_argument("--voice", required=True)
    collecting.add_argument("--sheet", type=Path, required=True)
    collecting.add_argument("--answers", type=Path, required=True)
    args = parser.parse_args()
    if args.what == "collect":
        poems, wrong = collect(args.voice, args.sheet, args.answers)
        print(f"{poems} poems marked; {wrong} rows that are no answer")
        return
    json.dump(train(args.voice), sys.stdout)
    print()


if __name__ == "__main__":
    main()
