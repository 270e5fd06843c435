"""Posting lists spelled out: what `partition/kernels/` compute, one number after the other.

Contract: the standard library only. Words are Python integers below 2^64, written as `partition/format.py` says.

Not here: anything that is fast.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

BLOCK, DENSE_SHARE, STEPS = 128, 16, 255


@dataclass(frozen=True)
class Posting:
    """One article on a list."""

    doc: int
    tf: int
    gaps: tuple[int, ...] = ()
    """The first position, then the words between each and the next; empty without positions."""
    norm: float | None = None
    """What its length adds to the frequency; `None` in a field that is not scored."""

    @property
    def positions(self) -> list[int]:
        """Where the term stands."""
        return [sum(self.gaps[: at + 1]) + at for at in range(len(self.gaps))]


def gaps_of(positions: Sequence[int]) -> tuple[int, ...]:
    """The opposite of `Posting.positions`."""
    return tuple(place - before - 1 for before, place in zip([-1, *positions], positions, strict=False))


def packed(numbers: Sequence[tuple[int, int]]) -> list[int]:
    """Numbers with their widths, one after the other, least significant bit first, in whole words."""
    digits = "".join(f"{number:0{width}b}" for number, width in reversed(numbers) if width)
    assert len(digits) == sum(width for _number, width in numbers), "a number is wider than it may be"
    return [int(digits[max(0, end - 64) : end], 2) for end in range(len(digits), 0, -64)]


def bound_of(postings: Sequence[Posting]) -> int:
    """How much a block can add, in steps."""
    most = max(1.0 if one.norm is None else one.tf / (one.tf + one.norm) for one in postings)
    return min(STEPS, math.ceil(STEPS * most))


def encode(postings: Sequence[Posting], articles: int) -> tuple[list[int], int]:
    """The words of one list, and its largest bound."""
    docs = [one.doc for one in postings]
    dense = len(docs) * DENSE_SHARE >= articles
    headers: list[list[int]] = []
    data: list[int] = []
    for start in range(0, len(docs), BLOCK):
        block = postings[start : start + BLOCK]
        before = docs[start - 1] if start else -1
        differences = [
            one - other - 1 for other, one in zip([before, *docs[start:]], docs[start : start + BLOCK], strict=False)
        ]
        doc_width = 0 if dense else max(differences[:-1], default=0).bit_length()
        tf_width = (max(one.tf for one in block) - 1).bit_length()
        headers.append([block[-1].doc | len(data) << 32, doc_width << 40 | tf_width << 45 | bound_of(block) << 55])
        numbers = [] if dense else [(difference, doc_width) for difference in differences[:-1]]
        data += packed([*numbers, *((one.tf - 1, tf_width) for one in block)])
    if any(one.gaps for one in postings):
        for at, header in enumerate(headers):
            gaps = [gap for one in postings[at * BLOCK : (at + 1) * BLOCK] for gap in one.gaps]
            width = max(gaps).bit_length()
            header[1] |= len(data) | width << 50
            data += packed([(gap, width) for gap in gaps])
    words = [word for header in headers for word in header]
    if dense:
        words += bitmap(docs, articles) + ranks(docs, articles)
    return words + data, max((header[1] >> 55 for header in headers), default=0)


def bitmap(docs: Sequence[int], articles: int) -> list[int]:
    """A bit for each docnum."""
    on_it = set(docs)
    return packed([(doc in on_it, 1) for doc in range(articles)])


def ranks(docs: Sequence[int], articles: int) -> list[int]:
    """For each 512 docnums, two in a word, how many articles come before them."""
    words = [0] * -(-articles // 1024)
    for group in range(-(-articles // 512)):
        words[group // 2] |= rank(docs, 512 * group) << 32 * (group % 2)
    return words


def rank(docs: Sequence[int], doc: int) -> int:
    """How many articles come before `doc`."""
    return sum(one < doc for one in docs)


def find(docs: Sequence[int], doc: int) -> int:
    """Ordinal of `doc`, -1 if it is not there."""
    return docs.index(doc) if doc in docs else -1


def seek(docs: Sequence[int], doc: int) -> int:
    """The first block whose last docnum is at least `doc`, the number of blocks if there is none."""
    lasts = [docs[min(start + BLOCK, len(docs)) - 1] for start in range(0, len(docs), BLOCK)]
    return sum(last < doc for last in lasts)


def inverted(articles: Sequence[Sequence[int]], order: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """By term, in ascending order: docnum and position of each occurrence; order[0] is the article of docnum 0."""
    lists: dict[int, list[tuple[int, int]]] = {}
    for doc, article in enumerate(order):
        for position, term in enumerate(articles[article]):
            lists.setdefault(term, []).append((doc, position))
    return dict(sorted(lists.items()))


def postings_of(occurrences: Sequence[tuple[int, int]], norms: Sequence[float], *, positions: bool) -> list[Posting]:
    """The list of a term from where it stands."""
    places: dict[int, list[int]] = {}
    for doc, position in occurrences:
        places.setdefault(doc, []).append(position)
    return [
        Posting(doc, len(found), gaps_of(found) if positions else (), norms[doc] if norms else None)
        for doc, found in places.items()
    ]


def lower_bound(keys: Sequence[bytes], text: bytes) -> int:
    """Ordinal of the first key that does not sort before `text`."""
    return bisect_left(keys, text)


def grouped(sources: Sequence[Sequence[bytes]]) -> tuple[list[int], list[bytes]]:
    """For each key of each source the ordinal of its text among all different ones, and these, ascending."""
    different = sorted({key for keys in sources for key in keys})
    return [different.index(key) for keys in sources for key in keys], different
