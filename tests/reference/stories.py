"""The plain stories: every article is compared with each that began a story, by sets of words in a row.

Contract: the standard library only; no hashes, no bands, no file. What it decides is what Broadsheet must decide, but
for what MinHash lets go by. Words of texts are handed in.

Not here: anything that is fast.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

DAY_MS = 86_400_000


class Label(NamedTuple):
    """To what an article belongs."""

    story: int
    joined: int


class NaiveStories:
    """The stories of a log, event by event."""

    def __init__(self, words: Callable[[str], list[str]]) -> None:
        self._words = words
        self._begun: dict[int, dict[str, Any]] = {}
        """What began each story, by the sequence of its event, that can still be read."""
        self._labels: dict[str, Label] = {}
        """Of each article, the last."""
        self._seqs: dict[str, list[int]] = {}

    def put(self, article: dict[str, Any], seq: int) -> Label:
        """What becomes of an article that is shown by the event `seq`."""
        before = self._labels.get(article["id"])
        stories = sorted(self._begun, key=lambda story: (before is None or story != before.story, story))
        story = next((story for story in stories if self.alike(article, self._begun[story])), seq)
        if story == seq and article["body"]:
            self._begun[seq] = article
        label = before if before and before.story == story else Label(story, seq)
        self._labels[article["id"]] = label
        self._seqs.setdefault(article["id"], []).append(seq)
        return label

    def take_down(self, article_id: str) -> None:
        """What it began is compared with nothing any more."""
        for seq in self._seqs.pop(article_id, ()):
            self._begun.pop(seq, None)
        self._labels.pop(article_id, None)

    def alike(self, one: dict[str, Any], other: dict[str, Any]) -> bool:
        """Whether both tell the same in the same words."""
        words, others = self._words(one["body"].casefold()), self._words(other["body"].casefold())
        days = [None if time is None else time // DAY_MS for time in (one["published_ms"], other["published_ms"])]
        if min(len(words), len(others)) < 30:
            titles = [" ".join(article["title"].split()).casefold() for article in (one, other)]
            return bool(words) and words == others and titles[0] == titles[1] and days[0] == days[1]
        mine, theirs = _rows(words, 5), _rows(others, 5)
        common = len(mine & theirs)
        overlap, contained = common / len(mine | theirs), common / min(len(mine), len(theirs))
        near = None not in days and abs(one["published_ms"] - other["published_ms"]) <= 7 * DAY_MS
        if overlap < 0.9 and not (near and (overlap >= 0.7 or (contained >= 0.9 and overlap >= 0.45))):
            return False
        figures, exchanged, more = replaced(words, others)
        return figures <= 1 and more <= 2 if overlap >= 0.9 else figures == exchanged == 0 and more <= 2


def replaced(words: list[str], others: list[str]) -> tuple[int, int, int]:
    """How many pairs of different figures stand in the same place of two texts; how many pairs of other words.

    Of these first those with the same two words before and after them, then those with the same before or after them,
    whichever are more.
    """
    heads, theirs = [_head(word) for word in words], [_head(word) for word in others]
    figures: set[tuple[str, str]] = set()
    pairs: list[set[tuple[str, str]]] = []
    for place in (_before, _after):
        mine, other = place(heads), place(theirs)
        pairs.append(set())
        for context in mine.keys() & other.keys():
            if len(mine[context]) == len(other[context]) == 1 and mine[context] != other[context]:
                (one,), (another,) = mine[context], other[context]
                if _is_figure(one) and _is_figure(another):
                    figures.add((one, another))
                elif one not in theirs and another not in heads:
                    pairs[-1].add((one, another))
    before, after = pairs
    return len(figures), len(before & after), max(len(before), len(after))


def _head(word: str) -> str:
    return word if _is_figure(word) else word[:4]


def _is_figure(word: str) -> bool:
    return word[0] in "0123456789"


def _rows(words: list[str], width: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + width]) for at in range(len(words) - width + 1)}


def _before(heads: list[str]) -> dict[tuple[str, str], set[str]]:
    """By two words in a row, which follow them."""
    found: dict[tuple[str, str], set[str]] = {}
    for first, second, word in zip(heads, heads[1:], heads[2:], strict=False):
        found.setdefault((first, second), set()).add(word)
    return found


def _after(heads: list[str]) -> dict[tuple[str, str], set[str]]:
    """By two words in a row, which stand before them."""
    found: dict[tuple[str, str], set[str]] = {}
    for word, first, second in zip(heads, heads[1:], heads[2:], strict=False):
        found.setdefault((first, second), set()).add(word)
    return found
