"""The words met so far: analyse the vocabulary, not the text.

Contract: `tokenize` turns texts into the ordinals of terms, exactly as `analysis.terms` would; what is dear happens
once for each distinct form of a word in a language. A vocabulary grows with the language, not with the archive (some
135,000 forms in 54 million words), and serves any number of segments, one after the other; between them it forgets
everything when it holds more than `MAX_FORMS`.

Not here: the loop over bytes (`kernels/tokens.py`).
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.analysis import ENGLISH, IDEOGRAPHS, keys_of, terms_of
from partition.kernels.invert import number_terms
from partition.kernels.tokens import rehash, tokenize

MAX_FORMS = 4_000_000
_FIRST_SLOTS = 1 << 17


@cache
def ascii_lower() -> NDArray[np.uint8]:
    """By byte: the lower case of an ASCII word character, 0 for anything else."""
    ascii_ = [chr(code) for code in range(128)]
    return np.array([ord(c.lower()) if re.match(r"\w", c) else 0 for c in ascii_] + [0] * 128, np.uint8)


@cache
def word_characters() -> NDArray[np.uint8]:
    """A bit for each code point: whether it is a word character to Python's regular expressions."""
    bits = np.zeros(0x110000, np.bool_)
    for first, last in ((0, 0xD800), (0xE000, 0x110000)):
        text = np.arange(first, last, dtype="<u4").tobytes().decode("utf-32-le")
        for run in re.finditer(r"\w+", text):
            bits[first + run.start() : first + run.end()] = True
    return np.packbits(bits, bitorder="little")


@cache
def ideographs() -> NDArray[np.uint8]:
    """The same: whether it is one that is taken in pairs (`analysis.py`)."""
    letters = np.unpackbits(word_characters(), bitorder="little")
    bits = np.zeros_like(letters)
    for first, last in IDEOGRAPHS:
        bits[first : last + 1] = letters[first : last + 1]
    return np.packbits(bits, bitorder="little")


class _Forms:
    """The forms met in texts of one language, in a table (`kernels/tokens.py`)."""

    def __init__(self) -> None:
        self.allocate(_FIRST_SLOTS)
        self.starts = np.zeros(self.most + 1, np.int64)
        self.forms = np.zeros(8 * self.most, np.uint8)
        self.used = 0
        self.terms = np.zeros(self.most, np.int32)
        """By form, the ordinal of its term, as far as `analysed`."""
        self.own = np.zeros(self.most, np.int32)
        """By form, the ordinal of itself, or -1 where that is its term."""
        self.analysed = 0

    def allocate(self, slots: int) -> None:
        """Room for half as many forms, in an empty table."""
        self.keys = np.zeros(slots, np.uint64)
        self.slots = np.zeros(slots, np.int32)

    @property
    def most(self) -> int:
        """How many there is room for."""
        return len(self.keys) // 2

    def grow(self, text_bytes: int) -> None:
        """Make room for all forms of a text."""
        keys, slots = self.keys, self.slots
        size = 2 * len(keys)
        while size < 2 * (self.used + text_bytes):
            size *= 2
        self.allocate(size)
        rehash(keys, slots, self.forms, self.starts, self.keys, self.slots)
        more = self.most - len(self.terms)
        self.starts = np.concatenate([self.starts, np.zeros(more, np.int64)])
        self.terms = np.concatenate([self.terms, np.zeros(more, np.int32)])
        self.own = np.concatenate([self.own, np.zeros(more, np.int32)])
        room = max(8 * self.most, int(self.starts[self.used]) + 4 * text_bytes)
        self.forms = np.concatenate([self.forms, np.zeros(max(0, room - len(self.forms)), np.uint8)])

    def new(self) -> list[str]:
        """Those that were not analysed yet."""
        bounds = self.starts[self.analysed : self.used + 1].tolist()
        text = self.forms[bounds[0] : bounds[-1]].tobytes()
        return [text[a - bounds[0] : b - bounds[0]].decode() for a, b in pairwise(bounds)]


class Tokens(NamedTuple):
    """The words of some texts, text after text."""

    terms: NDArray[np.int32]
    """Ordinals."""
    counts: NDArray[np.int64]
    """Shape (texts,): how many words each has."""
    forms: NDArray[np.int32]
    """Of each word as it is written, in lower case: the ordinal, or -1 where that is its term."""


class Vocabulary:
    """Forms of words and their terms. Belongs to one thread."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._forms: dict[str, _Forms] = {}
        """By language."""
        self._ordinals: dict[str, int] = {}
        self._texts: list[bytes] = []
        self._numbers = np.full(1024, -1, np.int32)
        """By ordinal, what `distinct` works with; it leaves it as it was."""

    def trim(self) -> None:
        """Forget everything if it is more than `MAX_FORMS`; ordinals that were given out mean nothing then."""
        if sum(forms.used for forms in self._forms.values()) > MAX_FORMS:
            self._clear()

    def __len__(self) -> int:
        return len(self._ordinals)

    def keys(self, ordinals: Iterable[int]) -> list[bytes]:
        """The terms with these ordinals, in UTF-8."""
        return [self._texts[at] for at in ordinals]

    def distinct(self, parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """Number the terms that occur in any of the parts.

        Args:
            parts: ordinals, which become those of the terms that are returned.

        Returns:
            The ordinals of these terms, each once.
        """
        if len(self._numbers) < len(self):
            self._numbers = np.full(2 * len(self), -1, np.int32)
        used = np.empty(min(len(self), sum(map(len, parts))), np.int32)
        count = 0
        for part in parts:
            count = number_terms(part, self._numbers, used, count)
        self._numbers[used[:count]] = -1
        return used[:count]

    def tokenize(self, texts: Sequence[bytes], language: str = ENGLISH) -> "Tokens":
        """The terms of some texts.

        Args:
            texts: in UTF-8.
            language: that all of them are in (`analysis.LANGUAGES`).
        """
        forms = self._forms.get(language)
        if forms is None:
            forms = self._forms[language] = _Forms()
        text = np.frombuffer(b"".join(texts), np.uint8)
        bounds = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(one) for one in texts], out=bounds[1:])
        # A word takes at least two bytes with what separates it, the last of a text one.
        tokens = np.empty((len(text) + len(texts)) // 2 + 1, np.int32)
        ends, state = np.zeros(len(texts), np.int64), np.zeros(3, np.int64)
        article = written = 0
        while True:
            tokenize(
                text,
                bounds,
                article,
                ascii_lower(),
                word_characters(),
                ideographs(),
                forms.keys,
                forms.slots,
                forms.starts,
                forms.forms,
                forms.used,
                tokens,
                written,
                ends,
                state,
            )
            article, forms.used, written = state.tolist()
            if article == len(texts):
                break
            forms.grow(int(bounds[article + 1] - bounds[article]))
        if forms.used > forms.analysed:
            self._analyse(forms, language)
        found = tokens[:written]
        return Tokens(forms.terms[found], np.diff(ends, prepend=0), forms.own[found])

    def _analyse(self, forms: _Forms, language: str) -> None:
        """Find the terms of forms that are new."""
        new = forms.new()
        terms, keys = terms_of(new, language), keys_of(new, language)
        forms.terms[forms.analysed : forms.used] = [self._ordinal(term) for term in terms]
        pairs = zip(terms, keys, strict=True)
        forms.own[forms.analysed : forms.used] = [-1 if key == term else self._ordinal(key) for term, key in pairs]
        forms.analysed = forms.used

    def _ordinal(self, text: str) -> int:
        ordinal = self._ordinals.setdefault(text, len(self._texts))
        if ordinal == len(self._texts):
            self._texts.append(text.encode())
        return ordinal
