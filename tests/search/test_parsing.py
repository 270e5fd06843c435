"""The query language: what each construct means, where its limits are, and that no text is an accident.

Not here: what the trees match (`test_layouts.py`), positions and problems over HTTP (`test_http_parameters.py`).
"""

from itertools import permutations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import parsing
from search.parsing import (
    MAX_BOOST,
    MAX_CLAUSES,
    MAX_DEPTH,
    MAX_PHRASE_TERMS,
    MAX_QUERY_CHARS,
    MAX_SLOP,
    QueryError,
    parse_plain,
    parse_query,
)
from search.query import And, Every, Node, Nothing, Or, Phrase, Prefix, Term, Wildcard

EVERY, NOTHING = Every(), Nothing()


def tree(text: str) -> Node:
    """The tree of a text."""
    return parse_query(text)


def word(term: str, boost: float = 1.0) -> Term:
    """A word, in the title or the body unless a field is named."""
    return Term("text", term, boost)


def phrase(*terms: str, slop: int = 0, boost: float = 1.0) -> Phrase:
    """A phrase there."""
    return Phrase("text", terms, slop, boost)


def prefix(text: str) -> Prefix:
    """A beginning there."""
    return Prefix("text", text)


def either(*terms: str) -> Or:
    """Any of the words: alternatives of alternatives are one list."""
    return Or(tuple(Term("text", term) for term in terms))


A, B, C = word("a"), word("b"), word("c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", EVERY),
        (" \t ", EVERY),
        (" * ", EVERY),
        ("climate", word("climat")),
        ("CLIMATE's", And((word("climat"), word("s")))),
        ("ÉLAN", word("élan")),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a and b", And((A, word("and"), B))),
        ("a OR b", either("a", "b")),
        ("a or b", And((A, B, word("or")))),
        ("a b OR c", And((either("b", "c"), A))),
        ("a OR b c", And((either("a", "b"), C))),
        ("a AND b OR c", Or((And((A, B)), C))),
        ("a (b OR c)", And((either("b", "c"), A))),
        ("-a", And((EVERY,), (A,))),
        ("NOT a", And((EVERY,), (A,))),
        ("a -b", And((A,), (B,))),
        ("a NOT b", And((A,), (B,))),
        ("a AND NOT b", And((A,), (B,))),
        ("-a -b", And((EVERY,), (A, B))),
        ("a -(b c)", And((A,), (And((B, C)),))),
        ("a OR -b", Or((And((EVERY,), (B,)), A))),
        ("NOT NOT a", A),
        ("a-b", And((A, B))),
        ("AT&T", And((word("at"), word("t")))),
        ('"prime ministers"', phrase("prime", "minist")),
        ('"a b"~2', phrase("a", "b", slop=2)),
        ('"a b"~2^3', phrase("a", "b", slop=2, boost=3.0)),
        ('"a"', A),
        ('"a OR -b"', phrase("a", "or", "b")),
        ('"title:a (b"', phrase("titl", "a", "b")),
        ('""', NOTHING),
        ('"a b', And((A, B))),
        ("title:a", Term("title", "a")),
        ('body:"a b"', Phrase("body", ("a", "b"))),
        ("author:(a OR b)", Or((Term("author", "a"), Term("author", "b")))),
        ("title:(a -b)", And((Term("title", "a"),), (Term("title", "b"),))),
        ("-title:a", And((EVERY,), (Term("title", "a"),))),
        ("section:a", And((A, word("section")))),
        ("subtitle:a", And((A, word("subtitl")))),
        ("title: a", And((A, word("titl")))),
        ("elect*", prefix("elect")),
        ("ELECT*\tTO", And((prefix("elect"), word("to")))),
        ("-elect*", And((EVERY,), (prefix("elect"),))),
        ("-title:elect*", And((EVERY,), (Prefix("title", "elect"),))),
        ("title:elect*^2", Prefix("title", "elect", 2.0)),
        ('"elect* a"', phrase("elect", "a")),
        ("title:elect*", Prefix("title", "elect")),
        (
            "title:elections*",
            Or((Prefix("title", "elections"), Term("title", "elect"))),
        ),
        ("title:post-pol*", And((Prefix("title", "pol"), Term("title", "post")))),
        ("gover?or", Wildcard("text", "gover?or")),
        ("LABO*R?", Wildcard("text", "labo*r")),
        ("-title:lab**r*^2", And((EVERY,), (Wildcard("title", "lab*r*", 2.0),))),
        ("hou*ses", Or((Wildcard("text", "hou*s"), Wildcard("text", "hou*ses")))),
        ("cit?ies", Or((Wildcard("text", "cit?i"), Wildcard("text", "cit?ies")))),
        ("(labo?r a)", And((A, Wildcard("text", "labo?r")))),
        ("who? a??", And((A, word("who")))),
        ('"labo?r"', phrase("labo", "r")),
        ("a^2", word("a", 2.0)),
        ("title:a^0.5", Term("title", "a", 0.5)),
        ("(a OR b)^2", Or((word("a", 2.0), word("b", 2.0)))),
        ("(a^2)^3", word("a", 6.0)),
        ("%", NOTHING),
        ("()", NOTHING),
        ("a ()", A),
        ("a *", A),
        ("% NOT  OR ", NOTHING),
        ("a OR", And((A, word("or")))),
        ("AND", word("and")),
        ("(a", A),
        (")a(", A),
        ("[a TO b]", And((A, B, word("to")))),
        ("a ANDMAYBE b", And((A, word("andmayb"), B))),
        ("a && b || c", And((A, B, C))),
        ("2007-04-10", And((word("04"), word("10"), word("2007")))),
    ],
)
def test_meaning(text: str, expected: Node) -> None:
    """Text on the left, tree on the right; what is not syntax is words."""
    assert normal(tree(text)) == normal(expected)


def normal(node: Node) -> Node:
    """The tree with its clauses in one order, which this table need not know."""
    match node:
        case And(required=required, excluded=excluded):
            return And(_sorted(required), _sorted(excluded))
        case Or(clauses=clauses):
            return Or(_sorted(clauses))
        case _:
            return node


def _sorted(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(sorted(map(normal, nodes), key=repr))


@pytest.mark.parametrize(
    "spellings",
    [
        (
            "a b",
            "b a",
            "A  b",
            "\tb\na ",
            "(a) (b)",
            "((a b))",
            "a AND b",
            "a^1 b",
            "a () b",
            '"a" b',
            "a, b!",
        ),
        ("a OR b OR c", "c OR (a OR b)", "(c) OR (b OR a)"),
        ("a b c", "a (b c)", "(c a) (b)", "a AND (c AND b)"),
        ("a -b", "-b a", "a NOT b", "a AND NOT (b)", "a (NOT b)", "a -b -b"),
        ("-a", "NOT a", "NOT NOT NOT a", "(-a)", "* -a"),
        ('"a b"', '"A, b."', '\'"a b"'),
        ("title:a title:b", "title:(a b)", "title:(b) title:a"),
        ("elect*", "Elect*", "elect* ELECT*"),
        ("elections", "ELECTION", "elected"),
    ],
    ids=lambda spellings: spellings[0],
)
def test_equal_meanings_have_equal_trees(spellings: tuple[str, ...]) -> None:
    """So that a cursor and a cached answer serve every spelling."""
    assert len({msgspec.msgpack.encode(tree(text)) for text in spellings}) == 1


def test_order_of_words_does_not_count() -> None:
    """In no nesting."""
    for clauses in permutations(["a", "(b OR c)", '"d e"', "-f", "title:g"]):
        assert tree(" ".join(clauses)) == tree('a (c OR b) "d e" title:g -f')


@pytest.mark.parametrize(
    ("allowed", "refused", "said"),
    [
        ("x" * MAX_QUERY_CHARS, "x" * (MAX_QUERY_CHARS + 1), "512 are allowed"),
        ("x" * MAX_QUERY_CHARS, "x" * 100_000, "512 are allowed"),
        ("a " * MAX_CLAUSES, "a " * (MAX_CLAUSES + 1), "more than 32 words"),
        ("a-" * MAX_CLAUSES, "a-" * (MAX_CLAUSES + 1), "more than 32 words"),
        ("a OR " * 31 + "b", "a OR " * 32 + "b", "more than 32 words"),
        ('"a b" ' * MAX_CLAUSES, '"a b" ' * (MAX_CLAUSES + 1), "more than 32 words"),
        ("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH, "(" * 9 + "a" + ")" * 9, "more than 8 deep"),
        ("-(" * MAX_DEPTH + "a", "-(" * 9 + "a", "more than 8 deep"),
        (")" * 9 + "(" * 17 + "a", ")" * 9 + "(" * 18 + "a", "more than 8 deep"),
        ('"' + "a " * MAX_PHRASE_TERMS + '"', '"' + "a " * (MAX_PHRASE_TERMS + 1) + '"', "6 are allowed"),
        ('"a-b-c d-e-f"', '"a-b-c-d-e-f-g"', "6 are allowed"),
        (f'"a b"~{MAX_SLOP}', f'"a b"~{MAX_SLOP + 1}', "3 are allowed"),
        ('"a b"~1', '"a b"~' + "9" * 400, "3 are allowed"),
        ('"a b"~1', '"a b"~0', "from 1 to 3"),
        ('"a b"~1', '"a b" ~1', "from 1 to 3"),
        (f"a^{MAX_BOOST:g}", f"a^{MAX_BOOST + 1:g}", "(0, 100]"),
        ("(a^10)^10", "(a^10)^11", "(0, 100]"),
        ("a^0.01", "a^0", "(0, 100]"),
        ("a^1", "a^" + "9" * 400, "(0, 100]"),
        ("abc*", "ab*", "needs 3 letters"),
        ("post-abc*", "post-ab*", "needs 3 letters"),
        ("_x1*", "-ab*", "needs 3 letters"),
        ("abc?d", "ab?d", "3 letters must come before"),
        ("abc*d*e", "abc*d*e*f", "2 * in a word"),
        ("abc*d", "a*bcd", "3 letters must come before"),
        *(
            ("a * b", text, "may only end a word")
            for text in ("?*", "-*", "*a", "*a*", "abc*d:", "abc**", "(*)", '"a"*')
        ),
        ("word ~ word", "word~", "from 1 to 3"),
        ("word ~ word", "word~2", "from 1 to 3"),
        ("\x01", "a\0b", "not text"),
        ("\ue000", "a\ud800", "not text"),
    ],
    ids=lambda value: value if len(value) < 20 else f"{value[:12]}…{len(value)}",
)
def test_limits(allowed: str, refused: str, said: str) -> None:
    """What is just allowed, what is just too much, and what is said about it."""
    tree(allowed)
    with pytest.raises(QueryError) as error:
        tree(refused)
    assert said in error.value.detail


@pytest.mark.parametrize(
    ("text", "position"), [("ab\0", 2), ("good *bad", 5), ('"a* b" *cd', 7), ("much~1", 4), ("((((((((( a", 8)]
)
def test_position_is_that_of_the_offence(text: str, position: int) -> None:
    """Where a caret would help."""
    with pytest.raises(QueryError) as error:
        tree(text)
    assert error.value.position == position


_PIECES = st.sampled_from(
    [
        *"\"()*~^:-+ \t\n\\/'?[]{}%&<>=@#_1²٣",
        *("  ", "AND", "OR", "NOT", " NOT ", " OR ", "ANDNOT", "TO", "&&", "||", "~2", "^2", "^.", "^1e9", "__"),
        *(
            "title:",
            "body:",
            "author:",
            "title",
            "a",
            "elect*",
            "ele?t*n",
            "abc*d",
            "?",
            "x" * 70,
            "élan",
            "İ",
            "ß",
            "ﬁ",
            "新聞",
            "🗞",
        ),
        *("\u0301", "\u200d", "\x00", "\x1b", "\x7f", "\ud800", "\udfff", "…", "—"),
    ]
)
_texts = st.one_of(
    st.text(max_size=60), st.lists(_PIECES, max_size=25).map("".join), st.lists(_PIECES, max_size=25).map(" ".join)
)


@settings(max_examples=400, deadline=None)
@given(_texts)
def test_no_text_is_an_accident(text: str) -> None:
    """Any text gives a tree that can travel and be executed, always the same, or says what is wrong with it."""
    node: Node | None = None
    said: QueryError | None = None
    try:
        node = parse_query(text)
    except QueryError as error:
        said = error
    if said:
        assert said.detail == str(said) != ""
        assert not said.detail.endswith(".")
        assert said.position is None or 0 <= said.position <= len(text)
        assert "cannot be parsed" not in said.detail, "Whoosh's parser raised"
        return
    encoded = msgspec.msgpack.encode(node)
    assert msgspec.msgpack.decode(encoded, type=Node) == node
    assert len(encoded) < 64_000
    assert parse_query(text) == node


_WORDS_AND_QUOTES = (
    *(
        "a",
        "B",
        "storm",
        "OR",
        "or",
        "and",
        '"x y"',
        '"x"',
        "a-b",
        "o'b",
        "&",
        '"u',
        '" "',
        "AT&T",
        "élan",
        'a"',
        '""',
    ),
    *(
        'a"b c"d',
        "新聞",
        "a_b",
        "/",
        "[a",
        "{b",
        "+c",
        "=",
        "a,b",
        '"a b c d e f g"',
        '"OR"',
        "-",
        "x- y",
        "NOT",
        "(c",
    ),
)


@settings(max_examples=500)
@given(
    st.lists(st.tuples(st.sampled_from(_WORDS_AND_QUOTES), st.sampled_from((" ", "  ", ""))), min_size=1, max_size=8)
)
def test_the_short_way_is_the_whole_parsers(pieces: list[tuple[str, str]]) -> None:
    """Wherever it knows an answer, it is the one that Whoosh's parser gives."""
    text = "".join(piece + space for piece, space in pieces)
    short = parse_plain(text)
    if short is not None and text.strip():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parsing, "parse_plain", lambda _text: None)
            assert parse_query(text) == short


def test_the_short_way_is_taken() -> None:
    """For what people write."""
    for text in ("climate summit", '"prime minister" tariff', "storm OR flood OR fire", "AT&T's élan"):
        assert parse_plain(text) == tree(text)
