"""The plain index: dicts and lists, one article at a time, every definition spelled out.

Contract: the standard library only; no arrays, no segments, no partitions. What it answers is what Broadsheet must
answer: the same ids, scores, order and totals. Text analysis is handed in. A query is the plain form of the tree in
`search/query.py` (dicts with a `type`).

Not here: anything that is fast.
"""

import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any

K1, B, ONE = 1.2, 0.75, 2**24
BOOSTS = {"text": 1.0, "title": 2.0, "body": 1.0, "author": 1.0}
TITLE_WEIGHT = 2
LAST = 2**63 - 1
FLOOR = 0.25
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PERIODS = {"day": 10, "month": 7, "year": 4}
"""How much of a date says which it is."""


@dataclass(frozen=True)
class Analysis:
    """What is made of texts."""

    terms: Callable[[str, str], list[str]]
    """Of a text in a language."""
    names: str
    """The language of names."""
    exact: Callable[[str], str]
    language_of: Callable[[str], str]
    """Tag to language."""
    function_terms: Callable[[str], frozenset[str]]
    """Of a language: terms whose idf counts a tenth."""
    forms: Callable[[str, str], list[str]]
    """Of a text in a language: its words as they are written, in lower case, with their language."""
    again: Callable[..., str]
    """The term of such a word, or of a term."""


MAX_ALIKE, MAX_ALIKE_IN_ALL = 50, 128


def distance(one: str, other: str) -> int:
    """Letters more, less, others, or two neighbours exchanged, each letter edited once at most."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, counterpart in enumerate(other, start=1):
            best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (letter != counterpart))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == counterpart:
                best = min(best, rows[i - 2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def stands_for(node: dict[str, Any], term: str) -> bool:
    """Whether a beginning or a wildcard stands for a term, whatever its language."""
    if node["type"] == "prefix":
        return term.startswith(node["text"])
    return like(node["text"], term.partition("\x1f")[0])


def like(wildcard: str, word: str) -> bool:
    """Whether `?` for one letter and `*` for any number make a word of a wildcard."""
    if not wildcard:
        return not word
    if wildcard[0] == "*":
        return like(wildcard[1:], word) or (bool(word) and like(wildcard, word[1:]))
    return bool(word) and wildcard[0] in {"?", word[0]} and like(wildcard[1:], word[1:])


def _near_nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Each different one once."""
    found = [node] if node["type"] == "near" else []
    for name in ("required", "excluded", "clauses"):
        for child in node.get(name, ()):
            found += [one for one in _near_nodes(child) if one not in found]
    return found


def tie_break(article_id: str) -> int:
    """The first 64 bits of BLAKE2b of the id."""
    return int.from_bytes(blake2b(article_id.encode(), digest_size=8).digest(), "big")


def period_of(period: str, time_ms: int) -> str:
    """The day, month or year of a time, as ISO 8601 writes it."""
    return (EPOCH + timedelta(milliseconds=time_ms)).isoformat()[: PERIODS[period]]


def timeline(period: str, counts: dict[str, int], from_ms: int | None, to_ms: int | None) -> list[tuple[str, int]]:
    """Every period between the bounds, or from the first or to the last that is not empty, with what is in it."""
    first = min(counts, default=None) if from_ms is None else period_of(period, from_ms)
    last = max(counts, default=None) if to_ms is None else period_of(period, to_ms - 1)
    if first is None or last is None:
        return []
    shown: list[tuple[str, int]] = []
    day = date.fromisoformat((first + "-01-01")[:10])
    while day.isoformat()[: PERIODS[period]] <= last:
        name = day.isoformat()[: PERIODS[period]]
        if not shown or shown[-1][0] != name:
            shown.append((name, counts.get(name, 0)))
        day += timedelta(days=1)
    return shown


def decay(published_ms: int | None, half_life_ms: int, origin_ms: int) -> float:
    """1/4 + 3/4 * 2^-(age / half-life), of an age in 256ths of a half-life; 1/4 without a date."""
    if published_ms is None:
        return FLOOR
    age = 256 * max(0, origin_ms - published_ms) // half_life_ms
    power, root = 1.0, 0.5
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):
        root = math.sqrt(root)
        if age & bit:
            power *= root
    return FLOOR + (1.0 - FLOOR) * math.ldexp(power, -(age // 256))


@dataclass(frozen=True)
class Hit:
    """One article of a result."""

    id: str
    score: int
    key: int

    @property
    def order(self) -> tuple[int, int, str]:
        """What results are sorted by."""
        return self.key, tie_break(self.id), self.id


@dataclass
class Statistics:
    """What scores are computed from, frozen."""

    languages: Mapping[str, int] = field(default_factory=dict)
    """Articles by language."""
    lengths: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BOOSTS, 0))
    df: dict[tuple[str, str], int] = field(default_factory=dict)
    function_terms: Callable[[str], frozenset[str]] = lambda _language: frozenset()

    @property
    def articles(self) -> int:
        """All of them."""
        return sum(self.languages.values())

    def idf(self, name: str, term: str) -> float:
        """ln(1 + (N - df + 1/2) / (df + 1/2)); a term that was not there counts as df = 1.

        N counts the articles of the term's language; of names, and of ideographs, all.
        """
        df = self.df.get((name, term), 1)
        language = term.partition("\x1f")[2] or "en"
        neutral = name == "author" or unicodedata.name(term[0], "").startswith(("CJK", "KATAKANA", "HIRAGANA"))
        articles = self.articles if neutral else self.languages.get(language, 0)
        idf = math.log(1.0 + (max(articles, df) - df + 0.5) / (df + 0.5))
        functional = name != "author" and term in self.function_terms(language)
        return idf * 0.1 if functional else idf

    def average(self, name: str) -> float:
        """Mean length of a field, 1 when it was always empty."""
        return self.lengths[name] / self.articles if self.lengths[name] else 1.0


class NaiveIndex:
    """All live articles, and the statistics that were frozen last."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._exact = analysis.exact
        self.articles: dict[str, dict[str, Any]] = {}
        self.statistics = Statistics(function_terms=analysis.function_terms)

    def put(self, article: dict[str, Any]) -> None:
        """Add an article, in place of the one with the same id."""
        self.articles[article["id"]] = article

    def withdraw(self, article_id: str) -> None:
        """Take an article out."""
        self.articles.pop(article_id, None)

    def freeze(self) -> None:
        """Compute the statistics of the live articles, for all scores from now on."""
        languages: dict[str, int] = {}
        for article in self.articles.values():
            language = self._analysis.language_of(article["language"])
            languages[language] = languages.get(language, 0) + 1
        self.statistics = Statistics(languages, function_terms=self._analysis.function_terms)
        for article in self.articles.values():
            for name in BOOSTS:
                words = self.words(article, name)
                self.statistics.lengths[name] += len(words)
                for term in set(words):
                    self.statistics.df[name, term] = self.statistics.df.get((name, term), 0) + 1

    def words(self, article: dict[str, Any], name: str) -> list[str]:
        """The terms of one field; in `text`, the title's stand twice, then the body's."""
        if name == "text":
            return TITLE_WEIGHT * self.words(article, "title") + self.words(article, "body")
        if name == "author":
            return self._analysis.terms("\n".join(article["authors"]), self._analysis.names)
        return self._analysis.terms(article[name], self._analysis.language_of(article["language"]))

    def search(
        self,
        node: dict[str, Any],
        filters: dict[str, Any],
        sort: str,
        origin_ms: int | None = None,
        half_life_ms: int | None = None,
        collapse: bool = False,
    ) -> list[Hit]:
        """The whole result, best first; with a half-life scores decay, counted from the origin.

        If they are to `collapse`, only the first of each story.
        """
        hits = []
        node = self.expanded(node, node)
        for article in self.articles.values():
            score = self._score(node, article)
            if score is not None and self._passes(filters, article):
                if half_life_ms is not None and origin_ms is not None:
                    score = round(score * decay(article["published_ms"], half_life_ms, origin_ms))
                hits.append(Hit(article["id"], score, self._key(sort, score, article[f"{filters['clock']}_ms"])))
        ordered = sorted(hits, key=lambda hit: hit.order)
        if collapse:
            first: dict[int, Hit] = {}
            for hit in ordered:
                first.setdefault(self.articles[hit.id]["story"], hit)
            ordered = list(first.values())
        return ordered

    def copies(self, article: dict[str, Any]) -> list[str]:
        """The ids of all articles of an article's story, in the order in which they came to it."""
        same = [one for one in self.articles.values() if one["story"] == article["story"]]
        return [one["id"] for one in sorted(same, key=lambda one: int(one["joined"]))]

    def telling(self, article: dict[str, Any], most: int = 25) -> list[tuple[str, int, float]]:
        """The terms of an article, with tf and idf, of which the product is largest; terms of others only."""
        words = self.words(article, "text")
        known = [term for term in dict.fromkeys(words) if self.statistics.df.get(("text", term), 0) > 1]
        every = [(term, words.count(term), self.statistics.idf("text", term)) for term in known]
        return sorted(every, key=lambda one: (-one[1] * one[2], one[0]))[:most]

    def facets(
        self,
        node: dict[str, Any],
        filters: dict[str, Any],
        facets: tuple[str, ...],
        collapse: bool = False,
    ) -> dict[str, Any]:
        """Facet to value to how many articles match under all filters but the one on the facet's own field.

        If they are to `collapse`, how many stories have such an article.
        """
        node = self.expanded(node, node)
        counts: dict[str, Any] = {}
        for facet in facets:
            counts[facet] = {}
            seen: set[tuple[str, int]] = set()
            others = [
                {**choice, "allowed": []} if choice["field"] == facet else choice for choice in filters["choices"]
            ]
            for article in self.articles.values():
                if self._score(node, article) is not None and self._passes({**filters, "choices": others}, article):
                    for value in self._facet_values(facet, article, article[f"{filters['clock']}_ms"]):
                        if not collapse or (value, article["story"]) not in seen:
                            counts[facet][value] = counts[facet].get(value, 0) + 1
                        if collapse:
                            seen.add((value, article["story"]))
        return counts

    def spellings(self, facet: str) -> dict[str, str]:
        """How the newest article that has it writes each value of a field, white space as single spaces."""
        found: dict[str, str] = {}
        newest = [
            Hit(article["id"], 0, self._key("newest", 0, article["published_ms"]))
            for article in self.articles.values()
        ]
        for hit in sorted(newest, key=lambda hit: hit.order):
            for text in self._texts(facet, self.articles[hit.id]):
                found.setdefault(self._exact(text), " ".join(text.split()))
        return found

    def _facet_values(self, facet: str, article: dict[str, Any], time_ms: int | None) -> set[str]:
        if facet in PERIODS:
            if time_ms is None:
                return set()
            return {period_of(facet, time_ms)}
        return self._values(facet, article)

    def _key(self, sort: str, score: int, time_ms: int | None) -> int:
        if sort == "relevance":
            return -score
        if time_ms is None:
            return LAST
        return -time_ms if sort == "newest" else time_ms

    def _passes(self, filters: dict[str, Any], article: dict[str, Any]) -> bool:
        start, end, time_ms = filters["from_ms"], filters["to_ms"], article[f"{filters['clock']}_ms"]
        if (start is not None or end is not None) and time_ms is None:
            return False
        if (start is not None and time_ms < start) or (end is not None and time_ms >= end):
            return False
        return all(self._chosen(choice, article) for choice in filters["choices"])

    def _chosen(self, choice: dict[str, Any], article: dict[str, Any]) -> bool:
        has = self._values(choice["field"], article)
        allowed = {self._exact(value) for value in choice["allowed"]}
        denied = {self._exact(value) for value in choice["denied"]}
        return (not allowed or bool(has & allowed)) and not has & denied

    def _values(self, name: str, article: dict[str, Any]) -> set[str]:
        return {self._exact(text) for text in self._texts(name, article)} - {""}

    @staticmethod
    def _texts(name: str, article: dict[str, Any]) -> list[str]:
        texts: dict[str, list[str]] = {
            "section": [article["section"]],
            "source": [article["source"]],
            "author_name": article["authors"],
            "tag": article["tags"],
            "language": [article["language"]],
        }
        return texts[name]

    def expanded(self, node: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
        """A part of a tree, with words of the archive in place of those that are spelled alike."""
        return self._expanded(node, MAX_ALIKE_IN_ALL // max(1, len(_near_nodes(whole))))

    def _expanded(self, node: dict[str, Any], most: int) -> dict[str, Any]:
        if node["type"] == "near":
            return self._alike(node, most)
        lists = {name: node[name] for name in ("required", "excluded", "clauses") if name in node}
        return {**node, **{name: [self._expanded(one, most) for one in nodes] for name, nodes in lists.items()}}

    def _alike(self, node: dict[str, Any], most: int) -> dict[str, Any]:
        """Any of the words so many letters apart at most: the closest, and of these those in most articles."""
        names = node["field"] == "author"
        holders: dict[tuple[str, bool], set[str]] = {}
        terms: dict[str, str] = {}
        for article in self.articles.values():
            language = self._analysis.names if names else self._analysis.language_of(article["language"])
            texts = ["\n".join(article["authors"])] if names else [article["title"], article["body"]]
            for text in texts:
                for form, term in zip(
                    self._analysis.forms(text, language), self._analysis.terms(text, language), strict=True
                ):
                    for key, written in ((form, True), (term, False)):
                        if not (written and form == term):
                            holders.setdefault((key, written), set()).add(article["id"])
                            terms[key] = term
        ranked = []
        for key in {key for key, _written in holders}:
            edits = distance(node["form"], key.partition("\x1f")[0])
            articles = max(len(holders.get((key, written), ())) for written in (True, False))
            if edits <= node["edits"]:
                ranked.append((edits, -articles, key))
        away: dict[str, int] = {}
        for edits, _articles, key in sorted(ranked)[: min(most, MAX_ALIKE)]:
            away.setdefault(self._analysis.again(key, names=names), edits)
        idfs = {term: self.statistics.idf(node["field"], term) for term in away}
        least = min(idfs.values(), default=1.0)
        clauses = [
            {
                "type": "term",
                "field": node["field"],
                "text": term,
                "boost": node["boost"] * 0.5**edits * least / idfs[term],
            }
            for term, edits in sorted(away.items())
        ]
        return {"type": "or", "clauses": clauses, "minimum": 1} if clauses else {"type": "nothing"}

    def _score(self, node: dict[str, Any], article: dict[str, Any]) -> int | None:
        """The score of a matching article; `None` for one that does not match."""
        match node["type"]:
            case "every":
                return 0
            case "nothing":
                return None
            case "value":
                return 0 if self._exact(node["text"]) in self._values(node["field"], article) else None
            case "between":
                time_ms, start, end = article[node["clock"] + "_ms"], node["from_ms"], node["to_ms"]
                early, late = start is not None and time_ms is not None and time_ms < start, end is not None
                return None if time_ms is None or early or (late and time_ms >= end) else 0
            case "term":
                return self._term(node["field"], node["text"], node["boost"], article)
            case "phrase":
                return self._phrase(node, article)
            case "prefix" | "wildcard":
                words = self.words(article, node["field"])
                matches = any(stands_for(node, word) for word in words)
                return round(node["boost"] * BOOSTS[node["field"]] * ONE) if matches else None
            case "and":
                if any(self._score(clause, article) is not None for clause in node["excluded"]):
                    return None
                scores = [self._score(clause, article) for clause in node["required"]]
                return None if None in scores else sum(score for score in scores if score)
            case _:
                scores = [self._score(clause, article) for clause in node["clauses"]]
                found = [score for score in scores if score is not None]
                return sum(found) if len(found) >= node["minimum"] else None

    def parts(self, node: dict[str, Any], article: dict[str, Any]) -> list[dict[str, Any]] | None:
        """What each clause that matches adds to the score; `None` for an article that does not match."""
        if self._score(node, article) is None:
            return None
        match node["type"]:
            case "term":
                return [self._part(node, node["text"], article)]
            case "phrase":
                return [self._part(node, term, article) for term in dict.fromkeys(node["terms"])]
            case "prefix" | "wildcard":
                about = {"field": node["field"], "term": node["text"] + "*" * (node["type"] == "prefix")}
                boost = node["boost"] * BOOSTS[node["field"]]
                return [{**about, "boost": boost, "score": round(boost * ONE) / ONE}]
            case "and" | "or":
                below = [self.parts(clause, article) for clause in node.get("required") or node["clauses"]]
                return [part for parts in below for part in parts or ()]
            case _:
                return []

    def _part(self, node: dict[str, Any], term: str, article: dict[str, Any]) -> dict[str, Any]:
        name, (stem, _, language) = node["field"], term.partition("\x1f")
        neutral = name == "author" or unicodedata.name(term[0], "").startswith("CJK")
        words = self.words(article, name)
        return {
            "field": name,
            "term": stem,
            **({} if neutral else {"language": language or "en"}),
            "tf": words.count(term),
            "length": len(words),
            "average_length": self.statistics.average(name),
            "idf": self.statistics.idf(name, term),
            "boost": node["boost"] * BOOSTS[name],
            "score": (self._term(name, term, node["boost"], article) or 0) / ONE,
        }

    def _term(self, name: str, term: str, boost: float, article: dict[str, Any]) -> int | None:
        words = self.words(article, name)
        tf = float(words.count(term))
        if not tf:
            return None
        norm = 1.0 - B + B * float(len(words)) / self.statistics.average(name)
        saturation = tf * (K1 + 1.0) / (tf + K1 * norm)
        return round(boost * BOOSTS[name] * self.statistics.idf(name, term) * saturation * ONE)

    def _phrase(self, node: dict[str, Any], article: dict[str, Any]) -> int | None:
        parts = ("title", "body") if node["field"] == "text" else (node["field"],)
        if not any(self._adjacent(node, self.words(article, part)) for part in parts):
            return None
        terms = dict.fromkeys(node["terms"])
        return sum(self._term(node["field"], term, node["boost"], article) or 0 for term in terms)

    @staticmethod
    def _adjacent(node: dict[str, Any], words: list[str]) -> bool:
        places = [[at for at, word in enumerate(words) if word == term] for term in node["terms"]]
        longest = len(places) - 1 + node["slop"]
        return any(chain[-1] - chain[0] <= longest for chain in _chains(places))


def _chains(places: list[list[int]]) -> Iterator[list[int]]:
    """Every way to take one ascending place from each list."""
    if len(places) == 1:
        yield from ([place] for place in places[0])
        return
    for rest in _chains(places[1:]):
        yield from ([place, *rest] for place in places[0] if place < rest[0])
