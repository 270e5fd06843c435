"""Plain snippets and highlights: words by a regular expression, every passage looked at, strings put together.

Contract: the standard library only; analysis is handed in. What it makes is what `search/snippets.py` must make. An
ideograph, of which those of one block stand for all, is a word; it is wanted if a pair is that it is in.

Not here: anything that is fast.
"""

import re
from collections.abc import Callable
from html import escape
from typing import Any

WORD = re.compile(r"[一-鿿]|[^\W一-鿿]{1,64}")
PASSAGE_WORDS, CONTEXT_WORDS, MAX_PASSAGES = 32, 4, 3

IsWanted = Callable[[str], bool]
TermOf = Callable[[str], str]
Range = tuple[int, int]


def snippet(text: str, is_wanted: IsWanted, term_of: TermOf) -> str:
    """The passage that shows most of the wanted words, else the beginning."""
    words = list(WORD.finditer(text))
    wanted = marked(text, is_wanted, term_of)
    if not words:
        return ""
    ((first, last),) = _chosen(wanted, len(words), 1) or [(0, min(len(words), PASSAGE_WORDS))]
    found = _passage(text, (first, last), wanted)
    html = f"{'… ' if first else ''}{found['html']}{' …' if last < len(words) else ''}"
    return " ".join(html.split())


def highlights(title: str, body: str, is_wanted: IsWanted, term_of: TermOf) -> dict[str, Any]:
    """The title, and the passages of the body that together show the wanted words."""
    whole = _passage(title, (0, len(WORD.findall(title))), marked(title, is_wanted, term_of))
    wanted = marked(body, is_wanted, term_of)
    chosen = _chosen(wanted, len(WORD.findall(body)), MAX_PASSAGES)
    return {
        "title": {"html": whole["html"], "offsets": whole["offsets"]},
        "passages": [_passage(body, one, wanted) for one in sorted(chosen)],
    }


def marked(text: str, is_wanted: IsWanted, term_of: TermOf) -> dict[int, str]:
    """The terms of the wanted words, by which of the words they are."""
    words = list(WORD.finditer(text))
    terms: dict[int, str] = {}
    alone = True
    for at, word in enumerate(words):
        after = words[at + 1] if at + 1 < len(words) else None
        if _is_ideograph(word) and after and _is_ideograph(after) and word.end() == after.start():
            term, places = term_of(word.group() + after.group()), [at, at + 1]
            alone = False
        else:
            term, places = term_of(word.group()), [at] if alone else []
            alone = True
        if is_wanted(term):
            for place in places:
                terms.setdefault(place, term)
    return terms


def _is_ideograph(word: "re.Match[str]") -> bool:
    return "一" <= word.group()[0] <= "鿿"


def _chosen(wanted: dict[int, str], words: int, most: int) -> list[Range]:
    """Ranges of words: each time the one with most terms not shown, then most such words, the earliest of equals."""
    chosen: list[Range] = []

    def around(at: int) -> Range:
        first = max([0, at - CONTEXT_WORDS, *(last for _, last in chosen if last <= at)])
        return first, min([words, first + PASSAGE_WORDS, *(begin for begin, _ in chosen if begin > at)])

    while len(chosen) < most:
        shown = {term for at, term in wanted.items() if any(first <= at < last for first, last in chosen)}
        new = {at: term for at, term in wanted.items() if term not in shown}
        if not new:
            break
        worth = {}
        for at in new:
            first, last = around(at)
            terms = [term for other, term in new.items() if first <= other < last]
            worth[at] = len(set(terms)), len(terms), -at
        chosen.append(around(max(new, key=worth.__getitem__)))
    return chosen


def _passage(text: str, words: Range, wanted: dict[int, str]) -> dict[str, Any]:
    """A range of words; what stands at the ends of the text belongs to the words there."""
    first, last = words
    found = list(WORD.finditer(text))
    start = found[first].start() if first else 0
    end = found[last - 1].end() if last < len(found) else len(text)
    offsets: list[list[int]] = []
    for word in (found[at] for at in wanted if first <= at < last):
        if offsets and offsets[-1][1] == word.start():
            offsets[-1][1] = word.end()
        else:
            offsets.append([word.start(), word.end()])
    parts, at = [], start
    for low, high in offsets:
        parts += [escape(text[at:low]), f"<mark>{escape(text[low:high])}</mark>"]
        at = high
    return {"html": "".join(parts) + escape(text[at:end]), "start": start, "end": end, "offsets": offsets}
