"""Promises that are not kept, for more than one harness: what takes the place of a function or a method.

Not here: who puts it there (`replay_harness.py`, `torn_harness.py`, `tests/broadsheet/changed_service.py`).
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from indexer.events import Outcome
from indexer.log_messages import Messages
from partition.envelope import fsync_folder

LINGER_S = 0.15
"""How long a mutant stays in the state in which a death or a reader shows it."""


def forgets_messages() -> dict[str, Callable[..., Any]]:
    """Methods of `Messages` by which what is sent again is done again."""
    adds = Messages.add

    def none(_self: Messages, _message_ids: list[bytes]) -> dict[bytes, Outcome]:
        return {}

    def add(self: Messages, rows: list[Any]) -> None:
        self._db.executemany("DELETE FROM message WHERE message_id = ?", [row[:1] for row in rows])
        adds(self, rows)

    return {"known": none, "add": add}


def write_in_pieces(path: Path, content: bytes) -> None:
    """Like `write_durably`, but the file has its name before it is whole."""
    with path.open("xb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        time.sleep(LINGER_S)
        file.write(content[len(content) // 2 :])
    fsync_folder(path.parent)
