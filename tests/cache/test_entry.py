"""The envelope: what was kept comes back, and nothing else does."""

import tracemalloc
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressor

from cache.entry import ORDER_BYTES, Entry, Fault, decode, encode, order_of
from cache.keys import Key

DIGEST = Key.of("a key").digest
NOW_S = 1_700_000_000.5
ENTRY = Entry(b'{"data":[]}', NOW_S, 60.0, b"a stamp", 7)
RAW = encode(ENTRY, DIGEST)


@given(
    body=st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda some: 40 * some)),
    created_ms=st.integers(0, 2**40),
    lifetime_ms=st.integers(1, 10**9),
    stamp=st.binary(max_size=100),
    order=st.integers(0, 2**63),
)
def test_round_trip(body: bytes, created_ms: int, lifetime_ms: int, stamp: bytes, order: int) -> None:
    """An entry comes back as it was, to the millisecond."""
    entry = Entry(body, created_ms / 1000, lifetime_ms / 1000, stamp, order)
    assert decode(encode(entry, DIGEST), DIGEST, created_ms / 1000) == entry


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_a_changed_byte_is_a_fault(position: int, flip: int) -> None:
    """No byte can change unnoticed, in the header or in the body."""
    damaged = bytearray(RAW)
    damaged[position] ^= flip
    assert isinstance(decode(bytes(damaged), DIGEST, NOW_S), Fault)


def test_every_truncation_is_a_fault() -> None:
    """An entry cut anywhere is refused, and so is one with something behind it."""
    for length in range(len(RAW)):
        assert isinstance(decode(RAW[:length], DIGEST, NOW_S), Fault)
    assert decode(RAW + b"\0", DIGEST, NOW_S) is Fault.DAMAGED


@given(st.one_of(st.binary(), st.binary().map(b"BSce".__add__), st.text(), st.none(), st.lists(st.binary())))
def test_foreign_values_are_faults(raw: object) -> None:
    """Whatever another application left under our name, or another type, is a fault and never an exception."""
    assert isinstance(decode(raw, DIGEST, NOW_S), Fault)


LARGE = Entry(b'{"data":[]}' * 1000, NOW_S, 60.0, b"a stamp" * 20)
PACKED = encode(LARGE, DIGEST)


def test_large_answers_are_packed() -> None:
    """They take less room, and come back as they were."""
    assert len(PACKED) < len(LARGE.body) / 10
    assert decode(PACKED, DIGEST, NOW_S) == LARGE
    assert len(encode(Entry(b"x" * 100, NOW_S, 60.0), DIGEST)) > 100


def _resealed(raw: bytes, content: bytes, body_bytes: int) -> bytes:
    """An envelope around something else, with a checksum that agrees."""
    fields = raw[:66] + body_bytes.to_bytes(4, "big") + b"\1"
    return fields + crc32(content, crc32(fields)).to_bytes(4, "big") + content


def test_no_frame_becomes_larger_than_its_envelope_says() -> None:
    """A few bytes may claim to be many: they are not unpacked."""
    stamp_bytes = len(LARGE.stamp)
    bomb = ZstdCompressor().compress(bytes(1 << 30))
    told = _resealed(PACKED, bomb, (1 << 30) - stamp_bytes)
    tracemalloc.start()
    try:
        for raw in (told, _resealed(PACKED, bomb, 100), _resealed(PACKED, b"no frame", 100)):
            assert decode(raw, DIGEST, NOW_S) is Fault.DAMAGED
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 20


def test_an_entry_answers_its_own_key_only() -> None:
    """A reply that was meant for another key is refused."""
    assert decode(RAW, Key.of("another key").digest, NOW_S) is Fault.OTHER_KEY


def test_another_version_is_refused() -> None:
    """The version stands after the magic and is looked at before anything that it could change."""
    assert decode(RAW[:4] + b"\0\1" + RAW[6:], DIGEST, NOW_S) is Fault.VERSION


@given(st.integers(0, 2**63), st.integers(0, 50))
def test_the_beginning_tells_the_order(order: int, more: int) -> None:
    """Of an entry of this version; anything else has none."""
    raw = encode(Entry(b"body", NOW_S, 60.0, b"stamp", order), DIGEST)
    assert order_of(raw[: ORDER_BYTES + more]) == order
    for foreign in (raw[: ORDER_BYTES - 1], raw[:4] + b"\0\1" + raw[6:], b"X" + raw[1:], "text", None, b""):
        assert order_of(foreign) == -1


def test_an_entry_ends_with_its_lifetime() -> None:
    """An entry is served until its lifetime is over, even if the backend keeps it longer."""
    assert decode(RAW, DIGEST, NOW_S + 59.9) == ENTRY
    assert decode(RAW, DIGEST, NOW_S + 60.0) is Fault.EXPIRED


def test_age_and_time_to_live_are_never_negative() -> None:
    """Clocks of other machines may be ahead of ours; ages start at 0."""
    assert (ENTRY.age_s(NOW_S - 5), ENTRY.ttl_s(NOW_S - 5)) == (0, 60)
    assert (ENTRY.age_s(NOW_S + 20), ENTRY.ttl_s(NOW_S + 20)) == (20, 40)
    assert ENTRY.ttl_s(NOW_S + 100) == 0


def test_the_layout_is_the_documented_one() -> None:
    """Golden bytes, field by field: a change of layout needs a new version."""
    assert encode(Entry(b"hi", 1.5, 60.0, b"so", 258), bytes(range(32))) == bytes.fromhex(
        "42536365"  # magic
        "0003"  # version
        "00000000000005dc"  # created_ms
        "000000000000ea60"  # lifetime_ms
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"  # digest
        "0000000000000102"  # order
        "00000002"  # stamp_bytes
        "00000002"  # body_bytes
        "00"  # packed
        "dd4caa6a"  # crc32
        "736f"  # stamp
        "6869"  # body
    )
