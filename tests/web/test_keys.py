"""Keys and their file: who is recognised, from when until when, and what a damaged file does.

Not here: what callers may do (`test_access.py`), servers (`test_guard.py`).
"""

import hmac
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from web.keys import (
    LOOK_S,
    MAX_FILE_BYTES,
    MAX_HEADER_CHARS,
    ROLES,
    Caller,
    Key,
    Keys,
    KeysFileError,
    encode_keys,
    make_key,
    read_keys,
)

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY, TEXT = make_key("newsroom", "write", created_at=NOW)
OTHER, OTHER_TEXT = make_key("archive", "read", created_at=NOW)
SECRET = TEXT.rpartition("_")[2]
BEARER = f"Bearer {TEXT}"


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the keys file may lie."""
    return tmp_path / "keys"


@pytest.fixture
def clock() -> Clock:
    """The clock of `keys`."""
    return Clock()


def _write(path: Path, keys: Iterable[Key]) -> None:
    """As the command does it: another file under the name."""
    aside = path.with_suffix(".new")
    aside.write_bytes(encode_keys(keys))
    aside.replace(path)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_a_key_says_who_sends_it(path: Path, role: str, scheme: str) -> None:
    """By its id, with its role; the name of the scheme is of any case (RFC 9110, section 11.1)."""
    key, text = make_key("somebody", role, created_at=NOW)  # type: ignore[arg-type] # one of ROLES
    _write(path, [OTHER, key])
    assert Keys(path).caller(scheme + text) == Caller(key.id, role)  # type: ignore[arg-type]


def test_the_file_gives_no_key_away(path: Path) -> None:
    """The secret is not in it, and what is in it is no key."""
    _write(path, [KEY])
    assert SECRET not in path.read_text()
    assert Keys(path).caller(f"Bearer bs_{KEY.id}_{KEY.sha256}") is None
    assert read_keys(path) == {KEY.id: KEY}


def test_keys_are_never_alike() -> None:
    """Ids and secrets are new each time, and as long as they are said to be."""
    texts = [make_key("x", "read", created_at=NOW)[1] for _ in range(200)]
    assert len({text.split("_")[2] for text in texts}) == 200
    assert {len(text) for text in texts} == {3 + 8 + 1 + 64}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        TEXT,
        f"Basic {TEXT}",
        f"Bearer{TEXT}",
        f"Bearer\t{TEXT}",
        f" {BEARER}",
        f"{BEARER} ",
        f"{BEARER}\n",
        BEARER[:-1],
        f"{BEARER}0",
        BEARER.upper(),
        BEARER.replace("bs_", ""),
        f"{BEARER}, {BEARER}",
        f"Bearer bs_{OTHER.id}_{SECRET}",
        f"Bearer bs_ffffffff_{SECRET}",
        f"Bearer bs_{KEY.id}_{'0' * 64}",
        "Bearer " + " " * MAX_HEADER_CHARS + TEXT,
        *(BEARER[:at] + ("0" if BEARER[at] != "0" else "1") + BEARER[at + 1 :] for at in range(7, len(BEARER), 5)),
    ],
    ids=lambda _: "header",
)
def test_what_is_nearly_a_key_is_none(path: Path, header: str | None) -> None:
    """Cut, longer, twice, of another id, under another scheme, or with one character changed."""
    _write(path, [KEY, OTHER])
    keys = Keys(path)
    assert keys.caller(header) is None
    assert keys.caller(BEARER)


_HEX = st.text("0123456789abcdef", min_size=60, max_size=68)


@given(
    st.text()
    | st.text(alphabet=' \tBbearER_s0123456789abcdef,="', max_size=200)
    | st.builds(lambda secret: f"Bearer bs_{KEY.id}_{secret}", _HEX)
    | st.builds(lambda key_id, secret: f"Bearer bs_{key_id}_{secret}", _HEX, st.just(SECRET))
)
@example("Bearer bs_" + "٣" * 8 + "_" + "٣" * 64)
@example("\ud800")
@example("x" * 100_000)
def test_no_other_text_is_a_key(tmp_path_factory: pytest.TempPathFactory, header: str) -> None:
    """Whatever the header says, it is no error, and nobody but the key itself is recognised."""
    path = tmp_path_factory.getbasetemp() / "keys-of-one"
    if not path.exists():
        _write(path, [KEY])
    assert (Keys(path).caller(header) is None) == (header.casefold().removeprefix("bearer ") != TEXT)


def test_unknown_ids_take_as_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret is compared whether its id is known or not, and never with what may be cut short."""
    _write(path, [KEY])
    keys = Keys(path)
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def spy(given: str, kept: str) -> bool:
        compared.append((len(given), len(kept)))
        return compare(given, kept)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    for header in (BEARER, f"Bearer {OTHER_TEXT}", f"Bearer bs_{KEY.id}_{'0' * 64}"):
        keys.caller(header)
    assert compared == [(64, 64)] * 3


def test_a_key_expires(path: Path) -> None:
    """It is valid up to its moment and not from then on, though the file stays as it is."""
    key, text = make_key("guest", "read", created_at=NOW, expires_at=NOW + timedelta(days=90))
    _write(path, [key])
    now = [NOW]
    keys = Keys(path, now=lambda: now[0])
    for moment, valid in ((NOW, True), (NOW + timedelta(days=90, microseconds=-1), True)):
        now[0] = moment
        assert bool(keys.caller(f"Bearer {text}")) == valid
    now[0] = NOW + timedelta(days=90)
    assert keys.caller(f"Bearer {text}") is None
    assert keys.configured


def test_keys_change_while_servers_run(path: Path, clock: Clock) -> None:
    """A new key is valid within a second and the old one stays so until it is taken out: no gap in between."""
    _write(path, [KEY])
    keys = Keys(path, monotonic_s=clock)
    _write(path, [KEY, OTHER])
    clock.s += LOOK_S - 0.01
    assert keys.caller(f"Bearer {OTHER_TEXT}") is None, "the file is looked at once a second"
    clock.s += 0.01
    assert keys.caller(f"Bearer {OTHER_TEXT}") == Caller(OTHER.id, "read")
    assert keys.caller(BEARER) == Caller(KEY.id, "write")
    _write(path, [OTHER])
    clock.s += LOOK_S
    assert keys.caller(BEARER) is None
    assert keys.caller(f"Bearer {OTHER_TEXT}")


def test_the_first_key_closes_the_door(path: Path, clock: Clock) -> None:
    """Keys are required from the first on; also when the last was revoked, or the file is gone."""
    keys = Keys(path, monotonic_s=clock)
    required = [keys.configured]
    for entries in ([KEY], []):
        _write(path, entries)
        clock.s += LOOK_S
        required.append(keys.configured)
    path.unlink()
    clock.s += LOOK_S
    required.append(keys.configured)
    _write(path, [])
    required.append(Keys(path).configured)
    assert required == [False, True, True, True, True]


def test_a_file_that_is_gone_leaves_no_key(path: Path, clock: Clock) -> None:
    """It is said in the log, once; what comes back counts again."""
    _write(path, [KEY])
    keys = Keys(path, monotonic_s=clock)
    path.unlink()
    with capture_logs() as logged:
        for _ in range(3):
            clock.s += LOOK_S
            assert keys.caller(BEARER) is None
            assert keys.configured
    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("keys file is gone, no key is valid", "error")
    ]
    _write(path, [KEY])
    clock.s += LOOK_S
    assert keys.caller(BEARER)


LINE = encode_keys([KEY]).strip()
DAMAGED = {
    "rubbish": b"\xff\xfe\x00",
    "cut": LINE[:-5],
    "key": TEXT.encode(),
    "list": b"[]",
    "number": b"1e999",
    "deep": b"[" * 100_000,
    "twice": LINE + b"\n" + LINE,
    "unknown member": LINE[:-1] + b',"secret":"%s"}' % SECRET.encode(),
    "no role": LINE.replace(b'"role":"write",', b""),
    "root": LINE.replace(b'"write"', b'"root"'),
    "hash": LINE.replace(KEY.sha256.encode(), KEY.sha256[1:].encode()),
    "id": LINE.replace(KEY.id.encode(), b"../../.."),
    "name": LINE.replace(b"newsroom", b"a\\u000ab"),
    "no zone": LINE.replace(b"12:00:00Z", b"12:00:00"),
    "endless": b"\n" * (MAX_FILE_BYTES + 1),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_changes_nothing(path: Path, clock: Clock, damage: str) -> None:
    """The keys read before stay valid and no other; the log names the file once, and no secret; no start with it."""
    _write(path, [OTHER])
    keys = Keys(path, monotonic_s=clock)
    path.write_bytes(LINE + b"\n" + DAMAGED[damage] if damage not in {"twice", "endless"} else DAMAGED[damage])
    with capture_logs() as logged:
        for _ in range(3):
            clock.s += LOOK_S
            assert keys.caller(f"Bearer {OTHER_TEXT}")
            assert keys.caller(BEARER) is None
    assert [(line["event"], line["log_level"]) for line in logged] == [("keys not read", "error")]
    assert str(path) in logged[0]["error"]
    assert SECRET not in str(logged)
    with pytest.raises(KeysFileError, match="; ") as caught:
        Keys(path)
    assert SECRET not in str(caught.value)
    _write(path, [KEY])
    clock.s += LOOK_S
    assert keys.caller(BEARER)
    assert keys.caller(f"Bearer {OTHER_TEXT}") is None


def test_a_file_damaged_at_random_is_a_known_error(path: Path) -> None:
    """Cut or with a bit turned anywhere, it is read in part never: whole, or refused."""
    content = encode_keys([KEY, OTHER])
    rng = random.Random(1)
    for _ in range(300):
        at = rng.randrange(len(content))
        turned = content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
        path.write_bytes(turned if rng.random() < 0.5 else content[:at])
        try:
            found = read_keys(path)
        except KeysFileError:
            continue
        assert len(found) <= 2


def test_what_is_no_file_is_read_when_it_is_one(path: Path, clock: Clock) -> None:
    """Something else in its place is trouble that passes: what was read stays, and the file is tried again."""
    _write(path, [KEY])
    keys = Keys(path, monotonic_s=clock)
    path.unlink()
    path.mkdir()
    clock.s += LOOK_S
    assert keys.caller(BEARER)
    with pytest.raises(KeysFileError, match="Is a directory"):
        Keys(path)
    path.rmdir()
    _write(path, [OTHER])
    clock.s += LOOK_S
    assert keys.caller(BEARER) is None


def test_trouble_passes(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that could not be opened is tried again at the next look, though it is the same file."""
    _write(path, [KEY])
    keys = Keys(path, monotonic_s=clock)
    _write(path, [OTHER])

    def fail(*_: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", fail)
        clock.s += LOOK_S
        assert keys.caller(BEARER)
    clock.s += LOOK_S
    assert keys.caller(BEARER) is None


@pytest.mark.parametrize("name", ["", "x" * 101, "two\nlines", "\x1b[31m", "\x9b", "\udcff"])
def test_names_are_text(name: str) -> None:
    """They are shown in terminals."""
    with pytest.raises(KeysFileError, match="is not 1 to 100 characters"):
        make_key(name, "read", created_at=NOW)
