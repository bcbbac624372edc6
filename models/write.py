"""Writing on: the text a network goes on with after a beginning, blank lines and indents as it has read them.

One text alone, as char-rnn's sampler writes it. Poems, whose lines are clean rows, are
the engine's business. Knows no torch.
"""

from collections.abc import Iterator

import numpy as np

from models.checkpoint import Checkpoint
from models.export import FORBIDDEN
from models.graph import width
from models.sample import DRAWS, Floats, draw, key, uniforms
from models.step import Step
from models.vocabulary import AFTER_WORD, END, FIRST_BYTE, SPELLING, Vocabulary

BETWEEN = (0, SPELLING, AFTER_WORD)


def write_on(
    version: Checkpoint, beginning: str = "", *, temperature: float = 1.0, nucleus: float = 1.0, seed: int = 0
) -> Iterator[str]:
    """The beginning, then what follows it, a few characters at a time and without end."""
    vocabulary = version.vocabulary
    grammar = vocabulary.grammar
    step = Step(version.step_graph("int8"), rules=_rules(vocabulary))
    step.inverse_temperature[:] = 1 / temperature
    keys, share = np.array([key(seed)], np.uint64), np.array([nucleus], np.float32)
    given, state, part, at = vocabulary.encode(beginning), 0, list[int](), 0
    step.ids[0] = END
    while True:
        step.rule[0] = state
        step.run(1)
        if at < len(given):
            symbol = given[at]
        else:
            symbol = int(draw(step.probabilities[:1], uniforms(keys, np.array([at * DRAWS]), DRAWS), share)[0])
        step.swap_state()
        step.ids[0] = symbol
        at += 1
        state = int(grammar.follows[state, symbol])
        part.append(symbol)
        if state in BETWEEN:
            yield vocabulary.decode(part)
            part.clear()


def _rules(vocabulary: Vocabulary) -> Floats:
    """(states, W): the vocabulary's grammar; a text goes on, so END never comes, and tabs and line ends may."""
    grammar = vocabulary.grammar
    rules = np.full((len(grammar.allowed), width(len(vocabulary))), FORBIDDEN, np.float32)
    rules[:, : len(vocabulary)][grammar.allowed] = 0
    for control in "\t\n":
        if control not in vocabulary.characters:
            rules[BETWEEN, FIRST_BYTE + ord(control)] = 0
    rules[:, END] = FORBIDDEN
    return rules
