"""Plain completions: every n-gram of every title counted, every name compared, every definition spelled out.

Contract: the standard library only. What it answers is what `search/completions.py` must answer, of articles as they
are stored. Text analysis is handed in.

Not here: anything that is fast.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.reference.naive import distance, tie_break

MAX_WORDS, MAX_NAME_WORDS, MAX_MORE, POOL, ENOUGH, PART, TITLES, FEW, MAX_ALIKE = 8, 3, 3, 4, 2, 0.75, 3, 3, 50
DAY_MS = 86_400_000
NO_DATE_MS = -(2**63)
NAMES = ("section", "source", "author_name", "tag")

Article = dict[str, Any]
Rank = tuple[Any, ...]


@dataclass(frozen=True)
class Analysis:
    """What is made of texts."""

    places: Callable[[str], list[tuple[int, int]]]
    """Where the words of a text are."""
    ends_phrases: Callable[[str, str], bool]
    """Whether a phrase can end in a word, in lower case, of a text with this language tag."""
    means_something: Callable[[str], bool]
    """Whether a word, in lower case, does by itself."""
    exact: Callable[[str], str]
    edits_for: Callable[[str], int]


@dataclass
class Counted:
    """Something in the articles that hold it: each with where it first stands there."""

    articles: list[tuple[Article, int]]
    length: int
    today: int

    @property
    def newest(self) -> tuple[Article, int]:
        """The first when the newest come first."""
        return min(self.articles, key=lambda one: order(one[0]))

    def rank(self, edits: int = 0) -> Rank:
        """The least comes first."""
        newest, position = self.newest
        use = sum(weight(article, self.today) for article, _position in self.articles)
        count = len(self.articles)
        return edits, -use, -count, -time_of(newest), tie_break(newest["id"]), self.length, position


def time_of(article: Article) -> int:
    """When it was published."""
    time_ms: int | None = article["published_ms"]
    return NO_DATE_MS if time_ms is None else time_ms


def order(article: Article) -> tuple[int, int, str]:
    """When the newest come first."""
    return -time_of(article), tie_break(article["id"]), article["id"]


def weight(article: Article, today: int) -> int:
    """How much it counts; `today` is the day behind that of the newest."""
    if article["published_ms"] is None:
        return 1
    doubled = [days for days in (365, 90, 30) if article["published_ms"] >= (today - days) * DAY_MS]
    return int(2 ** len(doubled))


class NaiveCompletions:
    """Over some articles."""

    def __init__(self, articles: Iterable[Article], analysis: Analysis) -> None:
        self.articles = sorted(articles, key=order)
        self.analysis = analysis
        self.today = time_of(self.articles[0]) // DAY_MS + 1 if self.articles else 0
        self.titles = [
            [article["title"][start:end].lower() for start, end in analysis.places(article["title"])]
            for article in self.articles
        ]

    def completed(self, text: str, limit: int) -> tuple[list[Any], list[Any], list[Any]]:
        """Phrases with their articles, names with their field and their articles, ids of titles."""
        places = self.analysis.places(text)
        forms, starts = [text[start:end].lower() for start, end in places], [start for start, _end in places]
        if places and places[-1][1] < len(text):
            forms, starts = [*forms, ""], [*starts, len(text)]
        forms, starts = forms[-MAX_WORDS:], starts[-MAX_WORDS:]
        phrases, titles, misspelled = self._continued(text, forms, starts, limit)
        names = self._names(self.analysis.exact(text), limit, alike=misspelled and len(forms) <= MAX_NAME_WORDS)
        return phrases, names, titles

    def _continued(
        self, text: str, forms: list[str], starts: list[int], limit: int
    ) -> tuple[list[Any], list[Any], bool]:
        for first in range(len(forms)):
            rest = forms[first:]
            if not any(rest):
                break
            for alike in (False, True):
                choices = [self._word(form, at == len(rest) - 1, alike) for at, form in enumerate(rest)]
                found = self._standing(choices, 0)
                if found and first and not any(map(self.analysis.means_something, filter(None, rest))):
                    return [], [], False
                if found:
                    more = MAX_MORE if len(rest) > 1 or len(rest[0]) >= 3 else 0
                    typed = len(rest) - (not rest[-1])
                    grams = {gram: one for n in range(more + 1) for gram, one in self._standing(choices, n).items()}
                    head = text[: starts[first]] if first else ""
                    titles = {id(article): article for one in found.values() for article, _at in one.articles}
                    phrases = self._phrases(grams, typed, head, limit)
                    return phrases, self._titles(titles.values(), limit), alike and not first
        return [], [], True

    def _word(self, form: str, prefix: bool, alike: bool) -> set[str]:
        """The words of titles that it may stand for."""
        known = {word for title in self.titles for word in title}
        edits = self.analysis.edits_for(form)
        if prefix:
            edits = min(edits, int(len(form) >= 4))
        as_typed = {word for word in known if (word.startswith(form) if prefix else word == form)}
        words = self._standing([known], 0)
        if not alike or not edits or sum(len(words[(word,)].articles) for word in as_typed) >= FEW:
            return as_typed
        away = {}
        for word in known:
            beginnings = [word[:end] for end in range(len(word) + 1)] if prefix else [word]
            away[word] = min(distance(form, one) for one in beginnings)
        near = sorted((words[(word,)].rank(away[word]), word) for word in known if away[word] <= edits)
        return {word for _rank, word in near[:MAX_ALIKE]}

    def _standing(self, choices: Sequence[set[str]], more: int) -> dict[tuple[str, ...], Counted]:
        """N-grams of these words, and so many more."""
        length = len(choices) + more
        grams: dict[tuple[str, ...], list[tuple[Article, int]]] = defaultdict(list)
        for article, words in zip(self.articles, self.titles, strict=True):
            for at in range(len(words) - length + 1):
                gram = tuple(words[at : at + length])
                stands = all(word in choice for word, choice in zip(gram, choices, strict=False))
                if stands and article["id"] not in {one["id"] for one, _at in grams.get(gram, ())}:
                    grams[gram].append((article, at))
        return {gram: Counted(articles, length, self.today) for gram, articles in grams.items()}

    def _phrases(
        self, grams: dict[tuple[str, ...], Counted], typed: int, head: str, limit: int
    ) -> list[tuple[str, int]]:
        pool = sorted(grams, key=lambda gram: grams[gram].rank())[: POOL * limit]
        good = [
            gram
            for gram in pool
            if (len(gram) <= typed or len(grams[gram].articles) >= ENOUGH)
            and self.analysis.ends_phrases(gram[-1], grams[gram].newest[0]["language"])
        ]
        phrases = []
        for gram in good:
            articles = len(grams[gram].articles)
            longer = [other for other in good if len(other) > len(gram) and other[: len(gram)] == gram]
            if not any(len(grams[other].articles) >= PART * articles for other in longer):
                newest, at = grams[gram].newest
                places = self.analysis.places(newest["title"])
                written = newest["title"][places[at][0] : places[at + len(gram) - 1][1]]
                phrases.append((head + " ".join(written.split()), articles))
        return phrases[:limit]

    def _titles(self, articles: Iterable[Article], limit: int) -> list[str]:
        newest = sorted(articles, key=order)[: TITLES * limit]
        titles: dict[str, str] = {}
        for article in newest:
            titles.setdefault(self.analysis.exact(article["title"]), article["id"])
        return list(titles.values())[:limit]

    def _names(self, text: str, limit: int, *, alike: bool) -> list[tuple[str, str, int]]:
        if not text:
            return []
        holding: dict[tuple[str, str], list[tuple[Article, int]]] = defaultdict(list)
        for article in self.articles:
            of_fields = [article["section"]], [article["source"]], article["authors"], article["tags"]
            for field, values in zip(NAMES, of_fields, strict=True):
                for at, value in enumerate(sorted({self.analysis.exact(value) for value in values} - {""})):
                    holding[field, value].append((article, at))
        found: list[tuple[Rank, str, str, int]] = []
        for edits_allowed in (0, self.analysis.edits_for(text)) if alike else (0,):
            for (field, value), articles in holding.items():
                if edits_allowed:
                    edits = min(distance(text, value[:end]) for end in range(len(value) + 1))
                else:
                    edits = 0 if _begins_a_word(value, text) else 1
                if edits <= edits_allowed:
                    rank = Counted(articles, 1, self.today).rank(edits)[:3]
                    found.append(((*rank, NAMES.index(field), value), field, value, len(articles)))
            if found:
                break
        return [(field, value, articles) for _rank, field, value, articles in sorted(found)[:limit]]


def _begins_a_word(value: str, text: str) -> bool:
    return any(
        value.startswith(text, at) and (at == 0 or (value[at - 1].isascii() and not value[at - 1].isalnum()))
        for at in range(len(value))
    )
