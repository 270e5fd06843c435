"""The vocabulary: analysing each form once gives what analysing every word gives."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partition.analysis import NAMES, analyzer, terms
from partition.kernels.tokens import MAX_WORD_CHARS
from partition.vocabulary import Vocabulary

# All of Unicode that UTF-8 can carry, with much English in between, long runs, letters that grow in lower case, words
# that differ in case only or in their last bytes, and characters that are no letters in the middle of words.
_pieces = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ("Running", "running", "RUNNING", "ponies", "U.S.", "sky's", "naïve", "NAÏVE", "İSTANBUL", "ﬁne")
    ),
    st.sampled_from(
        ("x" * 200, "é" * 65, "İ" * 70, "𐌰" * 64, "a" * 63 + "é", "_3rd", "1234567", "12345678", "123456789")
    ),
    st.sampled_from((" ", "\n", "-", "\u200b", "\u0301", "\0", "\x7f", "\x80", "\uffff", "\U0010ffff")),
    st.text("東京カの서a1é々𠀀・ ", max_size=9),
)
_languages = st.sampled_from(("en", "de", "xx", NAMES))
_texts = st.lists(_pieces, max_size=20).map("".join)


def _terms(vocabulary: Vocabulary) -> list[str]:
    """All of them, by ordinal."""
    return [key.decode() for key in vocabulary.keys(range(len(vocabulary)))]


def _found(vocabulary: Vocabulary, texts: Sequence[str], language: str = "en") -> list[list[str]]:
    """The terms of each text."""
    tokens, counts, forms = vocabulary.tokenize([text.encode() for text in texts], language)
    assert len(counts) == len(texts)
    assert len(forms) == len(tokens)
    all_terms = _terms(vocabulary)
    words = iter([all_terms[at] for at in tokens.tolist()])
    found = [[next(words) for _ in range(count)] for count in counts.tolist()]
    assert next(words, None) is None
    return found


@given(batches=st.lists(st.tuples(_languages, st.lists(_texts, max_size=5)), max_size=4))
@example(batches=[("en", ["", "a", "", ""]), ("de", []), ("de", [""]), ("en", ["a"])])
@example(batches=[("en", ["a" * 64 + "b", "a" * 64, "İ" * 64 + "i"])])
@example(batches=[("en", ["houses"]), ("de", ["houses", "東京都 東"]), (NAMES, ["houses 東京"]), ("en", ["houses"])])
def test_a_vocabulary_is_the_analyzer(batches: list[tuple[str, list[str]]]) -> None:
    """Whatever it has met before, in whatever language: the terms of `terms`, and of the Whoosh analyzer."""
    vocabulary = Vocabulary()
    for language, texts in batches:
        found = _found(vocabulary, texts, language)
        assert found == [terms(text, language) for text in texts]
        assert found == [[token.text for token in analyzer(language)(text)] for text in texts]
    assert len(set(_terms(vocabulary))) == len(vocabulary)


@given(batches=st.lists(st.lists(_texts, max_size=4), min_size=1, max_size=3))
def test_terms_that_occur_are_numbered(batches: list[list[str]]) -> None:
    """Each once, from 0 on, over all parts together; the vocabulary remembers nothing of it."""
    vocabulary = Vocabulary()
    for texts in batches:
        parts = [vocabulary.tokenize([text.encode()])[0] for text in texts]
        before = [part.tolist() for part in parts]
        distinct = vocabulary.distinct(parts).tolist()
        assert [[distinct[at] for at in part.tolist()] for part in parts] == before
        assert distinct == list(dict.fromkeys(term for part in before for term in part))


def test_every_character_is_a_letter_or_none_as_in_the_definition() -> None:
    """All code points, one by one and between letters."""
    points = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = [" ".join(points[at : at + 4096]) for at in range(0, len(points), 4096)]
    texts += ["a".join(points[at : at + 4096]) for at in range(0, len(points), 4096)]
    assert _found(Vocabulary(), texts) == [terms(text) for text in texts]


@pytest.mark.parametrize("char", ["a", "é", "中", "𐌰"])
@pytest.mark.parametrize("length", [1, 7, 8, 9, 16, 63, 64, 65, 128, 129, 1000])
def test_long_words_are_cut(char: str, length: int) -> None:
    """After so many characters, of however many bytes."""
    (found,) = _found(Vocabulary(), [f"vote {char * length} vote"])
    parts = [char * min(MAX_WORD_CHARS, length - at) for at in range(0, length, MAX_WORD_CHARS)]
    if char == "中":
        parts = [char * 2] * (length - 1) or [char]
    assert found == ["vote", *(part for part in parts), "vote"]


def _words(random: Random, count: int) -> list[str]:
    """Words of one to thirty bytes, hardly any twice."""
    letters = "abcdefghijklmnopqrstuvwxyzABCéü中𐌰0_"
    return ["".join(random.choices(letters, k=random.choice((1, 3, 6, 7, 8, 9, 15, 30)))) for _ in range(count)]


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32), sizes=st.lists(st.integers(0, 300), max_size=8), slots=st.sampled_from((2, 16, 64))
)
def test_tables_grow(seed: int, sizes: list[int], slots: int) -> None:
    """From hardly any room, in the middle of a batch: nothing is lost, and what was known keeps its ordinal."""
    random = Random(seed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("partition.vocabulary._FIRST_SLOTS", slots)
        vocabulary, known = Vocabulary(), list[str]()
        for size in sizes:
            texts = [" ".join(_words(random, random.randint(0, size))) for _ in range(3)]
            texts.append(" ".join(random.sample(known, min(20, len(known)))))
            assert _found(vocabulary, texts) == [terms(text) for text in texts]
            assert _terms(vocabulary)[: len(known)] == known
            known = _terms(vocabulary)


def test_a_text_larger_than_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """They grow to hold one article, however many words it has."""
    monkeypatch.setattr("partition.vocabulary._FIRST_SLOTS", 2)
    text = " ".join(_words(Random(1), 50_000))
    assert _found(Vocabulary(), ["", text, "after it"]) == [[], terms(text), terms("after it")]


def test_words_whose_keys_are_alike() -> None:
    """Forms of the same bytes in other lengths, of seven bytes and more, with the same beginning and end."""
    stems = ["aaaaaaa", "aaaaaaaa", "aaaaaaaaa", "\0", "aaaaaaaaaaaaaaab", "baaaaaaaaaaaaaaa", "aaaaaaaabaaaaaaa"]
    text = " ".join([stem + tail for stem in stems for tail in ("", "0", "1", "_", "a")] * 2)
    assert _found(Vocabulary(), [text]) == [terms(text)]


def test_a_vocabulary_that_grew_too_large_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is told that nobody uses its ordinals any more, and not before; then it goes on as if new."""
    monkeypatch.setattr("partition.vocabulary.MAX_FORMS", 3)
    vocabulary = Vocabulary()
    sizes = []
    for text in ("one two ONE three", "One", "four one", "two five six seven eight"):
        assert _found(vocabulary, [text]) == [terms(text)]
        sizes.append(len(vocabulary))
        vocabulary.trim()
    assert sizes == [3, 3, 4, 5]
    assert len(vocabulary) == 0
