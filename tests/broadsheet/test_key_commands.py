"""`broadsheet keys`: what is printed where, what the file becomes, and what a failure leaves.

Not here: what keys are good for (`tests/web/test_guard.py`), help (`test_cli.py`).
"""

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from typer.testing import CliRunner

from broadsheet.cli import app
from tests import commands
from web.keys import MAX_FILE_BYTES, Caller, Keys, encode_keys, make_key, read_keys, utc_now


def run(root: Path, *arguments: str) -> "CompletedProcess[str]":
    """`broadsheet keys` on an archive."""
    return commands.run("keys", *arguments, "--data", root)


def test_a_key_is_printed_once(tmp_path: Path) -> None:
    """Alone on standard output; it opens what its role allows, and the file for its owner only does not hold it."""
    made = run(tmp_path, "add", "the newsroom", "--role", "write", "--expires", "90d")
    assert made.returncode == 0
    text = made.stdout.removesuffix("\n")
    assert re.fullmatch(r"bs_[0-9a-f]{8}_[0-9a-f]{64}", text)
    key_id, secret = text.split("_")[1:]
    assert re.search(rf"^key {key_id} with role write, until \d{{4}}-\d\d-\d\d \d\d:\d\d UTC; ", made.stderr)
    assert secret not in made.stderr
    path = tmp_path / "keys"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret not in path.read_text()
    assert Keys(path).caller(f"Bearer {text}") == Caller(key_id, "write")
    key = read_keys(path)[key_id]
    assert (key.name, key.expires_at) == ("the newsroom", key.created_at + timedelta(days=90))
    assert abs(key.created_at - utc_now()) < timedelta(minutes=5)
    listed = run(tmp_path, "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert re.fullmatch(
        rf"{key_id}  write  \d{{4}}-\d\d-\d\d \d\d:\d\d  \d{{4}}-\d\d-\d\d \d\d:\d\d  the newsroom\n", listed.stdout
    )


def test_the_least_is_the_default(tmp_path: Path) -> None:
    """A key reads, and for as long as it is not revoked."""
    made = run(tmp_path, "add", "x")
    (key,) = read_keys(tmp_path / "keys").values()
    assert (key.role, key.expires_at) == ("read", None)
    assert f"key {key.id} with role read, until it is revoked; " in made.stderr
    assert "  for ever " in run(tmp_path, "list").stdout


def test_one_key_after_the_other(tmp_path: Path) -> None:
    """Each is added to those there are and revoked alone; when the last is gone, keys stay required."""
    assert run(tmp_path, "list").stderr == "there are no keys; make one with `broadsheet keys add NAME`\n"
    assert not (tmp_path / "keys").exists()
    ids = [run(tmp_path, "add", name).stdout.split("_")[1] for name in ("a", "b")]
    assert [line[:8] for line in run(tmp_path, "list").stdout.splitlines()] == ids
    revoked = run(tmp_path, "revoke", ids[0])
    assert (revoked.returncode, revoked.stdout, revoked.stderr) == (0, "", f"revoked {ids[0]} of a\n")
    assert [*read_keys(tmp_path / "keys")] == ids[1:]
    again = run(tmp_path, "revoke", ids[0])
    assert again.returncode == 1
    assert again.stderr.startswith(f"broadsheet: there is no key '{ids[0]}'; ")
    assert "no key is left, but keys stay required" in run(tmp_path, "revoke", ids[1]).stderr
    assert read_keys(tmp_path / "keys") == {}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600
    assert Keys(tmp_path / "keys").configured
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_expired_keys_are_shown_as_such(tmp_path: Path) -> None:
    """They stay in the list until they are revoked."""
    key, _text = make_key("guest", "read", created_at=utc_now(), expires_at=utc_now() - timedelta(seconds=1))
    (tmp_path / "keys").write_bytes(encode_keys([key]))
    assert run(tmp_path, "list").stdout.endswith("  guest (expired)\n")


@pytest.mark.parametrize(("expires", "period"), [("12h", timedelta(hours=12)), ("8w", timedelta(weeks=8))])
def test_periods(tmp_path: Path, expires: str, period: timedelta) -> None:
    """Hours and weeks too."""
    assert run(tmp_path, "add", "x", "--expires", expires).returncode == 0
    (key,) = read_keys(tmp_path / "keys").values()
    assert key.expires_at == key.created_at + period


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add",), "Missing argument"),
        (("add", "x", "--role", "root"), "'root' is not one of 'read', 'write', 'admin'"),
        (("add", ""), r"^broadsheet: the name '' is not 1 to 100 characters"),
        (("add", "two\nlines"), r"^broadsheet: the name 'two\\nlines' is not"),
        *(
            (("add", "x", "--expires", text), r"^broadsheet: --expires .* is not a time such as 12h, 90d or 8w")
            for text in ("90", "0d", "-1d", "1y", "1d ", "999999d", "٣d")
        ),
    ],
)
def test_misuse_is_status_2(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """One line says why, and no key is made."""
    refused = run(tmp_path, *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.search(message, refused.stderr, re.MULTILINE), refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("add", "x"), ("list",), ("revoke", "00000000")])
def test_failures_are_status_1(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """No archive, a damaged file, a folder in its place: named, and left as it is."""
    failed = run(tmp_path / "nowhere", *arguments)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert not (tmp_path / "nowhere").exists()
    path = tmp_path / "keys"
    path.write_bytes(b"{}\n")
    failed = run(tmp_path, *arguments)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith(f"broadsheet: {path}, line 1: not a key (")
    assert path.read_bytes() == b"{}\n"
    path.unlink()
    path.mkdir()
    failed = run(tmp_path, *arguments)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_full_file_takes_no_more(tmp_path: Path) -> None:
    """What could not be read afterwards is not written."""
    keys = [make_key("x" * 100, "read", created_at=utc_now())[0] for _ in range(MAX_FILE_BYTES // 250)]
    while len(encode_keys(keys)) > MAX_FILE_BYTES:
        keys.pop()
    path = tmp_path / "keys"
    path.write_bytes(encode_keys(keys))
    failed = run(tmp_path, "add", "y" * 100)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "revoke keys that nobody uses" in failed.stderr
    assert len(read_keys(path)) == len(keys)


def test_commands_at_the_same_time_lose_no_key(tmp_path: Path) -> None:
    """Each change is made on the one before it."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: run(tmp_path, "add", f"n{number}"), range(8)))
    assert {one.stdout.split("_")[1] for one in made} == {*read_keys(tmp_path / "keys")}
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_change_is_durable_before_it_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the bytes, then the name, then the folder; the key is shown after that."""
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def spy_fsync(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "bytes")
        fsync(handle)

    def spy_replace(aside: Path, target: Path) -> Path:
        done.append("name")
        return replace(aside, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(Path, "replace", spy_replace)
    assert CliRunner().invoke(app, ["keys", "add", "x", "--data", str(tmp_path)]).exit_code == 0
    assert done == ["bytes", "name", "folder"]


@pytest.mark.parametrize("fault", ["fsync", "replace"])
def test_a_change_that_fails_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """The disk is full: status 1, no key is shown, and the keys are those of before."""
    assert run(tmp_path, "add", "x").returncode == 0
    before = (tmp_path / "keys").read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if fault == "fsync" else Path, fault, fail)
    failed = CliRunner().invoke(app, ["keys", "add", "y", "--data", str(tmp_path)])
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert "No space left on device" in failed.stderr
    assert (tmp_path / "keys").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]
