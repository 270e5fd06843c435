"""What a record asks for: to be shown, to wait, or to be withdrawn; and what is not guessed at."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.article import ArticleInvalid
from indexer.events import MAX_REASON_CHARS, Submission
from indexer.fields import NAMES
from indexer.submitting import status_of, submission_of

NOW_MS = 1_700_000_000_000
"""2023-11-14T22:13:20Z."""


def _submission(**fields: Any) -> Submission:
    return submission_of({"id": "a", "title": "t"} | fields, now_ms=NOW_MS)


def _reason(**fields: Any) -> str:
    with pytest.raises(ArticleInvalid) as caught:
        _submission(**fields)
    assert caught.value.article_id == "a"
    return caught.value.reason


@pytest.mark.parametrize("status", [None, "", " ", "usable", " Usable", "USABLE", "stat:usable"])
def test_what_is_usable_is_put(status: str | None) -> None:
    """It need not be said; its case does not matter."""
    submission = _submission(status=status, editor_note="not looked at")
    assert (submission.action, submission.embargoed_until_ms, submission.reason) == ("put", None, "")
    assert submission.article
    assert submission == _submission(), "the status is no part of the article"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        *(("withheld", "withheld"), ("Withheld ", "withheld"), ("stat:withheld", "withheld")),
        *(("canceled", "canceled"), ("cancelled", "canceled"), ("CANCELED", "canceled")),
        ("http://cv.iptc.org/newscodes/pubstatusg2/canceled", "canceled"),
    ],
)
def test_what_is_withheld_or_canceled_is_withdrawn(said: str, status: str) -> None:
    """With the status and the editor's note as the reason; nothing but the id is looked at."""
    fields = {"id": " a ", "title": 5, "body": [], "embargoed_until": "soon", "status": said}
    for note, reason in (
        (None, status),
        (5, status),
        ("", status),
        (" kill: see lawyers ", f"{status}: kill: see lawyers"),
    ):
        submission = submission_of(fields | {"editor_note": note}, now_ms=NOW_MS)
        assert submission == Submission("a", None, b"", "withdraw", reason=reason)
    assert status_of(said) == status


def test_a_note_is_cut_to_what_a_reason_may_have() -> None:
    """And to what can be written as UTF-8: no note stops a withdrawal."""
    reason = _submission(status="canceled", editor_note="\0\ud800" + "n" * 5000).reason
    assert (len(reason), reason[:13]) == (MAX_REASON_CHARS - 1, "canceled: ?nn")
    assert reason.encode()


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        *(("draft", "'draft'"), ("publish", "'publish'"), ("stat:", "'stat:'"), ("x" * 5000, f"'{'x' * 40}'")),
        *((5, "a number"), (True, "true or false"), (["canceled"], "a list"), ({}, "an object")),
    ],
)
def test_an_unknown_status_is_refused(status: Any, shown: str) -> None:
    """It says which there are."""
    assert _reason(status=status) == f"status is {shown}, not one of usable, withheld and canceled"


@pytest.mark.parametrize(
    ("said", "until_ms"),
    [
        ("2023-11-15", 1_700_006_400_000),
        ("2023-11-15T00:00:00Z", 1_700_006_400_000),
        ("2023-11-15T01:00:00+01:00", 1_700_006_400_000),
        ("2023-11-15 00:00:00", 1_700_006_400_000),
        (1_700_006_400, 1_700_006_400_000),
        ("1700006400000", 1_700_006_400_000),
        (NOW_MS + 1, NOW_MS + 1),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        *((nothing, None) for nothing in (None, "", " ")),
        *((NOW_MS, NOW_MS), ("2023-11-14", 1_699_920_000_000), ("2023-11-14T22:13:20Z", NOW_MS), (0, 0)),
    ],
)
def test_an_embargo_is_an_instant_or_a_day(said: Any, until_ms: int | None) -> None:
    """A day is its beginning, UTC. Whether it has ended is for the log to say."""
    submission = _submission(embargoed_until=said)
    assert submission.embargoed_until_ms == until_ms
    assert submission.digest == _submission().digest, "it is the same article before and after"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        *(
            ("tomorrow", "'tomorrow'"),
            ("2023-02-30", "'2023-02-30'"),
            ("2023-11-15T25:00:00Z", "'2023-11-15T25:00:00Z'"),
        ),
        *(
            ("noon, " * 99, "'" + ("noon, " * 99)[:40] + "'"),
            ("10000-01-01", "'10000-01-01'"),
            (False, "true or false"),
        ),
        *(
            (float("nan"), "a decimal number"),
            (1e300, "a decimal number"),
            (["2030"], "a list"),
            ({"$date": 1}, "an object"),
        ),
    ],
)
def test_an_embargo_that_cannot_be_read_is_refused(said: Any, shown: str) -> None:
    """It must not publish: unlike other dates it is never dropped."""
    assert _reason(embargoed_until=said) == (
        f"embargoed_until is {shown}, neither a date like 2026-01-03 nor an instant like 2026-01-03T09:00:00Z"
    )


def test_what_waits_may_be_dated_to_the_end_of_its_embargo() -> None:
    """It is no date in the future when it is shown; later ones are clamped to that moment."""
    until_ms = NOW_MS + 5000
    for published_ms, expected in ((until_ms, (until_ms, "instant")), (until_ms + 1, (until_ms, "clamped"))):
        article = _submission(embargoed_until=until_ms, published_at=published_ms, modified_at=published_ms).article
        assert article
        assert (article.published_ms, article.date_confidence, article.modified_ms) == (*expected, until_ms)
    past = _submission(embargoed_until=NOW_MS - 5000, published_at=until_ms).article
    assert past
    assert (past.published_ms, past.date_confidence) == (NOW_MS, "clamped")


_TEXT = st.text("usable:/-+TZ0123456789 \0\ud800é", max_size=12)
_ANY = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=5)),
        _TEXT,
        st.sampled_from(("canceled", "withheld", "usable", "2030-01-01")),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(NAMES)), _ANY), st.booleans())
def test_no_value_raises_anything_else(fields: dict[str, Any], whole: bool) -> None:
    """Whatever the values, something is asked that a log can take, or it is refused."""
    if whole:
        fields |= {"id": "a", "title": "t"}
    try:
        submission = submission_of(fields, now_ms=NOW_MS)
    except ArticleInvalid:
        return
    assert submission.reason.encode().decode() == submission.reason
    assert len(submission.reason) <= MAX_REASON_CHARS
    assert (submission.article is None) == (submission.action == "withdraw")


def test_nesting_is_not_followed() -> None:
    """A deeply nested value is refused by its type."""
    nested: list[Any] = []
    for _ in range(sys.getrecursionlimit() * 2):
        nested = [nested]
    assert _reason(status=nested).startswith("status is a list")
    assert _reason(embargoed_until=nested).startswith("embargoed_until is a list")
