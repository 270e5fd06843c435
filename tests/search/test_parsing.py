"""The query language: what each construct means, where its limits are, and that no text is an accident.

Not here: other languages than English (`test_terms.py`), what the trees match (`test_layouts.py`), problems over HTTP
(`test_http_parameters.py`).
"""

from itertools import permutations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.parsing import (
    MAX_BOOST,
    MAX_CLAUSES,
    MAX_DEPTH,
    MAX_PHRASE_TERMS,
    MAX_QUERY_CHARS,
    Parsed,
    QueryError,
    parse_query,
)
from search.query import (
    And,
    Between,
    Every,
    Node,
    Nothing,
    Or,
    Phrase,
    Prefix,
    Quote,
    Start,
    Term,
    Value,
    Wildcard,
    Word,
)
from tests.trees import tree

EVERY, NOTHING = Every(), Nothing()
JAN_2007_MS, FEB_2007_MS, JAN_2008_MS, DAY_MS = 1167609600000, 1170288000000, 1199145600000, 86_400_000


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
        ("section:a", Value("section", "a")),
        ('section:"Arts &  Leisure"', Value("section", "arts & leisure")),
        ("section:(News OR sport) a", And((A, Or((Value("section", "news"), Value("section", "sport")))))),
        ("-tag:x a", And((A,), (Value("tag", "x"),))),
        ("language:de-AT", Value("language", "de-at")),
        ('tag:""', NOTHING),
        ("published:2007", Between("published", JAN_2007_MS, JAN_2008_MS)),
        ("published:2007-01", Between("published", JAN_2007_MS, FEB_2007_MS)),
        ("published:2007-01-01", Between("published", JAN_2007_MS, JAN_2007_MS + DAY_MS)),
        ("published:2007-01..2007-12", Between("published", JAN_2007_MS, JAN_2008_MS)),
        ("published:2007-01-01..2007-01", Between("published", JAN_2007_MS, FEB_2007_MS)),
        ("published:2007..", Between("published", JAN_2007_MS, None)),
        ("published:..2007", Between("published", None, JAN_2008_MS)),
        ("published:[2007 TO 2007-12-31]", Between("published", JAN_2007_MS, JAN_2008_MS)),
        ("published:[* TO 2007]", Between("published", None, JAN_2008_MS)),
        ("modified:>=2007-02", Between("modified", FEB_2007_MS, None)),
        ("modified:>2007-01", Between("modified", FEB_2007_MS, None)),
        ("modified:<2007-02", Between("modified", None, FEB_2007_MS)),
        ("modified:<=2007-01", Between("modified", None, FEB_2007_MS)),
        ("published:2007-01-01T00:00:00Z", Between("published", JAN_2007_MS, JAN_2007_MS + 1)),
        ("published:9999-12", Between("published", 253399622400000, 253402300800000)),
        ("-published:2007 a", And((A,), (Between("published", JAN_2007_MS, JAN_2008_MS),))),
        ("+a b", And((A, B))),
        ("+a OR b", And((A, Or((B, EVERY))))),
        ("+a OR +b", And((A, B))),
        ("a +", A),
        ("東京", word("東京")),
        ("東京都", phrase("東京", "京都")),
        ("東", prefix("東")),
        ("東京2020", And((word("2020"), word("東京")))),
        ('"東京都 a"', phrase("東京", "京都", "a")),
        ("subtitle:a", And((A, word("subtitl")))),
        ("title: a", And((A, word("titl")))),
        ("title:-a b", And((B,), (Term("title", "a"),))),
        ("title:body:a", Term("body", "a")),
        ("x:title:a", And((A, word("titl"), word("x")))),
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
        ("-title:lab**r*^2", And((EVERY,), (Wildcard("title", "lab*r*"),))),
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
        ("% NOT  OR ", word("not")),
        ("a OR", A),
        ("OR a", A),
        ("a OR OR b", And((A, B))),
        ("a AND OR b", And((A, B))),
        ("a NOT", And((A, word("not")))),
        ("(OR)", word("or")),
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
        ("-elections", "-(election OR elections)"),
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


@pytest.mark.parametrize("excluded", ["b", '"a b"', "elect*", "gover?or", "vote~"])
def test_boosts_of_what_is_excluded_do_not_count(excluded: str) -> None:
    """Of no kind of clause: it is not scored."""
    for text in ("a -{}", "-{}", "a OR -{}"):
        assert parse_query(text.format(f"{excluded}^2")) == parse_query(text.format(excluded))


def test_order_of_words_does_not_count() -> None:
    """In no nesting."""
    for clauses in permutations(["a", "(b OR c)", '"d e"', "-f", "title:g"]):
        assert tree(" ".join(clauses)) == tree('a (c OR b) "d e" title:g -f')


LONGEST = "a " * MAX_PHRASE_TERMS


@pytest.mark.parametrize(
    ("allowed", "refused", "said", "position"),
    [
        ("x" * MAX_QUERY_CHARS, "x" * (MAX_QUERY_CHARS + 1), "512 are allowed", 512),
        ("x" * MAX_QUERY_CHARS, "x" * 100_000, "512 are allowed", 512),
        ("a " * MAX_CLAUSES, "a " * (MAX_CLAUSES + 1), "more than 32 words", None),
        ("a-" * MAX_CLAUSES, "a-" * (MAX_CLAUSES + 1), "more than 32 words", None),
        ("a OR " * 31 + "b", "a OR " * 32 + "b", "more than 32 words", None),
        ('"a b" ' * MAX_CLAUSES, '"a b" ' * (MAX_CLAUSES + 1), "more than 32 words", None),
        (f'"{LONGEST}" ' * 10 + "a b", f'"{LONGEST}" ' * 10 + "a b c", "more than 32 words", None),
        ("tag:a " * MAX_CLAUSES, "tag:a " * (MAX_CLAUSES + 1), "more than 32 words", None),
        ("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH, "(" * 9 + "a" + ")" * 9, "more than 8 deep", 8),
        ("-(" * MAX_DEPTH + "a", "-(" * 9 + "a", "more than 8 deep", 17),
        ("(" * 8 + ")" * 9 + "(" * 8 + "a", ")" * 9 + "(" * 9 + "a", "more than 8 deep", 17),
        (f'"{LONGEST}"', f'"{LONGEST}b"', "16 are allowed", 0),
        ("\x01", "a\0b", "not text", 1),
        ("\ue000", "a\ud800", "not text", 1),
    ],
    ids=lambda value: str(value) if len(str(value)) < 20 else f"{value[:12]}…{len(value)}",
)
def test_limits(allowed: str, refused: str, said: str, position: int | None) -> None:
    """What is just allowed, what is just too much, what is said about it and where."""
    tree(allowed)
    with pytest.raises(QueryError) as error:
        tree(refused)
    assert said in error.value.detail
    assert error.value.position == position


@pytest.mark.parametrize(
    ("text", "meaning", "position", "said"),
    [
        ('"a b', "a b", 0, "a quotation mark without a second one"),
        ('a b" c', "a b c", 3, "a quotation mark without a second one"),
        ('"a b" "c', '"a b" c', 6, "a quotation mark without a second one"),
        ("(a", "a", 0, "a parenthesis that is not closed"),
        ("a (b (c) OR a", "a (b c OR a)", 2, "a parenthesis that is not closed"),
        ("a) b", "a b", 1, "a parenthesis that closes nothing"),
        ("a OR", "a", 2, "OR has nothing on one side"),
        ("a (AND b)", "a b", 3, "AND has nothing on one side"),
        ("ab*", "ab", 0, "ab* is too short: a beginning needs 3 letters"),
        ("post-ab*", "post ab", 5, "ab* is too short"),
        ("x ab?d", "x ab d", 2, "ab?d is too vague: 3 letters must come before"),
        ("abc*d*e*f", "abc d e f", 0, "abc*d*e*f is too vague: 2 * in a word"),
        ("a *b", "a b", 2, "a * may end a word, or stand inside one"),
        ('"a b"~9', '"a b"~3', 0, "a phrase allows 3 other words at most, not 9"),
        ('"a b"~' + "9" * 400, '"a b"~3', 0, "a phrase allows 3 other words at most, not 9999"),
        (f"a^{MAX_BOOST + 1:g} b", "a b", 0, "a boost of 101 is not in (0, 100]"),
        ("(a^10)^11", "a^10", 0, "a boost of 11 is not in (0, 100]"),
        ("a^0", "a", 0, "a boost of 0 is not in (0, 100]"),
        ("a^" + "9" * 400, "a", 0, "a boost of inf is not in (0, 100]"),
        ("published:soon b", "published soon b", 10, "'soon' is no period; write 2007"),
        ("published:2007-13", "published 2007 13", 10, "'2007-13' is no period"),
        ("published:2007..x", "published 2007 x", 10, "'x' is no period"),
        ("published:2007-01-01T00:00", "published 2007 01 01T00 00", 10, "is no period"),
        ("subtitle:b", "subtitle b", 0, "there is no field subtitle"),
    ],
)
def test_what_is_not_understood_is_noted(text: str, meaning: str, position: int, said: str) -> None:
    """It is left out or taken for text, and it is said what and where."""
    (note,) = parse_query(text).notes
    assert note.position == position
    assert said in note.detail
    assert parse_query(text).node == parse_query(meaning).node
    assert parse_query(meaning).notes == ()


@pytest.mark.parametrize(
    "text",
    ["what about 12:30?", "http://example.org/a:b", "a - b", "AND", "word ~ word", "Re: vote", 'he "yes"'],
)
def test_what_people_write_has_no_notes(text: str) -> None:
    """Punctuation is no syntax."""
    assert parse_query(text).notes == ()


def test_what_is_written_is_kept() -> None:
    """The tree of forms, which does not depend on any language."""
    assert parse_query('Votes "Prime Ministers"~1 elect*').node == And(
        (Word("text", "votes"), Quote("text", ("prime", "ministers"), 1), Start("text", "elect"))
    )


@pytest.mark.parametrize("text", ["e\u0301lan", "\u00e9lan"])
def test_accents_are_composed(text: str) -> None:
    """However they are written: articles are composed, too."""
    assert tree(text) == word("élan")


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
    parsed: Parsed | None = None
    said: QueryError | None = None
    try:
        parsed = parse_query(text)
    except QueryError as error:
        said = error
    if said:
        assert said.detail == str(said) != ""
        assert not said.detail.endswith(".")
        assert said.position is None or 0 <= said.position <= len(text)
        return
    assert parsed
    for note in parsed.notes:
        assert note.detail
        assert not note.detail.endswith(".")
        assert 0 <= note.position < max(1, len(text))
    assert parse_query(text) == parsed
    for languages in (("en",), ("de", "en", "fr", "xx")):
        node = tree(text, languages)
        encoded = msgspec.msgpack.encode(node)
        assert msgspec.msgpack.decode(encoded, type=Node) == node
        assert len(encoded) < 64_000 * len(languages)


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(("a", "B", "storm", "OR", "and", "votes", "vote")), min_size=1, max_size=8),
    st.sampled_from((" ", " OR ")),
)
def test_the_short_way_is_the_whole_one(words: list[str], between: str) -> None:
    """Nothing but words, all or any, is understood as with other white space beside it, which takes the whole way."""
    text = between.join(words)
    short, whole = parse_query(text), parse_query(text.replace(" ", "\t"))
    assert short.notes == whole.notes
    # A whole number would be equal to a boost, but not be spelled alike where requests are told apart.
    assert msgspec.json.encode(short.node) == msgspec.json.encode(whole.node)
