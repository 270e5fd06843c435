"""Which articles tell the same: as the plain way finds it, and as editors would say."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.likeness import BANDS, MIN_WORDS, NEAR_MS, Compared, alike, texts_of
from partition.types import Article
from tests.small_index import article
from tests.trees import naive_stories

_DAY_MS = 86_400_000
_SAID = (
    "The Senate voted 51 to 49 on Tuesday to open the refuge on the northern coast to drilling, ending a fight "
    "that has gone on for two decades. Supporters said that the wells would bring 10,000 jobs and cost the "
    "caribou little. Opponents promised to carry the matter to the courts, where they have won before, and to the "
    "voters next autumn. A spokeswoman for the governor called it a good day for the people of the state, who pay "
    "no income tax. The bill now goes to the House, whose leaders have not said when they will take it up or "
    "whether they have the votes."
)
_GRANT = (
    "Senator Stone announced today that {town} will receive a federal grant of {sum} dollars for its fire "
    "department. The grant was made under the fire fighters assistance program, which the senator helped to "
    "write. Our fire fighters put their lives on the line for us every day, said the senator, and I am glad that "
    "{town} will get what it needs. With this money the department in {town} will buy breathing apparatus and "
    "protective clothing, and train more than forty volunteers. The program has given more than a billion dollars "
    "to departments like that of {town} since it began, and the senator said that he would see to it that it goes "
    "on."
)


def _article(body: str, *, title: str = "Title", published_ms: int | None = 0) -> Article:
    return article("a", title, body=body, published_ms=published_ms)


def _alike(one: Article, other: Article) -> bool:
    texts = [Compared(text) for text in texts_of([one, other])]
    assert alike(*texts) == alike(*texts[::-1])
    return alike(*texts)


def _without(text: str, first: int, last: int) -> str:
    said = text.split()
    return " ".join(said[:first] + said[last:])


@pytest.mark.parametrize(
    ("body", "days", "expected"),
    [
        (_SAID, 0, True),
        (_SAID, 4000, True),
        (_SAID.upper().replace(",", " -- "), 0, True),
        (f"ANCHORAGE (Wire) - {_SAID}", 1, True),
        (_without(_SAID, 40, 55), 2, True),
        (_without(_SAID, 40, 55), 8, False),
        (_without(_SAID, 60, 200), 0, True),
        (_without(_SAID, 25, 200), 0, False),
        (_SAID.replace("51 to 49", "52 to 48").replace("Tuesday", "Thursday"), 0, False),
        (_SAID.replace("caribou", "whales"), 0, True),
        (" ".join(reversed(_SAID.split())), 0, False),
        ("", 0, False),
    ],
    ids=[
        *("the same", "years later", "loud", "with a dateline", "without a sentence", "that a week later"),
        *("half of it", "a quarter", "other figures", "another word", "backwards", "nothing"),
    ],
)
def test_copies_and_others(body: str, days: int, *, expected: bool) -> None:
    """Copies may be edited and shortened; nothing else is taken for one."""
    assert _alike(_article(_SAID), _article(body, published_ms=days * _DAY_MS)) == expected


_MANY = [f"{a}{b}{c}x" for a in "bcdfghjk" for b in "aeiou" for c in "lmnprstvwz"]
"""Words that differ in what counts of them."""


@pytest.mark.parametrize(
    ("after_ms", "expected"), [(7 * _DAY_MS, True), (7 * _DAY_MS + 1, False), (-7 * _DAY_MS, True), (None, False)]
)
def test_copies_are_published_within_a_week(after_ms: int | None, *, expected: bool) -> None:
    """To the millisecond."""
    assert _alike(_article(_SAID), _article(_without(_SAID, 40, 55), published_ms=after_ms)) == expected


@pytest.mark.parametrize(("words", "expected"), [(30, True), (29, False)])
def test_how_long_a_text_must_be(words: int, *, expected: bool) -> None:
    """Thirty words say enough, whatever stands above them."""
    said = " ".join(_MANY[:words])
    assert _alike(_article(said, title="One"), _article(said, title="Other")) == expected


@pytest.mark.parametrize(("words", "expected"), [(95, True), (90, False)])
def test_how_much_may_be_cut(words: int, *, expected: bool) -> None:
    """So that 0.45 of the shingles are left."""
    whole = _MANY[:200]
    assert _alike(_article(" ".join(whole)), _article(" ".join(whole[:words]))) == expected


@pytest.mark.parametrize("kind", ["words", "figures"])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_what_may_be_replaced_in_almost_equal_texts(kind: str, count: int) -> None:
    """Two words, or one figure."""
    places = (50, 150, 250)
    one, other = list(_MANY), list(_MANY)
    for nth, place in enumerate(places):
        if kind == "figures":
            one[place] = other[place] = f"{nth}00"
        if nth < count:
            other[place] = f"{nth}01" if kind == "figures" else f"zz{nth}q"
    assert _alike(_article(" ".join(one)), _article(" ".join(other))) == (count <= (1 if kind == "figures" else 2))


def test_the_same_form_filled_in_twice_is_not_the_same() -> None:
    """Though most of the words are."""
    one = _article(_GRANT.format(town="Bellbrook", sum=5700))
    other = _article(_GRANT.format(town="Stow", sum=90))
    assert not _alike(one, other)
    assert _alike(one, _article(_GRANT.format(town="Bellbrook", sum=5700).replace("fire fighters", "firefighters")))


@pytest.mark.parametrize(
    ("body", "title", "published_ms", "expected"),
    [
        ("Shares fell 3 per cent.", "Markets", 0, True),
        ("shares  fell 3 PER CENT", "MARKETS ", _DAY_MS - 1, True),
        ("Shares fell 3 per cent.", "Markets", _DAY_MS, False),
        ("Shares fell 3 per cent.", "Stocks", 0, False),
        ("Shares fell 4 per cent.", "Markets", 0, False),
        ("", "Markets", 0, False),
    ],
)
def test_short_texts_say_too_little_by_themselves(
    body: str, title: str, published_ms: int, *, expected: bool
) -> None:
    """They are the same only if all of it is."""
    short = _article("Shares fell 3 per cent.", title="Markets")
    assert _alike(short, _article(body, title=title, published_ms=published_ms)) == expected


def test_articles_without_a_text_are_like_nothing() -> None:
    """Not like each other either, and nothing is kept of them."""
    one, other = texts_of([_article("", title="Same"), _article(" ", title="Same")])
    assert not alike(Compared(one), Compared(other))
    assert one.bands == other.bands == ()


_SENTENCES = [
    " ".join(random.Random(seed).choices(_SAID.lower().split(), k=random.Random(seed).choice((6, 12, 20))))
    for seed in range(12)
]
_bodies = st.lists(st.sampled_from(_SENTENCES), min_size=1, max_size=8).map(" ".join)
_days = st.none() | st.sampled_from((0, 1, NEAR_MS - 1, NEAR_MS, NEAR_MS + 1, 30 * _DAY_MS))
_changes = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(("", "12", "13", "stone", "stow", "the senate voted"))), max_size=4
)


@settings(deadline=None, max_examples=300)
@given(_bodies, _bodies | st.none(), _changes, _days, _days, st.sampled_from(("Title", "title ", "Other")))
def test_the_plain_way(
    body: str, another: str | None, changes: list[tuple[int, str]], first: int | None, second: int | None, title: str
) -> None:
    """Any two texts, mostly two versions of one, are alike if the plain way says so; equal ones have equal bands."""
    said = (body if another is None else another).split()
    for at, word in changes:
        if at < len(said):
            said[at] = word
    one, other = _article(body, published_ms=first), _article(" ".join(said), title=title, published_ms=second)
    plain = [{"body": each.body, "title": each.title, "published_ms": each.published_ms} for each in (one, other)]
    expected = naive_stories().alike(*plain)
    assert _alike(one, other) == expected
    mine, theirs = texts_of([one, other])
    if mine.words >= MIN_WORDS:
        assert len(mine.bands) == BANDS
    if body == other.body and first == second and title != "Other":
        assert mine.bands == theirs.bands
