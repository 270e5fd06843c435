"""The cursor codec: what it made it reads, and nothing else.

Not here: cursors over HTTP (`test_http_cursors.py`).
"""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partition.manifest import State
from search.cursor import (
    MAX_ID_BYTES,
    MAX_MISSING,
    Cursor,
    CursorCodec,
    CursorInvalidError,
    digest_of,
)
from search.order import Position
from search.query import Every, Filters, Query, Term

KEYS = {1: b"first secret of ours", 7: b"second secret of ours"}
CODEC = CursorCodec(KEYS)

_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
_positions = st.builds(Position, st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1), _texts)
ARCHIVE = "0123456789abcdef"
STATE = State(epoch=3, published_ms=4, applied_seq=5, indexed_through_ms=6)
_cursors = st.builds(
    Cursor,
    st.binary(min_size=8, max_size=8).map(bytes.hex),
    st.builds(
        State,
        epoch=st.integers(0, 2**64 - 1),
        applied_seq=st.integers(0, 2**64 - 1),
        published_ms=st.integers(-(2**63), 2**63 - 1),
        indexed_through_ms=st.integers(-(2**63), 2**63 - 1),
    ),
    st.binary(min_size=8, max_size=8),
    _positions,
    st.booleans(),
    st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
    st.lists(st.integers(0, 1023), max_size=40).map(tuple),
)


@given(_cursors)
def test_what_was_encoded_is_decoded(cursor: Cursor) -> None:
    """Everything survives; of long ids a beginning does, and of many missing partitions the first."""
    text = CODEC.encode(cursor)
    decoded = CODEC.decode(text)
    assert (decoded.archive, decoded.state, decoded.query_digest, decoded.backwards, decoded.origin_ms) == (
        cursor.archive,
        cursor.state,
        cursor.query_digest,
        cursor.backwards,
        cursor.origin_ms,
    )
    assert decoded.missing == cursor.missing[:MAX_MISSING]
    assert decoded.position[:2] == cursor.position[:2]
    if len(cursor.position.article_id.encode()) <= MAX_ID_BYTES:
        assert decoded.position == cursor.position


@given(_cursors, st.integers(1, 4))
def test_cursors_stay_under_512_bytes(cursor: Cursor, bytes_each: int) -> None:
    """However long the id and however many partitions were missing."""
    longest = Position(cursor.position.key, cursor.position.hash, ("x", "é", "新", "🗞")[bytes_each - 1] * 512)
    for backwards in (True, False):
        text = CODEC.encode(replace(cursor, position=longest, backwards=backwards, missing=tuple(range(1000, 1064))))
        assert len(text) < 512
        CODEC.decode(text)


@given(st.sampled_from(["x", "é", "新", "🗞"]), st.integers(200, 512), st.integers(1, 255), _texts)
def test_shortened_id_still_separates(letter: str, size: int, other_size: int, end: str) -> None:
    """The article of the cursor lies before it, in its direction; so no walk can meet it twice."""
    article_id = (letter * size)[:other_size] + letter * (size - other_size) + end
    for backwards in (True, False):
        position = Position(5, 6, article_id)
        decoded = CODEC.decode(CODEC.encode(Cursor(ARCHIVE, STATE, bytes(8), position, backwards))).position
        assert position >= decoded if backwards else position <= decoded


@given(_cursors, st.data())
def test_no_mutation_is_accepted(cursor: Cursor, data: st.DataObject) -> None:
    """A flipped bit, a lost, added or moved character: the cursor is invalid, and nothing worse happens."""
    text = CODEC.encode(cursor)
    at = data.draw(st.integers(0, len(text) - 1))
    signed = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    signed[at % len(signed)] ^= 1 << data.draw(st.integers(0, 7))
    mutations = {
        base64.urlsafe_b64encode(signed).rstrip(b"=").decode(),
        text[:at],
        text[at:],
        text[:at] + data.draw(st.characters()) + text[at:],
        text[:at] + data.draw(st.characters()) + text[at + 1 :],
        text + "=" * (-len(text) % 4),
        text.swapcase(),
        text * 2,
    } - {text}
    for mutated in mutations:
        with pytest.raises(CursorInvalidError):
            CODEC.decode(mutated)


@given(st.text(max_size=600) | st.binary(max_size=400).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_other_text_is_invalid(text: str) -> None:
    """Whatever it is."""
    with pytest.raises(CursorInvalidError):
        CODEC.decode(text)


def test_every_bit_counts() -> None:
    """Of one cursor, each bit and each length, one after the other."""
    text = CODEC.encode(Cursor(ARCHIVE, STATE, b"abcdefgh", Position(-1, 2, "a/b"), backwards=False, missing=(1, 5)))
    signed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    for bit in range(len(signed) * 8):
        flipped = bytearray(signed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CursorInvalidError):
            CODEC.decode(base64.urlsafe_b64encode(flipped).rstrip(b"=").decode())
    for length in range(len(text)):
        with pytest.raises(CursorInvalidError):
            CODEC.decode(text[:length])


def test_only_one_spelling_is_accepted() -> None:
    """Base64 ignores the last bits of an incomplete group: a cursor that differs only there is not ours either."""
    for size in (1, 2, 3):
        text = CODEC.encode(Cursor(ARCHIVE, STATE, bytes(8), Position(1, 2, "x" * size), backwards=False))
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        accepted = []
        for letter in alphabet:
            try:
                CODEC.decode(text[:-1] + letter)
            except CursorInvalidError:
                continue
            accepted.append(letter)
        assert accepted == [text[-1]]


def test_keys_are_rotated() -> None:
    """The newest key signs; older ones are accepted while they are listed; unknown ones are not."""
    cursor = Cursor(ARCHIVE, STATE, bytes(8), Position(1, 2, "x"), backwards=False)
    before, after = CursorCodec({1: KEYS[1]}), CursorCodec({7: KEYS[7]})
    assert CODEC.decode(before.encode(cursor)) == cursor
    assert CODEC.encode(cursor) == after.encode(cursor) != before.encode(cursor)
    for codec, text in ((before, CODEC.encode(cursor)), (after, before.encode(cursor))):
        with pytest.raises(CursorInvalidError):
            codec.decode(text)
    with pytest.raises(CursorInvalidError):  # the same id, another secret
        CursorCodec({1: KEYS[7]}).decode(before.encode(cursor))


def test_cursor_belongs_to_one_query() -> None:
    """Another text, filter or order is another query."""
    query = Query(Term("body", "a"), Filters(), "newest")
    assert digest_of(query) == digest_of(Query(Term("body", "a"), Filters(), "newest"))
    for other in (
        Query(Term("body", "b"), Filters(), "newest"),
        Query(Every(), Filters(), "newest"),
        Query(Term("body", "a"), Filters(0), "newest"),
        Query(Term("body", "a"), Filters(), "oldest"),
        Query(Term("body", "a"), Filters(clock="indexed"), "newest"),
        Query(Term("body", "a"), Filters(), "newest", 0),
        Query(Term("body", "a"), Filters(), "newest", 0, 1),
    ):
        assert digest_of(query) != digest_of(other)
