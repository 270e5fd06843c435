"""What is asked most, and that it is there before it is asked again."""

import re
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.builder import InlineBuilder
from indexer.log import EventLog, log_path
from indexer.projection import Projector
from indexer.publisher import IndexerLock, Retention
from search.known import MAX_TARGET_BYTES
from search.popular import MAX_TARGETS, Popular
from search.warming import FILE
from tests.api_server import ApiServer, eventually
from tests.archive import PARTITIONS, Archive, copied

RIVER, STORM, SUGGESTED = "/v1/search?q=river", "/v1/search?q=water&limit=3", "/v1/suggest?q=ri"


def named(number: int) -> bytes:
    """An address of a search."""
    return b"/v1/search?q=%d" % number


def warmed(server: ApiServer) -> int:
    """How many searches were."""
    found = re.search(r"^broadsheet_warmed_searches_total (\S+)$", server.client.get("/metrics").text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def ask(server: ApiServer, address: str) -> str:
    """What the cache says of it."""
    return server.client.get(address).headers["Cache-Status"]


@pytest.fixture
def root(archive: Archive, tmp_path: Path) -> Path:
    """An archive of this test's own."""
    return copied(archive.root, tmp_path / "copy")


def test_it_is_there_after_a_restart(root: Path) -> None:
    """What was asked is computed before anybody asks; look-ups, other pages and refusals are not."""
    with ApiServer(root, warm_searches=50) as server:
        for address in (RIVER, RIVER, STORM, SUGGESTED, "/v1/search?q=river&limit=0"):
            server.client.get(address)
        server.client.get(server.client.get(RIVER).json()["page"]["next"])
    file = root / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [line.split()[1] for line in file.read_text().splitlines()] == [RIVER, STORM]
    with ApiServer(root, warm_searches=50) as server:
        eventually(lambda: warmed(server) == 2)
        assert all("; hit" in ask(server, address) for address in (RIVER, STORM))
        assert "fwd=miss" in ask(server, "/v1/search?q=never")


def test_it_is_there_when_scores_have_changed(root: Path) -> None:
    """All answers are others then."""
    with ApiServer(root, warm_searches=50) as server:
        assert "fwd=miss" in ask(server, RIVER)
        with IndexerLock(root), EventLog(log_path(root), partitions=PARTITIONS) as log:
            log.append_statistics()
            Projector(root, log, InlineBuilder(), retention=Retention()).project()
        eventually(lambda: warmed(server) == 1)
        assert "; hit" in ask(server, RIVER)


def test_nothing_is_warmed_or_written_down_unless_wanted(root: Path) -> None:
    """With 0."""
    with ApiServer(root, warm_searches=0) as server:
        server.client.get(RIVER)
    assert not (root / FILE).exists()


def test_a_folder_that_cannot_be_written_is_no_fault(root: Path) -> None:
    """Nor is a file that makes no sense."""
    (root / FILE).mkdir()
    with ApiServer(root, warm_searches=50) as server:
        assert server.client.get(RIVER).status_code == 200
    assert (root / FILE).is_dir()


def test_the_most_asked_come_first_and_fade() -> None:
    """Halved each time, and gone when there is next to nothing left."""
    popular = Popular()
    for number in range(5):
        for _ in range(number + 1):
            popular.asked(named(number))
    assert popular.most(3) == [named(4), named(3), named(2)]
    for _ in range(2):
        popular.fade()
    assert set(popular.most(10)) == {named(number) for number in range(1, 5)}
    for _ in range(8):
        popular.fade()
    assert popular.most(10) == []


def test_it_is_bounded_and_the_popular_stay() -> None:
    """However many there are."""
    popular = Popular()
    for _ in range(3):
        popular.asked(named(0))
    for number in range(1, 3 * MAX_TARGETS):
        popular.asked(named(number))
    assert len(popular.most(10 * MAX_TARGETS)) <= MAX_TARGETS
    assert popular.most(1) == [named(0)]
    popular.asked(b"/v1/search?q=" + bytes(MAX_TARGET_BYTES))
    assert all(len(target) <= MAX_TARGET_BYTES for target in popular.most(MAX_TARGETS))


def test_processes_share_a_file(tmp_path: Path) -> None:
    """What others asked stays for a while, what is asked here counts as it is."""
    file, one, other, third = tmp_path / FILE, Popular(), Popular(), Popular()
    for _ in range(8):
        one.asked(named(1))
    one.write(file)
    for _ in range(3):
        other.asked(named(2))
    other.write(file)
    third.read(file)
    assert third.most(2) == [named(1), named(2)]
    for _ in range(4):
        other.write(file)
    third = Popular()
    third.read(file)
    assert third.most(2) == [named(2)]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@given(st.binary(max_size=200) | st.lists(st.sampled_from([b"1 ", b"x ", b"nan ", b"/v1/search?q=a", b"\n", b"-3 "])))
def test_whatever_is_in_the_file(content: bytes | list[bytes]) -> None:
    """What makes no sense is left out."""
    with tempfile.TemporaryDirectory() as folder:
        file, popular = Path(folder) / FILE, Popular()
        file.write_bytes(content if isinstance(content, bytes) else b"".join(content))
        popular.read(file)
        assert all(target.startswith(b"/v1/search?") for target in popular.most(10))
        popular.write(file)
