"""Files damaged or lost under a real server: a wrong answer is never among what comes of it.

Not here: files that a reader refuses, one by one (`tests/partition/`), processes in trouble (`test_faults.py`).
"""

import shutil
from functools import partial
from pathlib import Path
from urllib.parse import quote

import httpx2
import numpy as np
import pytest

from indexer.publisher import Retention
from indexer.routing import partition_of
from partition.envelope import HEADER_BYTES
from partition.manifest import Layout, read_manifest
from partition.segment import Segment
from partition.types import Article
from tests.api_server import ApiServer, eventually, problem_of
from tests.archive import PARTITIONS, Archive, publish
from tests.search.faults import QUERY, damage, failed_of, kill, segment_file, whole_result, without


@pytest.fixture
def own_archive(archive: Archive, tmp_path: Path) -> Path:
    """A copy of the archive for one test to damage."""
    return Path(shutil.copytree(archive.root, tmp_path / "archive"))


def test_damaged_archive_is_not_opened(own_archive: Path) -> None:
    """One bit is enough: not ready, rather than wrong; the log names the file."""
    path = segment_file(own_archive, 3)
    damage(path)
    with ApiServer(own_archive, ready=False) as server:
        eventually(lambda: "epoch cannot be opened" in server.log())
        assert path.name in server.log()
        problem_of(server.client.get("/readyz"), 503, "not-ready")
        problem_of(server.search(QUERY), 503, "not-ready")


@pytest.mark.parametrize("what", ["segment", "manifest", "statistics", "missing segment"])
def test_damaged_newer_epoch_is_passed_over(own_archive: Path, tmp_path: Path, what: str) -> None:
    """The one before goes on answering, however the newer one is damaged; a sound one after it is taken."""
    newer = Path(shutil.copytree(own_archive, tmp_path / "newer"))
    publish(newer, [Article(id=f"late{number}", title="Budget budget") for number in range(60)])
    layout = Layout(newer)
    epoch = layout.newest_epoch()
    manifest = read_manifest(layout, epoch)
    match what:
        case "segment":
            damage(segment_file(newer, 3))
        case "missing segment":
            segment_file(newer, 3).unlink()
        case "statistics":
            damage(layout.statistics / manifest.statistics_file.name)
        case "manifest":
            damage(layout.manifest(epoch))
    with ApiServer(own_archive) as server:
        expected = whole_result(server)
        for folder in ("partitions", "statistics", "epochs"):  # the manifest last, as a publisher would
            shutil.copytree(newer / folder, own_archive / folder, dirs_exist_ok=True)
        eventually(lambda: "epoch cannot be opened" in server.log())
        assert server.epoch() == 1
        assert whole_result(server) == expected
        assert server.search({"q": "a query not seen before"}).status_code == 200
        Layout(own_archive).manifest(epoch).unlink()
        for article_id in ("one", "two"):  # the first one has the number of the damaged epoch
            sound = publish(own_archive, [Article(id=article_id, title="Sound")])
        eventually(lambda: server.epoch() == sound)
        assert server.ids({"q": "sound", "sort": "oldest"})


def test_damage_that_shows_when_a_process_is_replaced(own_archive: Path) -> None:
    """The partition is reported as damaged; the others answer as before."""
    with ApiServer(own_archive) as server:
        expected = whole_result(server)
        damage(segment_file(own_archive, 3))
        for victim in server.leaf_processes():
            kill(victim)
        sizes = iter(range(99, 1, -1))

        def refused() -> dict[int, str] | None:
            """What has failed once both processes are back."""
            response = server.search({**QUERY, "limit": next(sizes)})
            failed = failed_of(problem_of(response, 503, "partial-results"))
            return failed if len(failed) == 1 else None

        failed = eventually(refused)
        assert set(failed) == {3}
        assert failed[3].startswith("damaged")
        page = server.page({**QUERY, "allow_partial": "true"})
        assert page["data"] == without(expected, failed)[:100]
        assert failed_of(page) == failed
        for item in expected:
            response = server.client.get("/v1/articles/" + quote(item["id"], safe=""))
            in_damaged = partition_of(item["id"], PARTITIONS) == 3
            assert response.status_code in ({503} if in_damaged else {200, 404}), response.text


def test_damage_that_shows_when_it_is_touched(own_archive: Path) -> None:
    """Pages that nothing has looked at yet may go bad under a server: the query that needs them says so."""
    # Words enough that the list of "budget" lies pages away from all that is read on opening.
    body = " ".join(f"a{number} z{number}" for number in range(5000))
    publish(own_archive, [Article(id="large", title="Budget", body=body)])
    partition = partition_of("large", PARTITIONS)
    path = segment_file(own_archive, partition)
    segment = Segment(path, np.empty(0, np.int64))
    found = segment.term_list("text", b"budget")
    assert found
    at = HEADER_BYTES + 8 * found.row[0]
    with ApiServer(own_archive) as server:
        with path.open("r+b") as file:  # the very file that is mapped
            file.seek(at)
            file.write(bytes([segment.words[found.row[0]].tobytes()[0] ^ 1]))
        failed = failed_of(problem_of(server.search(QUERY), 503, "partial-results"))
        assert set(failed) == {partition}
        assert failed[partition].startswith("damaged")
        assert failed_of(server.page({**QUERY, "allow_partial": "true"})) == failed


def test_epoch_that_vanishes_under_a_server(own_archive: Path) -> None:
    """Refused as a change of the archive, with and without a cursor, until an epoch can be opened."""
    with ApiServer(own_archive) as server:
        following = server.page(QUERY)["page"]["next"]
        late = [Article(id=f"late{number}", title="Other") for number in range(60)]
        epoch = publish(own_archive, late, retention=Retention(0))
        eventually(lambda: server.epoch() == epoch)
        shutil.rmtree(own_archive / "epochs")
        for victim in server.leaf_processes():
            kill(victim)
        for address in (following, "/v1/search?q=budget", "/v1/articles/n0011"):
            response = eventually(partial(_refused_as_changed, server, address))
            problem_of(response, 503, "overloaded")
            assert int(response.headers["Retry-After"]) >= 1


def _refused_as_changed(server: ApiServer, address: str) -> httpx2.Response | None:
    response = server.client.get(address)
    assert response.status_code == 503, response.text
    return response if "changed" in response.text else None
