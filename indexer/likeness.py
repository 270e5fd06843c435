"""How alike two articles are: whether one tells the other's story in the other's words.

    overlap     how many shingles of 5 words their bodies have in common: MinHash finds who may overlap, by bands of
                its values that are equal, and counting decides
    replaced    figures in the place of other figures, words in the place of words that the other has nowhere, nor
                the other way

Press offices fill the same text with one town and one sum after the other: such articles overlap by 0.7 to 0.9, as
copies do that were edited. But copies keep figures and names, where those put others in their place. So an overlap
is not enough, and how much of it is wanted depends on how near in time they were published: docs/adr/0019-stories.md.

Contract: a pure function of titles, bodies and dates of publication, the same on all machines; `ALGORITHM` says which
function it is, whatever is kept of it.

Source: A. Broder, "On the resemblance and containment of documents", 1997; A. Rajaraman and J. Ullman, "Mining of
Massive Datasets", chapter 3, for the bands.

Not here: which articles are compared, and what they are found to be (`stories.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from partition.analysis import words
from partition.kernels.shingles import contexts, in_common, replaced, shingle
from partition.types import Article
from partition.vocabulary import ascii_lower, ideographs, word_characters

SHINGLE_WORDS = 5
BANDS, ROWS = 12, 3
"""Of articles that overlap by 0.7 these let one in 150 go by, of 0.9 one in six million; of 0.5 one in five."""
_SEED = 42
ALGORITHM = f"1.{RMinHash.ALGORITHM_VERSION}"
"""Changes with whatever changes a band or a decision."""

MIN_WORDS = 30
"""A shorter body says too little by itself: only an equal one is like it, under the same title, of the same day."""
NEAR_MS = 7 * 86_400_000
"""Copies are published within so much of one another; what comes later must be almost equal."""
OVERLAP, LATER_OVERLAP = 0.7, 0.9
"""Shingles in common, of all that either has (Jaccard)."""
CONTAINED, CONTAINED_OVERLAP = 0.9, 0.45
"""Or so many of the shorter one's are in the other, which is about twice as long at most."""
MAX_OTHERS = 2
"""Other words in the place of words: editors have a style of their own."""
_DAY_MS = 86_400_000
_AT_ONCE_CHARS = 1 << 18
"""Characters in one call of a kernel, about: with more, much of the time goes to getting memory."""


class Places(NamedTuple):
    """Contexts in which a text has always the same word."""

    contexts: NDArray[np.uint64]
    """Two words in a row, ascending."""
    words: NDArray[np.uint64]
    """The word in each."""


_NO_PLACES = Places(np.empty(0, np.uint64), np.empty(0, np.uint64))


@dataclass(frozen=True, slots=True)
class Text:
    """What is compared of an article."""

    same: bytes
    """Of a short body; equal for equal titles, words and days."""
    words: int
    published_ms: int | None
    bands: tuple[int, ...]
    """64-bit numbers, signed; articles that have one in common may be alike."""
    shingles: NDArray[np.uint64]
    """As they stand, repetitions included; like `heads` a part of what was made for many texts."""
    heads: NDArray[np.uint64]


class Compared:
    """A text, ready to be compared with any number of others; each part is made when it is first wanted."""

    def __init__(self, text: Text) -> None:
        # Of its own, so that it does not keep what was made for others.
        self.text = replace(text, shingles=text.shingles.copy(), heads=text.heads.copy())

    @cached_property
    def shingles(self) -> NDArray[np.uint64]:
        """Ascending, without repetitions."""
        return _distinct(self.text.shingles)

    @cached_property
    def heads(self) -> NDArray[np.uint64]:
        """Ascending, without repetitions."""
        return _distinct(self.text.heads)

    @cached_property
    def places(self) -> tuple[Places, Places]:
        """By the words before it, and by the words after it."""
        heads = self.text.heads
        if len(heads) <= 2:
            return _NO_PLACES, _NO_PLACES
        before, after = np.empty((2, len(heads) - 2), np.uint64)
        contexts(heads, before, after)
        return _certain(before, heads[2:]), _certain(after, heads[:-2])


def texts_of(articles: Sequence[Article]) -> list[Text]:
    """What is compared of each article."""
    texts: list[Text] = []
    some: list[Article] = []
    chars = 0
    for nth, article in enumerate(articles, start=1):
        some.append(article)
        chars += len(article.body)
        if chars >= _AT_ONCE_CHARS or nth == len(articles):
            texts += _texts_of(some)
            some, chars = [], 0
    return texts


def _texts_of(articles: Sequence[Article]) -> Iterator[Text]:
    bodies = [article.body.casefold().encode() for article in articles]
    text = np.frombuffer(b"".join(bodies), np.uint8)
    bounds = np.zeros(len(bodies) + 1, np.int64)
    np.cumsum([len(body) for body in bodies], out=bounds[1:])
    room = len(text) // 2 + len(bodies) + 1
    shingles, heads = np.empty(room, np.uint64), np.empty(room, np.uint64)
    ends, head_ends = np.zeros(len(bodies) + 1, np.int64), np.zeros(len(bodies) + 1, np.int64)
    shingle(
        *(text, bounds, SHINGLE_WORDS, ascii_lower(), word_characters(), ideographs()),
        *(shingles, ends[1:], heads, head_ends[1:]),
    )
    values = RMinHash.digest_matrix_from_flat_token_hashes(
        shingles[: ends[-1]], ends.astype(np.uint64), BANDS * ROWS, _SEED
    )
    starts, head_starts = ends.tolist(), head_ends.tolist()
    bands = _bands(np.array(values.to_rows(), np.uint64).reshape(len(bodies), BANDS, ROWS)).tolist()
    for nth, article in enumerate(articles):
        own = heads[head_starts[nth] : head_starts[nth + 1]]
        same, found = b"", tuple(bands[nth])
        if len(own) < MIN_WORDS:
            same = _same(article)
            found = (int.from_bytes(same[:8], "big", signed=True),) if len(own) else ()
        yield Text(
            same=same,
            words=len(own),
            published_ms=article.published_ms,
            bands=found,
            shingles=shingles[starts[nth] : starts[nth + 1]],
            heads=own,
        )


def _bands(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Shape (n, BANDS): the values of each band as one number, in which the band's own is mixed."""
    odd, shift = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)
    mixed = np.broadcast_to(np.arange(1, BANDS + 1, dtype=np.uint64), values.shape[:2])
    for row in range(ROWS):
        mixed = (mixed ^ values[:, :, row]) * odd
        mixed = mixed ^ (mixed >> shift)
    signed: NDArray[np.int64] = mixed.view(np.int64)
    return signed


def _same(article: Article) -> bytes:
    day = "" if article.published_ms is None else str(article.published_ms // _DAY_MS)
    said = [" ".join(article.title.split()).casefold(), day, *words(article.body.casefold())]
    return blake2b("\0".join(said).encode(), digest_size=16).digest()


def _distinct(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Ascending, each once; `np.unique` of such numbers takes three times as long."""
    ordered = np.sort(numbers)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    distinct: NDArray[np.uint64] = ordered[first]
    return distinct


def _certain(around: NDArray[np.uint64], words: NDArray[np.uint64]) -> Places:
    """The contexts in which there is always the same word."""
    order = np.argsort(around)
    around, words = around[order], words[order]
    starts = np.flatnonzero(np.append(True, around[1:] != around[:-1]))
    least, most = np.minimum.reduceat(words, starts), np.maximum.reduceat(words, starts)
    certain = least == most
    return Places(around[starts[certain]], least[certain])


def overlap(one: Compared, other: Compared) -> tuple[float, float]:
    """Which share of the shingles of both they have in common, and which of those of the shorter one."""
    common = in_common(one.shingles, other.shingles)
    least, most = sorted((len(one.shingles), len(other.shingles)))
    return (common / (least + most - common), common / least) if least else (0.0, 0.0)


class Replaced(NamedTuple):
    """What stands in the place of something else."""

    figures: int
    """Pairs of different figures, before or after the same two words."""
    exchanged: int
    """Pairs of other words, before and after the same two words."""
    others: int
    """Pairs of other words, before the same two words or after them, whichever are more."""


def replacements(one: Compared, other: Compared) -> Replaced:
    """What of a text stands in the place of something else of the other, which does not have it anywhere."""
    figures: set[int] = set()
    words: list[set[int]] = []
    for mine, theirs in zip(one.places, other.places, strict=True):
        found, counts = np.empty(len(mine.words), np.uint64), np.zeros(2, np.int64)
        replaced(*mine, one.heads, *theirs, other.heads, found, counts)
        many, more = counts.tolist()
        figures |= set(found[:many].tolist())
        words.append(set(found[many : many + more].tolist()))
    before, after = words
    return Replaced(len(figures), len(before & after), max(len(before), len(after)))


def alike(one: Compared, other: Compared) -> bool:
    """Whether one tells the other's story in the other's words."""
    first, second = one.text, other.text
    if min(first.words, second.words) < MIN_WORDS:
        return first.same == second.same and first.words > 0
    share, contained = overlap(one, other)
    times = first.published_ms, second.published_ms
    near = times[0] is not None and times[1] is not None and abs(times[0] - times[1]) <= NEAR_MS
    enough = share >= OVERLAP or (contained >= CONTAINED and share >= CONTAINED_OVERLAP)
    if share < LATER_OVERLAP and not (near and enough):
        return False
    found = replacements(one, other)
    if share >= LATER_OVERLAP:
        return found.figures <= 1 and found.others <= MAX_OTHERS
    return not found.figures and not found.exchanged and found.others <= MAX_OTHERS
