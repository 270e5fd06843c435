"""The plan of a query: its tree flattened into clauses of atoms, as kernels walk them.

Contract: a plan depends on the query and on the statistics, not on a segment; it is immutable and may be kept. What
matches a plan, and with which score, is what `exhaustive.py` says of the tree.
Clauses keep the order of the tree: which is cheapest differs from segment to segment.

Not here: segments and kernels (`executor.py`), syntax (`parsing.py`).
"""

import msgspec

from partition.schema import FIELD_BOOSTS, PARTS, TEXT
from partition.scoring import constant
from partition.statistics import Statistics
from search.query import And, Every, Node, Nothing, Or, Phrase, Prefix, Term, Wildcard

POSITIONS_COST = 100
"""Looking for a phrase in one article costs about as much as reading so many postings."""
NESTED_COST = 20
"""So much does finding and scoring an article that matches a nested plan, when all of them do."""


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


class FoundByWhoosh(msgspec.Struct, frozen=True):
    """The articles that Whoosh says match `node`, for which there is no kernel, all with one score."""

    node: Wildcard
    score: int


class Plan(msgspec.Struct, frozen=True):
    """Articles match that match `minimum` of `clauses` and none of `excluded`; of a clause, one atom is enough."""

    clauses: tuple[tuple["Atom", ...], ...]
    minimum: int
    excluded: tuple[tuple["Atom", ...], ...] = ()
    words: tuple[Word, ...] = ()
    """Its clauses, if each is one word and nothing is excluded."""


Atom = Word | PhraseWords | Beginning | FoundByWhoosh | Plan


def plan_of(node: Node, statistics: Statistics) -> Plan:
    """The plan of a tree under these statistics."""
    match node:
        case Every():
            return Plan((), 0)
        case Nothing():
            return Plan((), 1)
        case And(required=required, excluded=excluded):
            clauses = tuple([_clause(child, statistics) for child in required if not isinstance(child, Every)])
            return _plan(clauses, len(clauses), tuple([_clause(child, statistics) for child in excluded]))
        case Or(clauses=children, minimum=minimum):
            return _plan(tuple([(_atom(child, statistics),) for child in children]), minimum)
        case _:
            return _plan(((_atom(node, statistics),),), 1)


def _plan(clauses: tuple[tuple[Atom, ...], ...], minimum: int, excluded: tuple[tuple[Atom, ...], ...] = ()) -> Plan:
    words = tuple([clause[0] for clause in clauses if len(clause) == 1 and isinstance(clause[0], Word)])
    return Plan(clauses, minimum, excluded, words if len(words) == len(clauses) and not excluded else ())


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
        case Wildcard(field=field, boost=boost):
            return FoundByWhoosh(node, constant(boost * FIELD_BOOSTS[field]))
        case _:
            return plan_of(node, statistics)


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
            return NESTED_COST * articles + postings_of(atom, articles)
        case _:
            return articles
