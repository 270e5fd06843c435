"""What is different between two versions of an article, for people to read.

Contract: paragraphs are compared first, then the words of those that were changed. Put together, what stayed and what
went is the old text, what stayed and what came the new one, paragraph by paragraph; long stretches that stayed are
only counted. The work is bounded: beyond `MAX_PARAGRAPHS`, or `MAX_WORDS` in one change, whole pieces are
shown as exchanged.

Not here: which versions there are (`indexer/changes.py`).
"""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

MAX_PARAGRAPHS = 2000
MAX_WORDS = 3000
_BESIDE = 1
"""Paragraphs that stayed, shown before and after a change."""
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_TOLD = {
    "title": "Title",
    "summary": "Summary",
    "authors": "Authors",
    "source": "Source",
    "section": "Section",
    "tags": "Tags",
    "language": "Language",
    "published_at": "Published",
    "url": "Address",
}
"""Members that are compared as one, with what they are called."""

Kind = Literal["same", "gone", "new"]


class Piece(NamedTuple):
    """Some text."""

    kind: Kind
    text: str


class Paragraph(NamedTuple):
    """A paragraph, or paragraphs that are left out because they stayed."""

    pieces: list[Piece]
    left_out: int = 0
    """How many; then there are no pieces."""


class Difference(NamedTuple):
    """Between two versions."""

    members: list[tuple[str, list[Piece]]]
    """What a member is called, and what changed in it."""
    body: list[Paragraph]
    """Empty if it is the same."""


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    """The difference between two texts of an article (`VersionText`)."""
    members = []
    for name, label in _TOLD.items():
        before, after = (_text_of(one[name]) for one in (old, new))
        if before != after:
            members.append((label, _words(before, after)))
    return Difference(members, _body(_paragraphs(old["body"]), _paragraphs(new["body"])))


def _text_of(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else value or ""


def _paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _body(old: list[str], new: list[str]) -> list[Paragraph]:
    if old == new:
        return []
    if max(len(old), len(new)) > MAX_PARAGRAPHS:
        old, new = ["\n".join(old)], ["\n".join(new)]
    shown: list[Paragraph] = []
    stretches = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for number, (kind, old_from, old_to, new_from, new_to) in enumerate(stretches):
        if kind == "equal":
            begins = 0 if number == 0 else _BESIDE
            ends = 0 if number == len(stretches) - 1 else _BESIDE
            shown += _shortened(old[old_from:old_to], begins, ends)
            continue
        before, after = old[old_from:old_to], new[new_from:new_to]
        pairs = min(len(before), len(after))
        shown += [Paragraph(_words(one, other)) for one, other in zip(before, after, strict=False)]
        shown += [Paragraph([Piece("gone", one)]) for one in before[pairs:]]
        shown += [Paragraph([Piece("new", one)]) for one in after[pairs:]]
    return shown


def _shortened(stayed: Sequence[str], begins: int, ends: int) -> list[Paragraph]:
    """The paragraphs beside changes; between them how many are left out."""
    if len(stayed) <= begins + ends + 1:
        return [Paragraph([Piece("same", one)]) for one in stayed]
    first, last = stayed[:begins], stayed[len(stayed) - ends :]
    gap = Paragraph([], len(stayed) - begins - ends)
    return [
        *(Paragraph([Piece("same", one)]) for one in first),
        gap,
        *(Paragraph([Piece("same", one)]) for one in last),
    ]


def _words(old: str, new: str) -> list[Piece]:
    before, after = _WORD.findall(old), _WORD.findall(new)
    if max(len(before), len(after)) > MAX_WORDS:
        return [piece for piece in (Piece("gone", old), Piece("new", new)) if piece.text]
    pieces: list[Piece] = []
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(before[old_from:old_to])))
            continue
        for which, words in (("gone", before[old_from:old_to]), ("new", after[new_from:new_to])):
            if words:
                pieces.append(Piece("gone" if which == "gone" else "new", "".join(words)))
    return pieces
