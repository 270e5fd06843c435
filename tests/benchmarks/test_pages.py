"""What is measured and shown of the pages: on a small archive, in a real browser.

Not here: the pages themselves (`tests/broadsheet/test_page_in_a_browser.py`).
"""

import struct
import sys
from pathlib import Path

import pytest

from benchmarks import operations, page, pictures
from tests.archive import Archive
from tests.browser import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: as root, apt-get install chromium")


def test_a_visit_is_measured(archive: Archive) -> None:
    """All that the browser says of it, and how soon typing finds something."""
    figures = page.measure(archive.root, rounds=1)
    assert figures["articles"] == len(archive.articles)
    assert figures["requests"]["most"] == 3
    assert 0 < figures["html_bytes"]["p50"] < figures["bytes"]["p50"] < 100_000
    assert 0 < figures["first_byte_ms"]["p50"] <= figures["painted_ms"]["p50"]
    assert figures["typed_ms"]["p50"] > 150, "it waits for the next key so long"


def test_figures_of_operations_are_compared(archive: Archive) -> None:
    """While articles arrive: they move, and are those of the API."""
    figures = operations.measure(archive.root, rate=100, seconds=3)
    assert figures["sent"] == 300
    assert figures["shown"] == figures["right"] == len(archive.articles) + 300
    assert figures["looks_wrong"] == 0 < figures["looks_compared"]
    assert figures["numbers_of_articles_shown"] > 1
    assert figures["events_per_s_shown"] > 0


def test_pictures_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every page, as large as they should be."""
    monkeypatch.setattr(sys, "argv", ["pictures", "--out", str(tmp_path), "--articles", "300", "--watched-s", "1.5"])
    assert pictures.main() == 0
    sizes = {path.stem: struct.unpack(">II", path.read_bytes()[16:24]) for path in tmp_path.glob("*.png")}
    wide = ("search", "suggestions", "dark", "article", "operations")
    assert sizes == {**dict.fromkeys(wide, pictures.WIDE), "narrow": pictures.PHONE}
