"""Clauses put together in one way: equal meanings become equal trees, as far as spelling goes.

Contract: groups in groups are one group; what says nothing is left out; clauses stand in an order of their own. A
word that is said twice counts twice; what is excluded is not scored, so there it does not.

Not here: syntax (`parsing.py`), terms (`terms.py`).
"""

from collections.abc import Iterable, Mapping

import msgspec

from search.query import And, Every, Near, Node, Nothing, Or, Pattern, Quote, Start, Term, Word

Clause = tuple[Node, bool]
"""A node, and whether it is negated."""


def conjunction(clauses: Iterable[Clause]) -> Node:
    """All of the clauses."""
    required: list[Node] = []
    excluded: list[Node] = []
    for node, negated in clauses:
        if negated:
            excluded.append(node)
        elif isinstance(node, And):  # (a b) c is a b c
            required += node.required
            excluded += node.excluded
        else:
            required.append(node)
    must = _distinct(required)
    # What is excluded is not scored: neither boosts nor saying it twice makes a difference.
    must_not = _distinct({_unscored(node) for node in excluded})
    if len(must) > 1:  # beside another clause, "every article" says nothing
        must = tuple(node for node in must if node != Every())
    if not must and not must_not:
        return Nothing()
    return must[0] if len(must) == 1 and not must_not else And(must or (Every(),), must_not)


def disjunction(clauses: Iterable[Clause]) -> Node:
    """Any of the clauses."""
    nodes: list[Node] = []
    for node, negated in clauses:
        if negated:
            nodes.append(conjunction([(node, True)]))
        else:
            nodes += node.clauses if isinstance(node, Or) else (node,)
    distinct = _distinct(nodes)
    if not distinct:
        return Nothing()
    return distinct[0] if len(distinct) == 1 else Or(distinct)


def together(group: type[And | Or], kind: type[Word | Term], boosts: Mapping[tuple[str, str], float]) -> Node:
    """What `conjunction` or `disjunction` makes of words alone, by field and spelling: most queries, quickly."""
    nodes = tuple([kind(*word, boosts[word]) for word in sorted(boosts)])
    return nodes[0] if len(nodes) == 1 else group(nodes)


def scaled(node: Node, factor: float, most: float) -> Node:
    """The tree with all boosts times `factor`.

    Raises:
        ValueError: one would not be in (0, most].
    """
    match node:
        case Word() | Quote() | Start() | Pattern() | Near():
            boost = node.boost * factor
            if not 0.0 < boost <= most:
                raise ValueError(boost)
            return msgspec.structs.replace(node, boost=boost)
        case And(required=required, excluded=excluded):
            return And(tuple(scaled(child, factor, most) for child in required), excluded)
        case Or(clauses=clauses, minimum=minimum):
            return Or(tuple(scaled(child, factor, most) for child in clauses), minimum)
        case _:
            return node


def _unscored(node: Node) -> Node:
    match node:
        case Term() | Word() | Quote() | Start() | Pattern() | Near():
            return msgspec.structs.replace(node, boost=1.0)
        case _:
            return node


def _distinct(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes that say something, each once, in an order that does not depend on the spelling."""
    boosts: dict[tuple[type[Term | Word], str, str], float] = {}
    alternatives: dict[tuple[tuple[str, str], ...], tuple[float, ...]] = {}
    others: set[Node] = set()
    for node in nodes:
        match node:
            case Term(field=field, text=text, boost=boost):
                boosts[Term, field, text] = boosts.get((Term, field, text), 0.0) + boost
            case Word(field=field, form=form, boost=boost):
                boosts[Word, field, form] = boosts.get((Word, field, form), 0.0) + boost
            case Or(clauses=clauses, minimum=1) if all(isinstance(one, Term) for one in clauses):
                # One word in several languages.
                key = tuple((one.field, one.text) for one in clauses if isinstance(one, Term))
                more = tuple(one.boost for one in clauses if isinstance(one, Term))
                before = alternatives.get(key, (0.0,) * len(more))
                alternatives[key] = tuple(one + other for one, other in zip(before, more, strict=True))
            case Nothing():
                pass
            case _:
                others.add(node)
    words = [kind(field, text, boost) for (kind, field, text), boost in boosts.items()]
    for key, each in alternatives.items():
        others.add(Or(tuple(Term(*one, boost) for one, boost in zip(key, each, strict=True))))
    return (*sorted(words, key=_spelling), *sorted(others, key=repr))


def _spelling(node: Node) -> tuple[str, str]:
    assert isinstance(node, Term | Word)
    return node.field, node.text if isinstance(node, Term) else node.form
