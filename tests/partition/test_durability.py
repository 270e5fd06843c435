"""Durability: what is put off is made durable in the end, each once, and a failure is told."""

import errno
import gc
import os
import threading
from pathlib import Path

import pytest

from partition.durability import make_durable, together
from partition.envelope import fsync_folder, write_file


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was made durable, in any order."""
    names: list[str] = []
    sync = os.fsync

    def noting(handle: int) -> None:
        names.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        sync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    return names


def _open() -> int:
    gc.collect()  # what other tests have left open is closed now rather than in between
    return len(list(Path("/proc/self/fd").iterdir()))


def _write(folder: Path, *names: str) -> None:
    for name in names:
        write_file(folder / name, b"TEST", 1, name.encode())


def test_each_is_made_durable_once_and_at_the_end(tmp_path: Path, synced: list[str]) -> None:
    """Files and their folder, which is named by each of them; nothing stays open."""
    before = _open()
    with together():
        _write(tmp_path, "a", "b")
        fsync_folder(tmp_path)
        assert synced == []
    assert sorted(synced) == sorted(["a", "b", tmp_path.name])
    assert _open() == before
    _write(tmp_path, "c")
    assert synced[3:] == ["c", tmp_path.name], "afterwards each at once"


def test_what_was_removed_need_not_be(tmp_path: Path, synced: list[str]) -> None:
    """A file that nobody will find again."""
    with together():
        _write(tmp_path, "kept", "gone")
        (tmp_path / "gone").unlink()
    assert sorted(synced) == sorted(["kept", tmp_path.name])


def test_other_threads_wait_for_their_own(tmp_path: Path, synced: list[str]) -> None:
    """What a thread puts off is its own."""
    with together():
        _write(tmp_path, "mine")
        other = threading.Thread(target=_write, args=(tmp_path, "theirs"))
        other.start()
        other.join()
        assert synced == ["theirs", tmp_path.name]


def test_a_failure_is_told_and_ends_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever file it is; the next block begins anew."""
    sync = os.fsync

    def fail(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().name == "b":
            raise OSError(errno.EIO, "input/output error")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fail)
    before = _open()
    with pytest.raises(OSError, match="input/output error"), together():
        _write(tmp_path, "a", "b", "c")
    assert _open() == before
    with together():
        _write(tmp_path, "d")


def test_nothing_is_made_durable_for_what_failed(tmp_path: Path, synced: list[str]) -> None:
    """An error inside the block: what was written is nobody's."""
    with pytest.raises(FileExistsError), together():
        _write(tmp_path, "a", "a")
    assert synced == []
    with (tmp_path / "a").open("rb") as file:
        make_durable(file.fileno())
    assert synced == ["a"]
