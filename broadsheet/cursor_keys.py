"""The secrets that sign cursors: from the settings, else made at first start and kept beside the archive.

Contract: a single machine needs no configuration; replicas share `BROADSHEET_CURSOR_KEYS`. The file is readable by
its owner only and is never overwritten.

Not here: signing (`search/cursor.py`).
"""

import contextlib
import os
import re
import secrets
import tempfile
from pathlib import Path

from broadsheet.settings import SettingsError

KEY_BYTES = 32
_ONE = re.compile(r"(\d{1,3}):([0-9a-fA-F]{32,})")


def cursor_keys(setting: str, root: Path) -> dict[int, bytes]:
    """Secrets by key id.

    Args:
        setting: `id:hex,id:hex`, or empty.
        root: the data folder, where `cursor.key` is kept.

    Raises:
        SettingsError: the setting or the file cannot be used.
    """
    if setting:
        return _parse(setting, "cursor_keys")
    path = root / "cursor.key"
    try:
        if not path.exists():
            _make(path)
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingsError(f"{path} cannot be used ({error.strerror}); set BROADSHEET_CURSOR_KEYS") from None
    return _parse(text.strip(), str(path))


def _make(path: Path) -> None:
    """Make the file whole or not at all: several processes may start at once, and must agree."""
    handle, aside = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(f"1:{secrets.token_hex(KEY_BYTES)}\n")
    with contextlib.suppress(FileExistsError):
        os.link(aside, path)  # unlike a rename, refuses an existing name
    Path(aside).unlink()


def _parse(text: str, source: str) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for part in text.split(","):
        match = _ONE.fullmatch(part.strip())
        if not match or int(match[1]) > 255 or len(match[2]) % 2:
            raise SettingsError(
                f"{source}: not of the form id:hex,id:hex with ids up to 255 and at least 32 hex digits each"
            )
        keys[int(match[1])] = bytes.fromhex(match[2])
    return keys
