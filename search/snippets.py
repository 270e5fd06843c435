"""Snippets: the passage of a text that shows best why the article matched, with the words marked.

Contract: HTML-safe: the text is escaped, the only markup is `<mark>`. A word is marked when its term is one of the
query's. Bounded: only the first `MAX_SCANNED_CHARS` of a text are looked at.

Not here: which words a query has (`query.words_of`).
"""

from collections import deque
from html import escape

from partition.analysis import spans

PASSAGE_WORDS = 32
MAX_SCANNED_CHARS = 50_000


def snippet(text: str, words: frozenset[str]) -> str:
    """The passage of about `PASSAGE_WORDS` words with most different query words, else the beginning.

    Args:
        text: plain text.
        words: terms, and prefixes that end in `*` (`query.words_of`).
    """
    exact = {word for word in words if not word.endswith("*")}
    prefixes = tuple(word[:-1] for word in words if word.endswith("*"))
    tokens = list(spans(text[:MAX_SCANNED_CHARS]))
    if not tokens:
        return ""
    hits = [
        (ordinal, term)
        for ordinal, (term, _start, _end) in enumerate(tokens)
        if term in exact or (prefixes and term.startswith(prefixes))
    ]
    first = _best_window(hits)
    last = min(first + PASSAGE_WORDS, len(tokens))
    marked = {ordinal for ordinal, _term in hits}
    start, end = tokens[first][1], tokens[last - 1][2]
    # A passage that begins or ends the text takes its punctuation along.
    start = 0 if first == 0 else start
    end = min(len(text), end + 1) if last == len(tokens) else end
    parts: list[str] = ["… " if start else ""]
    at = start
    for ordinal in range(first, last):
        if ordinal in marked:
            _term, word_start, word_end = tokens[ordinal]
            parts += (escape(text[at:word_start]), "<mark>", escape(text[word_start:word_end]), "</mark>")
            at = word_end
    parts += (escape(text[at:end]), " …" if end < len(text) else "")
    return " ".join("".join(parts).split())


def _best_window(hits: list[tuple[int, str]]) -> int:
    """Ordinal of the first word of the window with most different terms, then most hits, then the earliest."""
    best, best_first = (0, 0), 0
    window: deque[tuple[int, str]] = deque()
    for ordinal, term in hits:
        window.append((ordinal, term))
        while window[0][0] <= ordinal - PASSAGE_WORDS + 4:
            window.popleft()
        worth = (len({term for _ordinal, term in window}), len(window))
        if worth > best:
            # A few words of context before the first hit.
            best, best_first = worth, max(0, window[0][0] - 4)
    return best_first
