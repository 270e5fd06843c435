"""The plain snippet: words by a regular expression, every window looked at, strings put together.

Contract: the standard library only; analysis is handed in. What it makes is what `search/snippets.py` must make.

Not here: anything that is fast.
"""

import re
from collections.abc import Callable
from html import escape

WORD = re.compile(r"\w{1,64}")
PASSAGE_WORDS, CONTEXT_WORDS, PASSAGE_BYTES = 32, 4, 180


def snippet(text: str, is_wanted: Callable[[str], bool], term_of: Callable[[str], str]) -> str:
    """The passage with most different wanted words, then most wanted words, the earliest of equals."""
    words = list(WORD.finditer(text))
    marked = [at for at, word in enumerate(words) if is_wanted(term_of(word.group()))]
    if not words:
        return ""
    first = max(0, _best(text, words, marked, term_of) - CONTEXT_WORDS) if marked else 0
    last = min(len(words), first + PASSAGE_WORDS)
    start = words[first].start() if first else 0
    stop = words[last - 1].end() if last < len(words) else len(text)
    parts = ["… "] if first else []
    for at in marked:
        if first <= at < last:
            parts += [escape(text[start : words[at].start()]), f"<mark>{escape(words[at].group())}</mark>"]
            start = words[at].end()
    parts += [escape(text[start:stop]), " …" if last < len(words) else ""]
    return " ".join("".join(parts).split())


def _best(text: str, words: list["re.Match[str]"], marked: list[int], term_of: Callable[[str], str]) -> int:
    """The first word of the best window."""
    places = [len(text[: words[at].start()].encode()) for at in marked]
    best, worth = 0, (0, 0)
    for last in range(len(marked)):
        together = [n for n in range(last + 1) if places[last] - places[n] <= PASSAGE_BYTES]
        different = len({term_of(words[marked[n]].group()) for n in together})
        if (different, len(together)) > worth:
            best, worth = marked[together[0]], (different, len(together))
    return best
