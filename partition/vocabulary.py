"""The words met so far: analyse the vocabulary, not the text.

Contract: `tokenize` turns texts into the ordinals of terms, exactly as `analysis.terms` would; what is dear happens
once for each distinct form of a word. A vocabulary grows with the language, not with the archive (some 135,000 forms
in 54 million words), and serves any number of segments, one after the other; between them it forgets everything when
it holds more than `MAX_FORMS`.

Not here: the loop over bytes (`kernels/tokens.py`).
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from partition.analysis import terms_of
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


class Vocabulary:
    """Forms of words and their terms. Belongs to one thread."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._allocate(_FIRST_SLOTS)
        self._starts = np.zeros(self._most_forms + 1, np.int64)
        self._forms = np.zeros(8 * self._most_forms, np.uint8)
        self._used = 0
        self._terms = np.zeros(self._most_forms, np.int32)
        self._analysed = 0
        self._ordinals: dict[str, int] = {}
        self._texts: list[bytes] = []
        self._numbers = np.full(self._most_forms, -1, np.int32)
        """By ordinal, what `distinct` works with; it leaves it as it was."""

    def _allocate(self, slots: int) -> None:
        self._keys = np.zeros(slots, np.uint64)
        self._slots = np.zeros(slots, np.int32)

    @property
    def _most_forms(self) -> int:
        return len(self._keys) // 2

    def trim(self) -> None:
        """Forget everything if it is more than `MAX_FORMS`; ordinals that were given out mean nothing then."""
        if self._used > MAX_FORMS:
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
        used = np.empty(min(len(self), sum(map(len, parts))), np.int32)
        count = 0
        for part in parts:
            count = number_terms(part, self._numbers, used, count)
        self._numbers[used[:count]] = -1
        return used[:count]

    def tokenize(self, texts: Sequence[bytes]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The terms of some texts.

        Args:
            texts: in UTF-8.

        Returns:
            Ordinals of terms, text after text, and shape (n,), how many each text has.
        """
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
                self._keys,
                self._slots,
                self._starts,
                self._forms,
                self._used,
                tokens,
                written,
                ends,
                state,
            )
            article, self._used, written = state.tolist()
            if article == len(texts):
                break
            self._grow(int(bounds[article + 1] - bounds[article]))
        self._analyse()
        return self._terms[tokens[:written]], np.diff(ends, prepend=0)

    def _grow(self, text_bytes: int) -> None:
        keys, slots = self._keys, self._slots
        size = 2 * len(keys)
        while size < 2 * (self._used + text_bytes):
            size *= 2
        self._allocate(size)
        rehash(keys, slots, self._forms, self._starts, self._keys, self._slots)
        more = self._most_forms - len(self._terms)
        self._starts = np.concatenate([self._starts, np.zeros(more, np.int64)])
        self._terms = np.concatenate([self._terms, np.zeros(more, np.int32)])
        self._numbers = np.concatenate([self._numbers, np.full(more, -1, np.int32)])
        room = max(8 * self._most_forms, int(self._starts[self._used]) + 2 * text_bytes)
        self._forms = np.concatenate([self._forms, np.zeros(max(0, room - len(self._forms)), np.uint8)])

    def _analyse(self) -> None:
        """Find the terms of forms that are new."""
        bounds = self._starts[self._analysed : self._used + 1].tolist()
        if len(bounds) < 2:
            return
        text = self._forms[bounds[0] : bounds[-1]].tobytes()
        forms = [text[a - bounds[0] : b - bounds[0]].decode() for a, b in pairwise(bounds)]
        ordinals, texts = self._ordinals, self._texts
        new = []
        for term in terms_of(forms):
            ordinal = ordinals.setdefault(term, len(texts))
            if ordinal == len(texts):
                texts.append(term.encode())
            new.append(ordinal)
        self._terms[self._analysed : self._used] = new
        self._analysed = self._used
