"""Words that are spelled alike: which words of the archive a word may stand for, and which was probably meant.

Which words there are is what the live articles of a state hold, as they write them; so it depends on the state and on
nothing else, and a word that came a second ago is there.

Contract: `alike` finds the closest `MAX_ALIKE` words, of equally close ones those in most articles, and what that
depends on is exact over segments and partitions. `expanded` puts them into a tree in place of `Near`. All of them are
as rare as the most common, so that no misspelling ranks first for being rare, and each letter apart halves.

Not here: what an edit is (`partition/kernels/spelling.py`), syntax (`parsing.py`).
"""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from partition.analysis import ideographic, parted, term_of
from partition.errors import IndexFileError
from partition.schema import FORM, NAME_FIELDS, TEXT, dictionaries_of
from partition.statistics import Statistics
from search.canonical import disjunction
from search.deadline import DeadlineError
from search.leaf import PartitionDamagedError
from search.parsing import MAX_QUERY_CHARS, Parsed, edits_for
from search.query import And, Near, Node, Or, Quote, Term, Word, near_nodes
from search.snapshot import Snapshot

MAX_ALIKE = 50
MAX_ALIKE_IN_ALL = 128
"""In one query."""
FEW = 3
"""Articles, now and when statistics were frozen, of which fewer hold a word that may be a slip."""
MANY = 10
"""Times as many hold the word that was meant."""
MAX_CORRECTED = 8
"""Words of a query that are looked at."""
MAX_REMEMBERED = 1000
"""Words of one state."""
APART = 0.5
"""How much a word counts that is one letter apart."""
_AS_A_WORD = r"(?<![\w?*]){}(?![\w?*:])"
"""Where a word stands as such in the text of a query: in no pattern, and not as the name of a field."""


class Alike(NamedTuple):
    """A word of the archive."""

    edits: int
    """How far it is from the one that was asked for."""
    articles: int
    """Live ones that hold it; negative, so that those in most come first."""
    key: str
    """In lower case, with its language (`analysis.keys_of`)."""

    def term(self, field: str) -> str:
        """What it is looked up as."""
        if field in NAME_FIELDS:
            return self.key
        form, language = parted(self.key)
        return term_of(form, language)


def alike(snapshot: Snapshot, field: str, form: str, edits: int, deadline_s: float) -> Sequence[Alike]:
    """The words of the archive that are spelled like one, the closest first.

    Args:
        snapshot: of the archive.
        field: that is searched.
        form: in lower case.
        edits: letters that may be wrong.
        deadline_s: when to give up, on the monotonic clock.

    Raises:
        PartitionDamagedError
        DeadlineError: it took too long.
    """
    names = field in NAME_FIELDS
    asked = (field if names else FORM, form, edits)
    known = snapshot.partitions.alike.get(asked)
    if known is None:
        dictionaries = dictionaries_of(field)
        counts: dict[str, Counter[str]] = {one: Counter() for one in dictionaries}
        distances: dict[str, int] = {}
        for leaf in snapshot.partitions.leaves:
            try:
                for segment in leaf.reader.segments:
                    if time.monotonic() > deadline_s:
                        raise DeadlineError
                    for dictionary in dictionaries:
                        near = segment.near(dictionary, form, edits)
                        for ordinal, distance in zip(*map(np.ndarray.tolist, near), strict=True):
                            if articles := segment.live_articles(ordinal):
                                key = segment.key(ordinal).decode()
                                distances[key] = distance
                                counts[dictionary][key] += articles
            except IndexFileError as error:
                raise PartitionDamagedError(leaf.partition, error) from None
        found = (
            Alike(distance, -max(one[key] for one in counts.values()), key) for key, distance in distances.items()
        )
        known = sorted(found)[:MAX_ALIKE]
        if len(snapshot.partitions.alike) >= MAX_REMEMBERED:
            snapshot.partitions.alike.clear()
        snapshot.partitions.alike[asked] = known
    return known


def expanded(node: Node, snapshot: Snapshot, deadline_s: float) -> Node:
    """The tree with words of the archive in place of those that may stand for some.

    Raises:
        PartitionDamagedError, DeadlineError: as of `alike`.
    """
    near = list(dict.fromkeys(near_nodes(node)))
    most = MAX_ALIKE_IN_ALL // max(1, len(near))
    words: dict[Node, Node] = {
        one: _words(one, alike(snapshot, one.field, one.form, one.edits, deadline_s)[:most], snapshot.statistics)
        for one in near
    }
    return _with(node, words) if words else node


def _with(node: Node, words: Mapping[Node, Node]) -> Node:
    match node:
        case And(required=required, excluded=excluded):
            return And(
                tuple(_with(child, words) for child in required), tuple(_with(child, words) for child in excluded)
            )
        case Or(clauses=clauses, minimum=minimum):
            return Or(tuple(_with(child, words) for child in clauses), minimum)
        case _:
            return words.get(node, node)


def _words(near: Near, found: Sequence[Alike], statistics: Statistics) -> Node:
    edits: dict[str, int] = {}
    for one in found:
        edits.setdefault(one.term(near.field), one.edits)
    idfs = {term: statistics.idf(near.field, term) for term in edits}
    least = min(idfs.values(), default=1.0)
    return disjunction(
        (Term(near.field, term, near.boost * APART ** edits[term] * least / idf), False) for term, idf in idfs.items()
    )


class Corrected(NamedTuple):
    """What was probably meant by a query."""

    text: str | None
    """Its text with words that hardly any article holds replaced by ones that many do; `None` if there are none."""
    looked: tuple[tuple[str, str | None], ...]
    """Which of its words were looked at, and what each was probably meant to be (`meant_by`)."""


def corrected(text: str, parsed: Parsed, snapshot: Snapshot, deadline_s: float) -> Corrected:
    """What was probably meant by a query.

    Args:
        text: of the query.
        parsed: what it means.
        snapshot: of the archive.
        deadline_s: when to give up, on the monotonic clock.

    Raises:
        PartitionDamagedError, DeadlineError: as of `alike`.
    """
    made = text
    looked: list[tuple[str, str | None]] = []
    for form in list(dict.fromkeys(_forms_of(parsed.node)))[:MAX_CORRECTED]:
        meant = meant_by(form, snapshot, deadline_s)
        looked.append((form, meant))
        if meant:
            made = re.sub(_AS_A_WORD.format(re.escape(form)), meant, made, flags=re.IGNORECASE)
    return Corrected(made if made != text and len(made) <= MAX_QUERY_CHARS else None, tuple(looked))


def _forms_of(node: Node) -> Iterator[str]:
    """Words that articles must or may hold."""
    match node:
        case Word(form=form) | Near(form=form):
            yield form
        case Quote(forms=forms):
            yield from forms
        case And(required=clauses) | Or(clauses=clauses):
            for child in clauses:
                yield from _forms_of(child)


def _own_terms(form: str, snapshot: Snapshot) -> list[str]:
    """The terms of a word in each language."""
    languages = snapshot.manifest.languages_at(snapshot.state.applied_seq)
    return [term_of(form, language) for language in languages]


def meant_by(form: str, snapshot: Snapshot, deadline_s: float) -> str | None:
    """The word that was probably meant by one that hardly any article holds; `None` if it is no slip.

    The first time takes 17 to 23 ms (72,631 articles), later ones, also of later states, 0.1 to 0.8: segments
    remember which of their words are spelled alike.

    Args:
        form: in lower case.
        snapshot: of the archive.
        deadline_s: when to give up, on the monotonic clock.

    Raises:
        PartitionDamagedError, DeadlineError: as of `alike`.
    """
    edits = edits_for(form)
    if not edits or ideographic(form):
        return None
    own = _own_terms(form, snapshot)
    if max(snapshot.statistics.df(TEXT, term) for term in own) >= FEW:  # which takes no time to find out
        return None
    found = [one for one in alike(snapshot, TEXT, form, edits, deadline_s) if parted(one.key)[0].isalpha()]
    terms = {one.term(TEXT): -one.articles for one in reversed(found)}
    held = max(terms.get(term, 0) for term in own)
    if held >= FEW or any(one.edits == 0 and -one.articles >= FEW for one in found):
        return None
    for one in found:
        if one.edits and -one.articles >= MANY * max(1, held):
            return _written(one, snapshot)
    return None


def _written(one: Alike, snapshot: Snapshot) -> str:
    """A word as it is written, where what was found may be a stem."""
    term = one.term(TEXT)
    forms = Counter[str]()
    if term == one.key:
        stem, _ = parted(term)
        for leaf in snapshot.partitions.leaves:
            for segment in leaf.reader.segments:
                for ordinal in segment.terms_with_prefix(FORM, stem):
                    key = segment.key(ordinal).decode()
                    if term_of(*parted(key)) == term:
                        forms[key] += segment.live_articles(ordinal)
    ranked = sorted(forms.items(), key=lambda item: (-item[1], item[0]))
    # Of a word that is its own stem most articles hold itself.
    key = ranked[0][0] if ranked and 2 * ranked[0][1] >= -one.articles else one.key
    return parted(key)[0]
