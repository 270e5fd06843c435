"""Analysis: the quick functions are the Whoosh analyzer, over any text."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partition.analysis import (
    IDEOGRAPHS,
    LANGUAGES,
    NAMES,
    analyzer,
    exact,
    function_terms,
    ideographic,
    language_of,
    parted,
    places_of,
    runs,
    term_of,
    terms,
    terms_of,
    words,
)
from partition.kernels.tokens import MAX_WORD_CHARS

# Whole Unicode, lone surrogates included, with much English in between, long runs and characters whose lower case
# is longer than they are.
_texts = st.lists(
    st.one_of(
        st.text(st.characters(), max_size=12),
        st.sampled_from(("Running", "ponies", "U.S.", "sky's", "naïve", "İSTANBUL", "ﬁne", "x" * 200, "_3rd")),
        st.sampled_from(("東京都", "の", "カタカナ・", "서울", "ﾊﾟ", "Häuser", "naciones", "выборы", "𠀀𠀁")),
        st.text("東京カの서a1é々𠀀・", max_size=8),
        st.sampled_from((" ", "\n", "-", "\u200b", "\u0301")),
    ),
    max_size=20,
).map("".join)


@given(text=_texts, language=st.sampled_from((*LANGUAGES, NAMES)))
@example("İ" * 70, "en")
def test_terms_and_places_are_the_analyzer(text: str, language: str) -> None:
    """Terms, their positions, and the characters they were made from, in every language."""
    tokens = [
        (token.text, token.pos, token.startchar, token.endchar)
        for token in analyzer(language)(text, positions=True, chars=True)
    ]
    found = terms(text, language)
    assert [(term, position) for position, term in enumerate(found)] == [token[:2] for token in tokens]
    assert list(places_of(text)) == [(start, end) for _term, _position, start, end in tokens]
    assert terms_of(words(text), language) == found


@given(text=_texts)
def test_no_source_of_a_term_is_too_long(text: str) -> None:
    """Runs of word characters are cut, and nothing of them is lost."""
    sources = [text[start:end] for start, end in places_of(text)]
    assert all(0 < len(source) <= MAX_WORD_CHARS for source in sources)
    assert "".join(runs(text)) == "".join(char for char in text if char.isalnum() or char == "_")
    covered = {at for start, end in places_of(text) for at in range(start, end)}
    assert covered == {at for at, char in enumerate(text) if char.isalnum() or char == "_"}


@given(st.text("東京カの서々𠀀", min_size=1, max_size=9))
def test_ideographs_are_taken_in_pairs(run: str) -> None:
    """Each two neighbours; one that stands alone by itself, whatever the language."""
    pairs = [run[at : at + 2] for at in range(len(run) - 1)] or [run]
    assert all(terms(f"a {run} b", language)[1:-1] == pairs for language in ("en", "de", "xx"))


def test_ideographs_are_those_of_unicode() -> None:
    """Every letter that is called one, and those of Kana, Bopomofo and Hangul; of Latin, Greek and Cyrillic none."""
    scripts = ("CJK UNIFIED", "CJK COMPAT", "HIRAGANA LETTER", "KATAKANA LETTER", "BOPOMOFO LETTER", "HANGUL")
    ranges = range(0x110000)
    letters = [chr(code) for code in ranges if not 0xD800 <= code < 0xE000 and chr(code).isalpha()]
    named = {letter for letter in letters if unicodedata.name(letter, "").startswith(scripts)}
    assert {letter for letter in named if not ideographic(letter)} == set()
    assert not any(map(ideographic, "aéßжא中"[:5])), "letters of alphabets"
    assert all(first <= last for first, last in IDEOGRAPHS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Senate's Votes, voting; VOTED", ["the", "senat", "s", "vote", "vote", "vote"]),
        ("to be or not to be", ["to", "be", "or", "not", "to", "be"]),
        ("ÉLAN élan", ["élan", "élan"]),
        ("x" * 100, ["x" * 64, "x" * 36]),
        ("", []),
    ],
)
def test_known_texts(text: str, expected: list[str]) -> None:
    """Lower case, stems, no stop words, long runs cut: a change here needs another `SCHEMA_VERSION`."""
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Die Häuser der Stadt", ["die\x1fde", "haus\x1fde", "der\x1fde", "stadt\x1fde"]),
        ("fr", "les élections", ["le\x1ffr", "élect\x1ffr"]),
        ("es", "las naciones", ["las\x1fes", "nacion\x1fes"]),
        ("ru", "новые выборы", ["нов\x1fru", "выбор\x1fru"]),
        ("xx", "Wybory wybory", ["wybory\x1fxx", "wybory\x1fxx"]),
        ("xx", "東京2020", ["東京", "2020\x1fxx"]),
        (NAMES, "Williams Vote", ["williams", "vote"]),
    ],
)
def test_known_words_of_other_languages(language: str, text: str, expected: list[str]) -> None:
    """A term says which language it is of; a change here needs another `SCHEMA_VERSION`."""
    assert terms(text, language) == expected
    if language != NAMES:
        assert {parted(term)[1] for term in expected if not ideographic(term)} == {language}


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("", "en"), ("EN-us", "en"), ("de_AT", "de"), ("German", "de"), ("nb", "no"), ("ja", "xx"), (" fra ", "fr")],
)
def test_languages_of_tags(tag: str, expected: str) -> None:
    """BCP 47 tags, and names in common use; English where the source did not say."""
    assert language_of(tag) == expected


def test_function_words_are_known_by_language() -> None:
    """In their language, and not in others."""
    assert term_of("die", "de") in function_terms("de")
    assert term_of("die") not in function_terms()
    assert function_terms("xx") == frozenset()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(" Arts &\t Leisure\n", "arts & leisure"), ("STRASSE", "strasse"), ("Straße", "strasse"), (" ", "")],
)
def test_exact_ignores_case_and_white_space(value: str, expected: str) -> None:
    """Filters compare values as people read them."""
    assert exact(value) == exact(exact(value)) == expected
