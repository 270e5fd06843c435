"""The tutorial, done as it stands: each line in a fresh folder, in order, with what it prints.

Not here: the guides (`test_guides.py`).
"""

import re
import shutil
from pathlib import Path

import httpx2
import pytest

from tests.commands import REPOSITORY
from tests.shell_lines import Block, Shell, blocks, commands, matches

TUTORIAL = REPOSITORY / "docs" / "tutorial.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial uses curl")
def test_the_tutorial_works_line_by_line(tmp_path: Path) -> None:
    """At its end the page that was promised shows the articles of the file."""
    with Shell(tmp_path) as shell:
        for block in blocks(TUTORIAL):
            if block.not_run is None:
                shell.run(block)
        page = httpx2.get(f"http://127.0.0.1:{shell.port}/?q=harbour").text
    for title in ("Harbour budget approved", "Storm closes the harbour", "Ferries run again"):
        assert title in re.sub("<[^>]+>", "", page)


def test_only_the_installation_is_not_run() -> None:
    """Everything else is."""
    assert [block.not_run for block in blocks(TUTORIAL)].count(None) == len(list(blocks(TUTORIAL))) - 1


@pytest.mark.parametrize(
    ("shown", "printed", "alike"),
    [
        ("a\n", "a\n", True),
        ("a\n", "b\n", False),
        ("a\n", "a\nb\n", False),
        ("a\n...\n", "a\nb\nc\n", True),
        ("...\nc\n", "c\n", True),
        ("a ... c\n", "a b c\n", True),
        ("a ... c\n", "a b\nc\n", False),
        ("...\nc\n", "a\nb\n", False),
    ],
)
def test_what_is_shown_is_compared(shown: str, printed: str, alike: bool) -> None:
    """Three dots are anything: within a line, or lines."""
    assert matches(shown, printed) == alike


def test_commands_of_a_console() -> None:
    """A quotation may go on in the next lines."""
    block = Block(1, "console", "$ echo 'a\n  b'\na\n...\n$ true\n", None, frozenset())
    assert [(one.text, one.shown) for one in commands(block)] == [("echo 'a\n  b'", "a\n...\n"), ("true", "")]
