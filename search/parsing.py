"""From the text of a query to its tree, by Whoosh's parser behind limits of our own.

    words            all of them must match                     climate summit
    "a phrase"       in this order; "..."~2 allows two others   "prime minister"~1
    AND OR NOT - ()  capital letters                            (storm OR flood) -insurance
    title: body: author:                                        author:akaka
    word*            a beginning, at least three letters        elect*
    wo?d wo*d        one letter, any letters; three come first  gover?or labo*r
    word^2           counts twice                               tariff^2 trade

Contract: limits are checked before Whoosh sees the text (its parser is quadratic in the length of its input and
raises on some of it); whatever the parser raises becomes a `QueryError`. Equal meanings get equal trees as far as
spelling goes: case, white space and the order of clauses do not count.

Not here: request parameters (`parameters.py`), execution (`executor.py`).
"""

import re
from collections.abc import Iterable
from typing import Any

from whoosh import query as whoosh_query
from whoosh.qparser import QueryParser, plugins, syntax

from partition.analysis import term_of, terms
from partition.kernels.tokens import MAX_WORD_CHARS
from partition.schema import POSITION_FIELDS, TEXT
from search.query import And, Every, Node, Nothing, Or, Phrase, Prefix, Term, Wildcard

MAX_QUERY_CHARS = 512
MAX_CLAUSES = 32
MAX_DEPTH = 8
MAX_PHRASE_TERMS = 6
MAX_SLOP = 3
MAX_BOOST = 100.0
MIN_PREFIX_CHARS = 3
MAX_STARS = 2
"""In one word."""


class QueryError(ValueError):
    """The query cannot be executed; the message says what is wrong and what to write instead."""

    def __init__(self, detail: str, position: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.position = position
        """Offset of the offending character in the query text, where known."""


class _SloppyPhrasePlugin(plugins.PhrasePlugin):  # type: ignore[misc]  # Whoosh is untyped to us
    """Whoosh's slop of a phrase counts steps, 1 meaning adjacent; users count the words in between."""

    class PhraseTagger(plugins.PhrasePlugin.PhraseTagger):  # type: ignore[misc]
        def create(self, parser: QueryParser, match: "re.Match[str]") -> Any:
            node = super().create(parser, match)
            node.slop = 1 + int(match.group("slop") or 0)
            return node


_WILDCARD = r"(?P<text>\w+(?:[?*]+\w+)+\*?)(?![\w*:])"


class _WildcardPlugin(plugins.TaggingPlugin):  # type: ignore[misc]  # as above
    """Words with `?` or `*` inside; at the end of a word, the one ends a question and the other is a beginning."""

    class WildcardNode(syntax.TextNode):  # type: ignore[misc]
        qclass = whoosh_query.Wildcard

    expr = _WILDCARD
    nodetype = WildcardNode


_PARSER = QueryParser(
    None,
    None,
    plugins=[
        plugins.WhitespacePlugin(),
        plugins.FieldsPlugin(expr=rf"(?<!\w)(?P<text>{'|'.join(POSITION_FIELDS)}):(?=\S)"),
        _WildcardPlugin(),
        # Whoosh's own expression swallows operators, fields and quotation marks before the word.
        plugins.PrefixPlugin(expr=r'(?P<text>\w[^\s*"():]*)\*(?=[\s)^]|$)'),
        _SloppyPhrasePlugin(),
        plugins.GroupPlugin(),
        plugins.OperatorsPlugin(
            Not=r"(^|(?<=(\s|[()])))(NOT(?=\s)|-(?=\S))", AndNot=None, AndMaybe=None, Require=None
        ),
        plugins.BoostPlugin(),
    ],
)

_UNSUPPORTED = (
    (
        re.compile(r"(?<=\w)\*(?![\s)^]|$)|(?<=[^\w\s])\*|(?<!\w)\*(?=\S)"),
        "a * may only end a word, or stand inside one; remove it or move it",
    ),
    (
        re.compile(r"(?<=[\w\"])~|~(?=\d)"),
        f"a ~ may only follow a phrase, with a number from 1 to {MAX_SLOP}; remove it",
    ),
)


def parse_query(text: str) -> Node:
    """The tree of a query text; an empty text, or a lone `*`, matches every article.

    Raises:
        QueryError: a limit is exceeded, or the text cannot be parsed.
    """
    node = parse_plain(text)
    if node is not None:
        return node
    _check_text(text)
    try:
        parsed = _PARSER.parse(text, normalize=False)
    except Exception as error:
        raise QueryError(
            f"the query cannot be parsed ({type(error).__name__}); put unusual text in quotes"
        ) from error
    node, negated = _Compiler().compile(parsed, depth=0, boost=1.0)
    return And((Every(),), (node,)) if negated else node


_SYNTAX = re.compile(r"[*():^~\0\ud800-\udfff]|(?:^|\s)-|\w\?+\w|\b(?:AND|NOT)\b")
"""What needs the whole parser."""
_PARTS = re.compile(r'\s*(?:(?:"[^"]*"|[^\s"]+)(?:\s+|$))*')
_PART = re.compile(r'"[^"]*"|[^\s"]+')


def parse_plain(text: str) -> Node | None:  # noqa: C901 - every way out of the short way
    """The tree of words and phrases, all of them or any (OR), by the short way; `None` if this is not the way.

    It takes some 10 us, a thirtieth of the whole parser, and can be taken anywhere: it is bounded and never fails.
    """
    if len(text) > MAX_QUERY_CHARS:
        return None
    if _WORDS.fullmatch(text):
        return _parse_words(text.split())
    if text.strip() in {"", "*"}:
        return Every()
    if _SYNTAX.search(text) or not _PARTS.fullmatch(text):
        return None
    parts = _PART.findall(text)
    either = len(parts) > 2 and "OR" in parts
    if either and not _alternates(parts):
        return None
    nodes: list[tuple[Node, bool]] = []
    count = 0
    for part in parts[::2] if either else parts:
        found = terms(part)
        quoted = part[0] == '"'
        if part == "OR" or (quoted and len(found) > MAX_PHRASE_TERMS):
            return None
        count += 1 if quoted else len(found)
        words = [(Term(TEXT, term), False) for term in found]
        if quoted and len(words) > 1:
            nodes.append((Phrase(TEXT, tuple(found)), False))
        elif either:
            nodes.append((_conjunction(words), False))
        else:
            nodes += words
    if count > MAX_CLAUSES:
        return None
    return _disjunction(nodes) if either else _conjunction(nodes)


_WORDS = re.compile(rf"\w{{1,{MAX_WORD_CHARS}}}(?: \w{{1,{MAX_WORD_CHARS}}})*")
_OPERATORS = frozenset({"AND", "OR", "NOT"})


def _parse_words(words: list[str]) -> Node | None:
    """The same for nothing but words, with OR between all of them or none."""
    either = len(words) > 2 and words[1] == "OR"
    if either:
        if set(words[1::2]) != {"OR"} or len(words) % 2 == 0:
            return None
        words = words[::2]
    if len(words) > MAX_CLAUSES or not _OPERATORS.isdisjoint(words):
        return None
    counts: dict[str, float] = {}
    for word in words:
        term = term_of(word)
        counts[term] = counts.get(term, 0.0) + 1.0
    nodes = tuple([Term(TEXT, term, counts[term]) for term in sorted(counts)])
    if len(nodes) == 1:
        return nodes[0]
    return Or(nodes) if either else And(nodes)


def _alternates(parts: list[str]) -> bool:
    """Whether every second part, but not the last, is OR, and no other."""
    return len(parts) % 2 == 1 and all((part == "OR") == bool(at % 2) for at, part in enumerate(parts))


def _check_text(text: str) -> None:
    if len(text) > MAX_QUERY_CHARS:
        raise QueryError(f"the query has {len(text)} characters; {MAX_QUERY_CHARS} are allowed", MAX_QUERY_CHARS)
    depth = 0
    for position, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise QueryError("the query holds a character that is not text", position)
        depth += (character == "(") - (character == ")")
        if depth > MAX_DEPTH:
            raise QueryError(f"parentheses are nested more than {MAX_DEPTH} deep", position)
    unquoted = re.sub(r'"[^"]*"(~[1-9]\d*)?', lambda match: '"' * len(match.group()), text)
    unquoted = re.sub(_WILDCARD, lambda match: "w" * len(match.group()), unquoted)
    for pattern, cure in _UNSUPPORTED:
        if found := pattern.search(unquoted):
            raise QueryError(cure, found.start())


class _Compiler:
    """Turns one Whoosh query into our tree, counting what it costs."""

    def __init__(self) -> None:
        self._clauses = 0

    def compile(self, parsed: Any, *, depth: int, boost: float) -> tuple[Node, bool]:
        """The tree of `parsed`, and whether it is to be negated."""
        boost *= getattr(parsed, "boost", 1.0)
        if not 0.0 < boost <= MAX_BOOST:
            raise QueryError(f"a boost of {boost:g} is not in (0, {MAX_BOOST:g}]")
        # Each pair of parentheses makes up to two levels: a group and the group of operators inside.
        if depth > 2 * MAX_DEPTH + 2:
            raise QueryError(f"the query is nested more than {MAX_DEPTH} deep")
        match parsed:
            case whoosh_query.And() | whoosh_query.Or():
                clauses = [self.compile(clause, depth=depth + 1, boost=boost) for clause in parsed.subqueries]
                return (_conjunction if isinstance(parsed, whoosh_query.And) else _disjunction)(clauses), False
            case whoosh_query.Not():
                node, negated = self.compile(parsed.query, depth=depth + 1, boost=boost)
                return node, not negated and node != Nothing()
            case whoosh_query.Phrase():
                return self._phrase(parsed, boost), False
            case whoosh_query.Wildcard():
                return self._wildcard(parsed, boost), False
            case whoosh_query.Prefix():
                return self._prefix(parsed, boost), False
            case whoosh_query.Term():
                return self._words(parsed, boost), False
            case _:  # an empty group
                return Nothing(), False

    def _count(self) -> None:
        self._clauses += 1
        if self._clauses > MAX_CLAUSES:
            raise QueryError(f"the query has more than {MAX_CLAUSES} words and phrases; leave some out")

    def _words(self, parsed: Any, boost: float) -> Node:
        found = terms(parsed.text)
        nodes = []
        for term in found:
            self._count()
            nodes.append((_word(parsed.fieldname, term, boost), False))
        return _conjunction(nodes)

    def _phrase(self, parsed: Any, boost: float) -> Node:
        self._count()
        found = tuple(terms(" ".join(parsed.words)))
        slop = parsed.slop - 1
        if len(found) > MAX_PHRASE_TERMS:
            raise QueryError(f"a phrase has {len(found)} words; {MAX_PHRASE_TERMS} are allowed")
        if slop > MAX_SLOP:
            raise QueryError(f"a phrase allows {slop} other words; {MAX_SLOP} are allowed")
        if not found:
            return Nothing()
        if len(found) == 1:
            return _word(parsed.fieldname, found[0], boost)
        return Phrase(parsed.fieldname or TEXT, found, slop, boost)

    def _prefix(self, parsed: Any, boost: float) -> Node:
        # Words before the last one, as in "post-pol*", are whole.
        *whole, last = re.findall(r"\w+", parsed.text) or [""]
        beginning = last.lower()
        self._count()
        if len(beginning) < MIN_PREFIX_CHARS:
            raise QueryError(f"{parsed.text}* is too short; a beginning needs {MIN_PREFIX_CHARS} letters")

        field = parsed.fieldname or TEXT
        prefix = Prefix(field, beginning, boost)
        stem = term_of(last)
        # The index holds stems: elections* must find "elections", which is kept as "elect".
        begins = prefix if stem.startswith(beginning) else Or((prefix, Term(field, stem, boost)))
        nodes: list[tuple[Node, bool]] = [(begins, False)]
        for word in whole:
            self._count()
            nodes.append((_word(parsed.fieldname, term_of(word), boost), False))
        return _conjunction(nodes)

    def _wildcard(self, parsed: Any, boost: float) -> Node:
        self._count()
        pattern = parsed.text.lower()
        if len(re.split(r"[?*]", pattern, maxsplit=1)[0]) < MIN_PREFIX_CHARS:
            raise QueryError(f"{parsed.text} is too vague; {MIN_PREFIX_CHARS} letters must come before ? and *")
        if len(re.findall(r"\*+", pattern)) > MAX_STARS:  # each multiplies the time by the length of a word
            raise QueryError(f"{parsed.text} is too vague; {MAX_STARS} * in a word are allowed")
        field = parsed.fieldname or TEXT
        # The index holds stems: hou*ses must find "houses", which is kept as "hous".
        patterns = dict.fromkeys(re.sub(r"\*+", "*", text) for text in (pattern, _stemmed(pattern)))
        return _disjunction((Wildcard(field, text, boost), False) for text in patterns)


def _stemmed(pattern: str) -> str:
    """The pattern with the end that its words lose when they are stemmed, as far as that shows."""
    likely = re.sub(r"[?*]", "x", pattern)
    stem = term_of(likely)
    same = next((at for at, (one, other) in enumerate(zip(likely, stem, strict=False)) if one != other), len(stem))
    return pattern[:same] + stem[same:]


def _word(field: str | None, term: str, boost: float) -> Term:
    return Term(field or TEXT, term, boost)


def _conjunction(clauses: Iterable[tuple[Node, bool]]) -> Node:
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
    must_not = _distinct({Term(node.field, node.text) if isinstance(node, Term) else node for node in excluded})
    if len(must) > 1:  # beside another clause, "every article" says nothing
        must = tuple(node for node in must if node != Every())
    if not must and not must_not:
        return Nothing()
    return must[0] if len(must) == 1 and not must_not else And(must or (Every(),), must_not)


def _disjunction(clauses: Iterable[tuple[Node, bool]]) -> Node:
    nodes: list[Node] = []
    for node, negated in clauses:
        if negated:
            nodes.append(And((Every(),), (node,)))
        else:
            nodes += node.clauses if isinstance(node, Or) else (node,)
    distinct = _distinct(nodes)
    if not distinct:
        return Nothing()
    return distinct[0] if len(distinct) == 1 else Or(distinct)


def _distinct(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes that say something, each once, in an order that does not depend on the spelling.

    A word that is written twice counts twice.
    """
    boosts: dict[tuple[str, str], float] = {}
    others: set[Node] = set()
    for node in nodes:
        if isinstance(node, Term):
            boosts[node.field, node.text] = boosts.get((node.field, node.text), 0.0) + node.boost
        elif node != Nothing():
            others.add(node)
    words = (Term(field, text, boost) for (field, text), boost in boosts.items())
    return (*sorted(words, key=_spelling), *sorted(others, key=repr))


def _spelling(word: Term) -> tuple[str, str]:
    return word.field, word.text
