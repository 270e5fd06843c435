"""Settings and cursor keys: who wins, what is refused and how it is said."""

import os
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from broadsheet.cursor_keys import KEY_BYTES, cursor_keys
from broadsheet.settings import SECRET, Settings, SettingsError, as_environment, resolve

NAMES = Settings.__struct_fields__


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, without a settings file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_need_nothing() -> None:
    """Without flags, variables and files everything is at its default, and says so."""
    resolved = resolve({"data": None, "port": None}, environ={})
    assert resolved.settings == Settings()
    assert resolved.settings.workers == min(4, os.cpu_count() or 1)
    assert resolved.sources == dict.fromkeys(NAMES, "default")


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(folder: Path) -> None:
    """One setting from each source, and every source over all that are weaker."""
    (folder / "broadsheet.toml").write_text('data = "file"\nhost = "file"\nport = 1\n')
    environ = {"BROADSHEET_HOST": "environment", "BROADSHEET_DATA": "environment", "HOST": "ignored"}
    resolved = resolve({"data": "flag", "workers": None}, environ=environ)
    settings = resolved.settings
    assert (settings.data, settings.host, settings.port, settings.workers) == (
        "flag",
        "environment",
        1,
        Settings().workers,
    )
    assert resolved.sources == {
        **dict.fromkeys(NAMES, "default"),
        "data": "--data",
        "host": "BROADSHEET_HOST",
        "port": "broadsheet.toml",
    }


def test_which_file_is_read(folder: Path) -> None:
    """The one of `--config`, else of `BROADSHEET_CONFIG`, else `broadsheet.toml` if it is there."""
    for port, name in enumerate(("broadsheet.toml", "variable.toml", "flag.toml"), start=1):
        (folder / name).write_text(f"port = {port}")
    environ = {"BROADSHEET_CONFIG": "variable.toml"}
    assert resolve({}, environ={}).settings.port == 1
    assert resolve({}, environ=environ).settings.port == 2
    resolved = resolve({}, config=Path("flag.toml"), environ=environ)
    assert resolved.settings.port == 3
    assert resolved.sources["port"] == "flag.toml"


@pytest.mark.parametrize(
    ("write", "environ", "flags", "message"),
    [
        ("port = 0", {}, {}, "broadsheet.toml: port '0' cannot be used: "),
        ('port = "x"', {}, {}, "broadsheet.toml: port 'x' cannot be used: "),
        ("colour = 1", {}, {}, "broadsheet.toml: there is no setting named colour; see `broadsheet info`"),
        ("[server]\nport = 1", {}, {}, "broadsheet.toml: there is no setting named server; "),
        ("port = ", {}, {}, "broadsheet.toml: cannot be read as TOML: "),
        ("", {"BROADSHEET_PORT": "eighty"}, {}, "BROADSHEET_PORT: port 'eighty' cannot be used: "),
        ("", {"BROADSHEET_CACHE_TTL_S": "0"}, {}, "BROADSHEET_CACHE_TTL_S: cache_ttl_s '0' cannot be used: "),
        ("", {"BROADSHEET_DATA": ""}, {}, "BROADSHEET_DATA: data '' cannot be used: "),
        ("", {"BROADSHEET_CONFIG": "nowhere.toml"}, {}, "nowhere.toml: cannot be read as TOML: "),
        ("port = 1", {"BROADSHEET_PORT": "2"}, {"port": 0}, "--port: port '0' cannot be used: "),
        ("", {}, {"threads": 0}, "--threads: threads '0' cannot be used: "),
    ],
)
def test_what_cannot_be_used_is_named_with_its_source(
    folder: Path, write: str, environ: dict[str, str], flags: dict[str, int], message: str
) -> None:
    """The message begins with where the value stands, and holds the value."""
    if write:
        (folder / "broadsheet.toml").write_text(write)
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}"):
        resolve(flags, environ=environ)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"port = 1\x00", b"[" * 10_000])
def test_a_file_that_is_no_text_is_refused(folder: Path, content: bytes) -> None:
    """Whatever stands in the file, the error is ours and names it."""
    (folder / "broadsheet.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"broadsheet\.toml: cannot be read as TOML"):
        resolve({}, environ={})


def test_secrets_are_never_shown() -> None:
    """An error about a secret does not hold it."""
    assert {"cursor_keys", "redis_url"} == SECRET
    with pytest.raises(SettingsError) as caught:
        resolve({"redis_url": 5, "cursor_keys": 1234567}, environ={})
    assert "1234567" not in str(caught.value)


def test_settings_reach_worker_processes() -> None:
    """The environment made from settings gives the same settings."""
    keys = "1:" + "ab" * 32
    changed = Settings(
        data="elsewhere", port=1, cache_ttl_s=0.5, redis_url="redis://x", cursor_keys=keys, public_reads=False
    )
    for settings in (Settings(), changed):
        assert resolve({}, environ=as_environment(settings)).settings == settings


def test_every_setting_describes_itself() -> None:
    """Each has a line that says what it is."""
    schema = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    assert set(schema) == set(NAMES)
    assert all(member["description"].endswith(".") for member in schema.values())


def test_the_root_is_absolute(folder: Path) -> None:
    """Changing the current folder later does not move the archive."""
    assert Settings(data="x").root == folder / "x"


def test_a_key_is_made_once(folder: Path) -> None:
    """The first start makes a key that only its owner may read; all later ones find the same."""
    first = cursor_keys("", folder)
    path = folder / "cursor.key"
    assert [*first] == [1]
    assert len(first[1]) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert cursor_keys("", folder) == first
    assert path.read_bytes() == before
    assert [found.name for found in folder.iterdir()] == ["cursor.key"]


def test_processes_that_start_together_agree(folder: Path) -> None:
    """However many make the key at the same moment, all use one."""
    for attempt in range(20):
        root = folder / str(attempt)
        root.mkdir()
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda _: cursor_keys("", root), range(8)))  # noqa: B023 - awaited in this turn
        assert all(key == keys[0] for key in keys)
        assert [found.name for found in root.iterdir()] == ["cursor.key"]


def test_keys_from_the_settings(folder: Path) -> None:
    """Several keys by id; no file is read or made."""
    keys = cursor_keys(f"1:{'ab' * 16}, 255:{'CD' * 32}", folder)
    assert keys == {1: b"\xab" * 16, 255: b"\xcd" * 32}
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "setting", ["x", "1:", "1:abcd", "256:" + "ab" * 32, "1:" + "a" * 33, "-1:" + "ab" * 32, "1:" + "zz" * 32, ","]
)
def test_keys_that_cannot_be_used(folder: Path, setting: str) -> None:
    """Wrong keys are refused, from the settings and from the file, without being shown."""
    with pytest.raises(SettingsError, match=r"^cursor_keys: not of the form id:hex") as caught:
        cursor_keys(setting, folder)
    assert setting not in str(caught.value) or len(setting) < 3
    (folder / "cursor.key").write_text(setting)
    with pytest.raises(SettingsError, match=r"cursor\.key: not of the form id:hex"):
        cursor_keys("", folder)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.mkdir(),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.write_bytes(b""),
        lambda path: path.parent.rmdir(),
    ],
)
def test_a_key_file_that_cannot_be_used(folder: Path, spoil: Callable[[Path], object]) -> None:
    """A folder in its place, rubbish, nothing, nowhere to put it: named, never overwritten."""
    path = folder / "archive" / "cursor.key"
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(SettingsError, match=r"cursor\.key"):
        cursor_keys("", path.parent)
    assert (path.read_bytes() if path.is_file() else None) == before
