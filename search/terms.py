"""From what a user wrote to what is looked up: the terms of its words in the languages of an archive.

A word of a query may be of any language that articles are in, and each article is in one. So where there are several,
a word is any of its terms in them, and a phrase any of its phrases.

Contract: the tree depends on the text and on the languages. Equal meanings get equal trees, as `canonical.py` says;
of words with one stem in all languages also those.

Not here: analysis (`partition/analysis.py`), which languages (`partition/manifest.py`).
"""

import re
from collections.abc import Sequence

from partition.analysis import NAMES, parted, term_of
from partition.schema import NAME_FIELDS
from search.canonical import conjunction, disjunction, together
from search.query import And, Node, Or, Pattern, Phrase, Prefix, Quote, Start, Term, Wildcard, Word


def analysed(node: Node, languages: Sequence[str]) -> Node:
    """The tree in terms of these languages (`analysis.LANGUAGES`), of which there is at least one."""
    match node:
        case Word(field=field, form=form, boost=boost):
            return _any([Term(field, term, boost) for term in _terms_of(field, form, languages)])
        case And(required=required, excluded=excluded):
            if not excluded and (quickly := _words(And, required, languages)):
                return quickly
            clauses = [(analysed(child, languages), False) for child in required]
            return conjunction(clauses + [(analysed(child, languages), True) for child in excluded])
        case Or(clauses=children):
            if quickly := _words(Or, children, languages):
                return quickly
            return disjunction((analysed(child, languages), False) for child in children)
        case Quote(field=field, forms=forms, slop=slop, boost=boost):
            phrases = zip(*(_in_each(field, form, languages) for form in forms), strict=True)
            return _any([Phrase(field, phrase, slop, boost) for phrase in dict.fromkeys(phrases)])
        case Start(field=field, form=form, boost=boost):
            # The index holds stems: elections* must find "elections", which is kept as "elect".
            stems = [term for term in _terms_of(field, form, languages) if not term.startswith(form)]
            return _any([Prefix(field, form, boost), *(Term(field, term, boost) for term in stems)])
        case Pattern(field=field, text=text, boost=boost):
            # Likewise: hou*ses must find "houses", which is kept as "hous".
            stemmed = [] if field in NAME_FIELDS else [_stemmed(text, language) for language in languages]
            return _any([Wildcard(field, re.sub(r"\*+", "*", one), boost) for one in dict.fromkeys([text, *stemmed])])
        case _:
            return node


def _words(group: type[And | Or], nodes: Sequence[Node], languages: Sequence[str]) -> Node | None:
    """The group, if it is of words alone and there is one language: what most queries are, quickly."""
    if len(languages) > 1:
        return None
    boosts: dict[tuple[str, str], float] = {}
    for node in nodes:
        if not isinstance(node, Word):
            return None
        term = node.field, term_of(node.form, NAMES if node.field in NAME_FIELDS else languages[0])
        boosts[term] = boosts.get(term, 0.0) + node.boost
    return together(group, Term, boosts)


def _any(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else disjunction((node, False) for node in nodes)


def _in_each(field: str, form: str, languages: Sequence[str]) -> list[str]:
    """The term of a word in each language."""
    return [term_of(form, NAMES if field in NAME_FIELDS else language) for language in languages]


def _terms_of(field: str, form: str, languages: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(_in_each(field, form, languages)))


def _stemmed(pattern: str, language: str) -> str:
    """The pattern with the end that its words lose when they are stemmed, as far as that shows."""
    likely = re.sub(r"[?*]", "x", pattern)
    stem, _ = parted(term_of(likely, language))
    same = next((at for at, (one, other) in enumerate(zip(likely, stem, strict=False)) if one != other), len(stem))
    return pattern[:same] + stem[same:]
