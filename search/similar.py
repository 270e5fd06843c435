"""The articles that are most like one: the query of its most telling terms.

A term tells most that stands in the article often and in few others: by tf times idf, over title and body, in the
language of the article. Any of the terms will do, and whatever holds more of the rarer ones comes first, as in any
other search. Terms that no other article held when the statistics were frozen lead nowhere, and are none of them.

Contract: the terms depend on the article and on the frozen statistics, so that they are the same however the archive
is partitioned; equally telling ones come in order of the terms. Bounded: only the first `MAX_CHARS` of a text are
looked at.

Source: G. Salton and C. Buckley, "Term-weighting approaches in automatic text retrieval", 1988.

Not here: searching (`broker.py`), the article itself, which is left out (`service.py`).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from partition.analysis import ideographic, language_of, parted, terms
from partition.schema import PARTS, TEXT
from partition.statistics import Statistics
from search.canonical import disjunction
from search.query import Node, Term

MAX_TERMS = 25
MAX_CHARS = 60_000


class Telling(NamedTuple):
    """A term of an article."""

    term: str
    """As analysis made it (`analysis.parted`)."""
    tf: int
    """How often it stands in `text`."""
    idf: float

    @property
    def stem(self) -> str:
        """The term without its language."""
        return parted(self.term)[0]

    @property
    def language(self) -> str | None:
        """Whose stem it is; `None` if it is of none."""
        return None if ideographic(self.term) else parted(self.term)[1]


def telling_terms(stored: dict[str, Any], statistics: Statistics) -> list[Telling]:
    """The most telling terms of a stored article, the most telling first."""
    language = language_of(stored["language"])
    tfs: Counter[str] = Counter()
    for part, weight in PARTS.items():
        for term, count in Counter(terms(stored[part][:MAX_CHARS], language)).items():
            tfs[term] += weight * count
    telling = []
    for term, tf in tfs.items():
        idf, df = statistics.idf_and_df(TEXT, term)
        if df > 1:
            telling.append(Telling(term, tf, idf))
    telling.sort(key=lambda one: (-one.tf * one.idf, one.term))
    return telling[:MAX_TERMS]


def node_of(telling: Sequence[Telling]) -> Node:
    """The query of these terms."""
    return disjunction((Term(TEXT, one.term), False) for one in telling)
