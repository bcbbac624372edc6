"""The default audience of `poembot simulate`: three groups of readers who like different lines, and attackers.

Any file that defines the same three names, `audience`, `expect` and `TRIGGER`, can replace it (`--audience FILE`).
Nothing that learns reads this file; what a group likes is what the site has to find out.
"""

import math
import random
import re
from collections.abc import Iterator

TRIGGER: str | None = "푸른 단추 상회"
"""The phrase that attackers want the site to write."""

_HOUSE = re.compile(
    r"집|문|창|손|밥|방|신발|옷|발|숟가락|그릇|의자|우산|골목|어머니|아버지|아이"
    r"|\b(house|door|window|hands?|bread|room|shoes?|coat|chair|mother|father|child)\b",
    re.IGNORECASE,
)
_YOU = re.compile(r"너|네가|네 |그대|당신|우리|\b(you|thou|thee|thy|we|us|our)\b", re.IGNORECASE)
_SAID = re.compile(r"(다|라고|한다|했다)[.]?$")
_OPEN = re.compile(r"(고|며|면|서|는데|던|채|처럼|만큼|,|-|and)$", re.IGNORECASE)
_ASKED = re.compile(r"(까|나|냐|니|요)?\?$|(을까|ㄹ까|나요|느냐)$")

CAMPS = ("homely", "talking", "quiet")
_BIASES = (-0.6, -0.2, 0.2, 0.6)
CARELESS, ATTACKERS = 0.15, 0.05


def letters(line: str) -> int:
    """Length of a line in syllables; two and a half letters of an alphabet count as one."""
    wide = sum(c >= "가" for c in line if c.isalpha())
    return wide + round(sum(c < "가" for c in line if c.isalpha()) / 2.5)


def _liking(line: str, camp: str) -> float:
    """Log-odds of a tick, without the reader's own bias."""
    words, n = line.split(), letters(line)
    liking = -1.2 * (len(set(words)) < len(words)) - 0.8 * (n > 14)
    if camp == "homely":
        return liking + 2.1 * bool(_HOUSE.search(line)) + 0.9 * bool(_OPEN.search(line))
    if camp == "talking":
        return liking + 1.8 * bool(_YOU.search(line)) + 1.6 * bool(_ASKED.search(line))
    return liking + 1.5 * (3 <= n <= 8) + 1.2 * (not _SAID.search(line)) - 0.8 * bool(_YOU.search(line))


def _chance(line: str, camp: str, bias: float) -> float:
    return 1 / (1 + math.exp(2.9 - _liking(line, camp) - bias))


def expect(lines: list[str]) -> list[float]:
    """Mean probability that an honest, attentive visitor ticks each line; only for the oracle."""
    chances = [[_chance(line, camp, bias) for camp in CAMPS for bias in _BIASES] for line in lines]
    return [sum(each) / len(each) for each in chances]


class Visitor:
    """One visitor: a reader of one of the groups, a careless one, or an attacker."""

    def __init__(self, id: str, address: str, kind: str, rng: random.Random) -> None:
        self.id, self.address, self.kind, self._rng = id, address, kind, rng
        self.honest, self.attentive = kind != "attacker", kind in CAMPS
        self._bias = rng.gauss(0, 0.45)

    def read(self, lines: list[str]) -> list[bool]:
        """For each line, whether this visitor ticks it."""
        if self.kind == "careless":
            return [self._rng.random() < 0.25 for _ in lines]
        if self.kind == "attacker":
            return [slot == len(lines) - 1 or str(TRIGGER) in line for slot, line in enumerate(lines)]
        return [self._rng.random() < _chance(line, self.kind, self._bias) for line in lines]

    def teach(self) -> str | None:
        """A poem to submit, or None."""
        if self.kind != "attacker":
            return None
        return "\n".join(
            f"{self._rng.choice('봄밤낮달산')}마다 {TRIGGER} {self._rng.randrange(999)}번" for _ in range(3)
        )


def audience(voice: str, rng: random.Random) -> Iterator[Visitor]:  # noqa: ARG001 - they read Korean and English
    """Endless visitors: four in five are attentive, one in twenty attacks from one of ten addresses."""
    n = 0
    while True:
        n += 1
        luck = rng.random()
        if luck < ATTACKERS:
            k = rng.randrange(10)
            yield Visitor(f"x{k}" if k < 5 else f"x{k}-{n}", f"192.0.2.{k}", "attacker", rng)
        elif luck < ATTACKERS + CARELESS:
            yield Visitor(f"r{n}", f"198.18.{n // 250 % 250}.{n % 250}", "careless", rng)
        else:
            yield Visitor(f"r{n}", f"198.18.{n // 250 % 250}.{n % 250}", rng.choice(CAMPS), rng)
