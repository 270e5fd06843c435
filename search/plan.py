"""The plan of a query: its tree flattened into clauses of atoms, as kernels walk them.

Contract: a plan depends on the query and on the statistics, not on a segment; it is immutable and may be kept. What
matches a plan, and with which score, is what `exhaustive.py` says of the tree.
Clauses keep the order of the tree: which is cheapest differs from segment to segment. A plan is there in numbers,
too, that a kernel binds to any segment; what has no lists of its own is a set of articles there.

Not here: segments and kernels (`share.py`), syntax (`parsing.py`).
"""

from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from partition.kernels.binding import Query
from partition.kernels.clauses import COUNT, FIRST, KIND, PHRASE, SET, WORD
from partition.schema import FIELD_BOOSTS, PARTS, TEXT
from partition.scoring import constant
from partition.statistics import Statistics
from search.query import And, Between, Clock, Every, Near, Node, Nothing, Or, Phrase, Prefix, Term, Value, Wildcard

POSITIONS_COST = 100
"""Looking for a phrase in one article costs about as much as reading so many postings."""
NESTED_COST = 20
"""So much does finding and scoring an article that matches a nested plan."""


class Word(msgspec.Struct, frozen=True):
    """The articles on one posting list."""

    field: str
    key: bytes
    weight: float
    """Boosts times idf."""
    df: int
    """Articles on it, when the statistics were frozen; for estimates."""


class PhraseWords(msgspec.Struct, frozen=True):
    """The articles that are on all lists of `words` and hold `keys` in order in one of `parts`."""

    words: tuple[Word, ...]
    """Its distinct words: what it scores."""
    parts: tuple[str, ...]
    keys: tuple[bytes, ...]
    slop: int


class Beginning(msgspec.Struct, frozen=True):
    """The articles that hold any term with this beginning, all with one score."""

    field: str
    text: str
    score: int


class Like(msgspec.Struct, frozen=True):
    """The articles that hold any term that this wildcard stands for, all with one score."""

    field: str
    text: str
    score: int


class Spelled(msgspec.Struct, frozen=True):
    """The articles that hold any word within so many edits of one; they score nothing.

    Only where it is asked whether there are any: a search is planned with the words themselves (`spelling.py`).
    """

    field: str
    form: str
    edits: int


class During(msgspec.Struct, frozen=True):
    """The articles whose time by a clock is in [from_ms, to_ms), all with a score of 0."""

    clock: Clock
    from_ms: int | None
    to_ms: int | None


class Flat(msgspec.Struct, frozen=True, eq=False):
    """A plan in numbers."""

    lists: tuple[tuple[str, bytes], ...]
    """Field and key of each."""
    query: Query
    """What is asked of them, and of the sets."""
    sets: tuple["SetAtom", ...] = ()
    """Whose articles somebody must find before."""
    scored: tuple[bool, ...] = ()
    """Which of the sets have a score for each article: nested plans that are not excluded."""


class Plan(msgspec.Struct, frozen=True):
    """Articles match that match `minimum` of `clauses` and none of `excluded`; of a clause, one atom is enough."""

    clauses: tuple[tuple["Atom", ...], ...]
    minimum: int
    excluded: tuple[tuple["Atom", ...], ...]
    flat: Flat
    """The same in numbers."""


SetAtom = Beginning | Like | Spelled | During | Plan
Atom = Word | PhraseWords | Beginning | Like | Spelled | During | Plan


def plan_of(node: Node, statistics: Statistics) -> Plan:
    """The plan of a tree under these statistics."""
    match node:
        case Every():
            return _plan((), 0)
        case Nothing():
            return _plan((), 1)
        case And(required=required, excluded=excluded):
            clauses = tuple([_clause(child, statistics) for child in required if not isinstance(child, Every)])
            return _plan(clauses, len(clauses), tuple([_clause(child, statistics) for child in excluded]))
        case Or(clauses=children, minimum=minimum):
            return _plan(tuple([(_atom(child, statistics),) for child in children]), minimum)
        case _:
            return _plan(((_atom(node, statistics),),), 1)


def _plan(clauses: tuple[tuple[Atom, ...], ...], minimum: int, excluded: tuple[tuple[Atom, ...], ...] = ()) -> Plan:
    words = [clause[0] for clause in clauses if len(clause) == 1 and isinstance(clause[0], Word)]
    if len(words) == len(clauses) and not excluded:
        return Plan(clauses, minimum, excluded, _flat_words(words, minimum))
    return Plan(clauses, minimum, excluded, _flat(clauses, minimum, excluded))


def _flat(clauses: tuple[tuple[Atom, ...], ...], minimum: int, excluded: tuple[tuple[Atom, ...], ...]) -> Flat:
    lists: list[tuple[str, bytes]] = []
    weights: list[float] = []
    atoms: list[tuple[int, ...]] = []
    sets: list[SetAtom] = []
    scored: list[bool] = []
    starts = [0]
    for nth, clause in enumerate(clauses + excluded):
        for atom in clause:
            first, words = len(lists), _words_of(atom)
            match atom:
                case Word():
                    atoms.append((WORD, first, 1, 0, 0, 0, 0))
                case PhraseWords(parts=parts, keys=keys, slop=slop):
                    atoms.append((PHRASE, first, len(words), slop, len(parts), first + len(words), len(keys)))
                case _:
                    scored.append(isinstance(atom, Plan) and nth < len(clauses))
                    atoms.append((SET, len(sets), sum(scored) - 1 if scored[-1] else -1, 0, 0, 0, 0))
                    sets.append(atom)
            lists += [(word.field, word.key) for word in words]
            weights += [word.weight if nth < len(clauses) else 0.0 for word in words]
            if isinstance(atom, PhraseWords):
                lists += [(part, key) for part in atom.parts for key in atom.keys]
                weights += [0.0] * (len(lists) - len(weights))
        starts.append(len(atoms))
    shape = np.array(atoms, np.int64).reshape(-1, 7), np.array(starts, np.int64)
    query = Query(np.array(weights), *shape, len(clauses), minimum)
    return Flat(tuple(lists), query, tuple(sets), tuple(scored))


def _words_of(atom: Atom) -> tuple[Word, ...]:
    match atom:
        case Word():
            return (atom,)
        case PhraseWords(words=words):
            return words
        case _:
            return ()


def _flat_words(words: list[Word], minimum: int) -> Flat:
    """The same for clauses of one word each, as most queries are, quickly."""
    weights = np.array([word.weight for word in words])
    return Flat(
        tuple([(word.field, word.key) for word in words]),
        Query(weights, *_shape_of_words(len(words)), len(words), minimum),
    )


@lru_cache(maxsize=64)
def _shape_of_words(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    atoms = np.zeros((count, 7), np.int64)
    atoms[:, KIND], atoms[:, FIRST], atoms[:, COUNT] = WORD, range(count), 1
    return atoms, np.arange(count + 1)


def _clause(node: Node, statistics: Statistics) -> tuple[Atom, ...]:
    if isinstance(node, Or) and node.minimum == 1:
        return tuple(_atom(child, statistics) for child in node.clauses)
    return (_atom(node, statistics),)


def _atom(node: Node, statistics: Statistics) -> Atom:
    match node:
        case Term(field=field, text=text, boost=boost):
            return _word(field, text, boost, statistics)
        case Phrase(field=field, terms=terms, slop=slop, boost=boost):
            return PhraseWords(
                words=tuple(_word(field, term, boost, statistics) for term in dict.fromkeys(terms)),
                parts=tuple(PARTS) if field == TEXT else (field,),
                keys=tuple(term.encode() for term in terms),
                slop=slop,
            )
        case Prefix(field=field, text=text, boost=boost):
            return Beginning(field, text, constant(boost * FIELD_BOOSTS[field]))
        case Value(field=field, text=text):
            return Word(field, text.encode(), 0.0, 0)
        case Between(clock=clock, from_ms=from_ms, to_ms=to_ms):
            return During(clock, from_ms, to_ms)
        case Wildcard(field=field, text=text, boost=boost):
            return Like(field, text, constant(boost * FIELD_BOOSTS[field]))
        case Near(field=field, form=form, edits=edits):
            return Spelled(field, form, edits)
        case And() | Or() | Every() | Nothing():
            return plan_of(node, statistics)
        case _:
            raise AssertionError(f"{type(node).__name__} was not analysed")


def _word(field: str, text: str, boost: float, statistics: Statistics) -> Word:
    idf, df = statistics.idf_and_df(field, text)
    return Word(field, text.encode(), boost * FIELD_BOOSTS[field] * idf, df)


def postings_of(plan: Plan, articles: int) -> int:
    """About how many postings a plan reads, at most: what it costs.

    Args:
        plan: the plan.
        articles: of the whole archive.
    """
    return sum(_postings_of(atom, articles) for clause in plan.clauses + plan.excluded for atom in clause)


def _postings_of(atom: Atom, articles: int) -> int:
    match atom:
        case Word(df=df):
            return df
        case PhraseWords(words=words):
            # Where each word stands is looked up for the articles that hold the rarest.
            return sum(word.df for word in words) + POSITIONS_COST * min(word.df for word in words)
        case Plan():
            return NESTED_COST * _matches_of(atom, articles) + postings_of(atom, articles)
        case _:
            return articles


def _matches_of(plan: Plan, articles: int) -> int:
    """About how many articles match a plan, at most."""
    clauses = [sum(_most_of(atom, articles) for atom in clause) for clause in plan.clauses]
    if plan.minimum == len(clauses):
        return min([articles, *clauses])
    return min(articles, sum(clauses))


def _most_of(atom: Atom, articles: int) -> int:
    match atom:
        case Word(df=df) if atom.weight > 0.0:
            return df
        case PhraseWords(words=words):
            return min(word.df for word in words)
        case Plan():
            return _matches_of(atom, articles)
        case _:  # of values, too, it is not known
            return articles
