"""The shell lines of the documentation, found and run.

Blocks of `sh` are lines to paste; blocks of `console` show lines after `$ `, and what they print, where `...` is
anything: within a line, or as many lines as it likes. Comments in the page say what its lines need, and which are not
run:

    <!-- needs: archive server redis crawl -->     before the first of them that needs it
    <!-- not run: REASON -->                       before the block

Contract: the blocks of a page run in order, in a folder of their own, in which nothing was before. Nothing of the
developer's settings reaches them. A line that begins with `broadsheet serve` goes on while the next ones run.

Not here: which pages (`test_tutorial.py`, `test_guides.py`), links (`test_docs.py`).
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tests.api_server import START_TIMEOUT_S, eventually, free_port
from tests.commands import BROADSHEET, environment

LANGUAGES = ("sh", "console")
SHOWN_PORT, SHOWN_REDIS = "8000", "redis://localhost:6379/0"
"""Of the pages; real ones take their place."""
_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?^```(?P<language>sh|console)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_NEEDS = re.compile(r"^<!-- needs: ([a-z ]+) -->$", re.MULTILINE)
_SERVES = re.compile(r"^(?:[A-Z_]+=\S+ )*broadsheet serve [^&]*$", re.MULTILINE)
_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a page."""

    line: int
    """Where it begins in the page."""
    language: str
    text: str
    not_run: str | None
    """Why."""
    needs: frozenset[str]
    """What must be there, by all comments so far."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and what it prints, if that is shown."""

    text: str
    shown: str | None = None


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of shell lines of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        before = text[: found.start("text")]
        needs = {name for names in _NEEDS.findall(before) for name in names.split()}
        yield Block(before.count("\n"), found["language"], found["text"], found["reason"], frozenset(needs))


def commands(block: Block) -> list[Command]:
    """What is run of a block: all of it at once, or what stands after each `$ `."""
    if block.language == "sh":
        return [Command(block.text)]
    told: list[Command] = []
    lines = block.text.splitlines()
    while lines:
        assert lines[0].startswith("$ "), f"line {block.line}: {lines[0]!r} does not begin with `$ `"
        typed = lines.pop(0)[2:]
        while not _is_whole(typed):
            typed += "\n" + lines.pop(0)
        shown = []
        while lines and not lines[0].startswith("$ "):
            shown.append(lines.pop(0))
        told.append(Command(typed, "".join(f"{line}\n" for line in shown)))
    return told


def _is_whole(typed: str) -> bool:
    try:
        shlex.split(typed)
    except ValueError:  # a quotation goes on in the next line, or the line itself does
        return False
    return not typed.endswith("\\")


def matches(shown: str, printed: str) -> bool:
    """Whether this was printed, as it is shown."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in shown.splitlines()
    )
    return re.fullmatch(pattern, printed if printed.endswith("\n") else f"{printed}\n") is not None


class Shell:
    """A folder in which the lines of a page are run.

    Args:
        folder: empty.
        redis_url: what takes the place of the Redis of the pages.
    """

    def __init__(self, folder: Path, redis_url: str = "") -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.port = free_port()
        self._redis_url = redis_url
        programs = folder / "bin"
        programs.mkdir()
        (programs / "broadsheet").write_text(f'#!/bin/sh\nexec {shlex.join(BROADSHEET)} "$@"\n', encoding="utf-8")
        (programs / "python3").symlink_to(sys.executable)
        (programs / "broadsheet").chmod(0o755)
        own = environment(port=self.port, workers=1, threads=2, warm_searches=0, builders=1)
        self._environment = {**own, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        self._servers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End what serves."""
        while self._servers:
            server = self._servers.pop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)

    def run(self, block: Block) -> None:
        """Run a block; each of its commands must succeed, and print what is shown."""
        for command in commands(block):
            text = command.text.replace(f":{SHOWN_PORT}", f":{self.port}")
            text = text.replace(SHOWN_REDIS, self._redis_url or SHOWN_REDIS)
            if _SERVES.search(text):
                self.serve(text)
                continue
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if command.shown else None,
                timeout=_TIMEOUT_S,
                check=False,
            )
            printed = done.stdout.decode()
            assert done.returncode == 0, f"line {block.line}: {text}\nended with {done.returncode}:\n{printed}"
            if command.shown:
                assert matches(command.shown, printed), f"line {block.line}: {text}\nprinted:\n{printed}"

    def serve(self, text: str) -> None:
        """Run a command that serves, until the end of the page."""
        self.stop()
        server = subprocess.Popen(
            ["bash", "-c", text],
            cwd=self.folder,
            env=self._environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
        )
        self._servers.append(server)

        def ready() -> bool:
            assert server.poll() is None, f"{text} has ended"
            with contextlib.suppress(httpx2.TransportError):
                return httpx2.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200
            return False

        eventually(ready, timeout_s=START_TIMEOUT_S)
