"""What is written: new articles, corrections and withdrawals, and what the archive must hold when all is done.

Texts are sample articles (`indexer/sample/`), some thousands of them made beforehand, since making one costs more
than sending it; they come again and again under new ids. Corrections and withdrawals are of articles that were
acknowledged, each of one that nobody else changes.

Contract: deterministic for a seed and an order of calls. `expected` is exact once every change was acknowledged.

Not here: sending (`writing.py`).
"""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from indexer.sample import generate

MEAN_WORDS = 400
PREFIX = "live-"


class Lines(NamedTuple):
    """A bulk body."""

    body: bytes
    ids: list[str]


class Feed:
    """Articles without end."""

    def __init__(self, base: Sequence[str], *, texts: int, seed: int, corrections: float) -> None:
        """Args: ids that are there already; how many texts to make; the share of corrections."""
        self._draw = random.Random(seed)
        self._texts = [_without_id(record) for record in generate(texts, seed, MEAN_WORDS)]
        self._changeable = list(base)
        self._draw.shuffle(self._changeable)
        self._corrections = corrections
        self._made = 0
        self.expected = set(base)
        """Ids that must be found."""
        self.uncertain: set[str] = set()
        """Ids of which nobody said whether the last change was taken."""

    def fresh(self, count: int) -> Lines:
        """So many new articles."""
        return self._lines([self._new_id() for _ in range(count)])

    def mixed(self, count: int) -> Lines:
        """So many lines: new articles and corrections."""
        ids = []
        for _ in range(count):
            corrected = self._draw.random() < self._corrections
            ids.append((self.take() if corrected else None) or self._new_id())
        return self._lines(ids)

    def take(self) -> str | None:
        """An article to be changed, which nobody else is given until that was acknowledged."""
        return self._changeable.pop() if self._changeable else None

    def written(self, ids: Iterable[str]) -> None:
        """These were acknowledged."""
        for article_id in ids:
            self.expected.add(article_id)
            self.uncertain.discard(article_id)
            at = self._draw.randrange(len(self._changeable) + 1)
            self._changeable.append(article_id)
            self._changeable[at], self._changeable[-1] = self._changeable[-1], self._changeable[at]

    def withdrawn(self, article_id: str) -> None:
        """This one was taken out."""
        self.expected.discard(article_id)
        self.uncertain.discard(article_id)

    def settled(self, ids: Iterable[str], taken: Iterable[str]) -> None:
        """Of these new articles, only some were taken."""
        self.uncertain.difference_update(ids)
        self.written(taken)

    def doubtful(self, ids: Iterable[str]) -> None:
        """Of these it is not known."""
        self.uncertain.update(ids)

    def _new_id(self) -> str:
        self._made += 1
        return f"{PREFIX}{self._made:08d}"

    def _lines(self, ids: list[str]) -> Lines:
        texts = self._draw.choices(self._texts, k=len(ids))
        lines = (
            b'{"id":%s,%b' % (orjson.dumps(article_id), text) for article_id, text in zip(ids, texts, strict=True)
        )
        return Lines(b"".join(lines), ids)


def _without_id(record: dict[str, object]) -> bytes:
    """The rest of a line, after the id."""
    return orjson.dumps({name: value for name, value in record.items() if name not in {"id", "story"}})[1:] + b"\n"
