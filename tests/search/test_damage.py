"""Files damaged or lost under a real server: a wrong answer is never among what comes of it.

Not here: files that a reader refuses, one by one (`tests/partition/`), processes in trouble (`test_faults.py`).
"""

import shutil
import time
from pathlib import Path

import pytest

from indexer.routing import partition_of
from partition.manifest import Layout, read_manifest
from partition.types import Article
from tests.api_server import ApiServer, eventually, problem_of
from tests.archive import PARTITIONS, Archive, copied, publish
from tests.search.faults import QUERY, damage, failed_of, list_of, rot, segment_file, whole_result, without


@pytest.fixture
def own_archive(archive: Archive, tmp_path: Path) -> Path:
    """A copy of the archive for one test to damage."""
    return copied(archive.root, tmp_path / "archive")


def test_damaged_archive_is_not_opened(own_archive: Path) -> None:
    """One bit is enough: not ready, rather than wrong; the log names the file."""
    path = segment_file(own_archive, 3)
    damage(path)
    with ApiServer(own_archive, ready=False) as server:
        eventually(lambda: "epoch cannot be opened" in server.log())
        assert path.name in server.log()
        problem_of(server.client.get("/readyz"), 503, "not-ready")
        problem_of(server.search(QUERY), 503, "not-ready")


def newest_segment(root: Path, partition: int) -> Path:
    """The segment of the newest epoch that no epoch before it had."""
    layout = Layout(root)
    record = read_manifest(layout, layout.newest_epoch()).partitions[partition]
    (name,) = (file.name for file in record.files if file.name == f"{record.generation:010d}-000.segment")
    return layout.partition(partition) / name


@pytest.mark.parametrize("what", ["segment", "manifest", "statistics", "missing segment"])
def test_damaged_newer_epoch_is_passed_over(own_archive: Path, tmp_path: Path, what: str) -> None:
    """The one before goes on answering, however the newer one is damaged; a sound one after it is taken."""
    newer = copied(own_archive, tmp_path / "newer")
    publish(newer, [Article(id=f"late{number}", title="Budget budget") for number in range(60)])
    layout = Layout(newer)
    epoch = layout.newest_epoch()
    manifest = read_manifest(layout, epoch)
    match what:
        case "segment":
            damage(newest_segment(newer, 3))
        case "missing segment":
            newest_segment(newer, 3).unlink()
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


@pytest.mark.parametrize("what", ["segment", "manifest", "statistics", "missing segment"])
def test_a_server_starts_on_the_epoch_before(own_archive: Path, what: str) -> None:
    """Within five seconds of its start, if the newest is damaged; once that is mended it is taken."""
    publish(own_archive, [Article(id=f"late{number}", title="Budget budget") for number in range(60)])
    layout = Layout(own_archive)
    newest = layout.newest_epoch()
    statistics = layout.statistics / read_manifest(layout, newest).statistics_file.name
    segment = newest_segment(own_archive, 3)
    path = {"statistics": statistics, "manifest": layout.manifest(newest)}.get(what, segment)
    sound = path.read_bytes()
    path.unlink() if what == "missing segment" else damage(path)
    with ApiServer(own_archive, ready=False) as server:
        began_s = time.monotonic()
        eventually(lambda: server.client.get("/readyz").status_code == 200)
        assert time.monotonic() - began_s < 5
        assert server.epoch() == 1
        assert f'"epoch": {newest}, "reason": "{path}' in server.log()
        assert len(server.ids({"q": "*"})) == 400
        path.with_name("mended").write_bytes(sound)
        path.with_name("mended").replace(path)
        eventually(lambda: server.epoch() == newest, timeout_s=30)
        assert len(server.ids({"q": "*"})) == 460
        assert server.log().count("epoch cannot be opened") == 1


@pytest.fixture
def rotting(own_archive: Path) -> tuple[Path, Path, int, int]:
    """An archive; a segment in it, its partition, and where in it a byte of the list of "budget" stands.

    The lists lie pages away from all that is read on opening.
    """
    body = " ".join(f"a{number} z{number}" for number in range(5000))
    publish(own_archive, [Article(id="large", title=f"Budget {body[:6000]}", body=body)])
    partition = partition_of("large", PARTITIONS)
    path = segment_file(own_archive, partition)
    return own_archive, path, partition, list_of(path, "text", b"budget")


def test_damage_that_shows_when_it_is_touched(rotting: tuple[Path, Path, int, int]) -> None:
    """Pages that nothing has looked at yet may go bad under a server: the query that needs them says so."""
    root, path, partition, at = rotting
    with ApiServer(root) as server:
        rot(path, at)
        assert failed_of(problem_of(server.search(QUERY), 503, "partial-results")) == {partition: "damaged"}
        assert failed_of(server.page({**QUERY, "allow_partial": "true"})) == {partition: "damaged"}
        assert server.search({"q": "storm"}).status_code == 200, "other words lie elsewhere"
        assert "partition is damaged" in server.log()
        assert path.name in server.log()


def test_suggestions_need_all_partitions(rotting: tuple[Path, Path, int, int]) -> None:
    """Where one is damaged there are none."""
    root, path, _partition, _at = rotting
    with ApiServer(root) as server:
        rot(path, list_of(path, "heading", b"budget"))
        for typed in ("bud", "bud", "budget a"):  # the last of which is no name
            problem_of(server.client.get("/v1/suggest", params={"q": typed}), 503, "partial-results")


def test_damage_that_nobody_touches(rotting: tuple[Path, Path, int, int]) -> None:
    """The scrubber finds it: the partition answers no more, until an epoch brings a sound generation of it."""
    root, path, partition, at = rotting
    with ApiServer(root, scrub_s=0.5) as server:
        assert server.search({"q": "storm"}).status_code == 200
        rot(path, at)
        eventually(lambda: "partition is damaged" in server.log())
        eventually(lambda: "broadsheet_damaged_partitions_total 1.0" in server.client.get("/metrics").text)
        problem = problem_of(server.search({"q": "vote"}), 503, "partial-results")
        assert failed_of(problem) == {partition: "damaged"}
        page = server.page({"q": "vote", "allow_partial": "true"})
        assert failed_of(page) == {partition: "damaged"}
        rot(path, at)  # as it was, but nobody would believe it
        assert server.search({"q": "senate"}).status_code == 503
        sound = publish(root, [Article(id="large", title="Small")], merge=True)
        eventually(lambda: server.epoch() == sound)
        assert server.search({"q": "senate"}).status_code == 200


def test_partial_answer_is_honest_and_not_kept(rotting: tuple[Path, Path, int, int]) -> None:
    """With `allow_partial`: right as far as it goes, marked as a part, not cached; its cursors remember."""
    root, path, _partition, at = rotting
    with ApiServer(root) as server:
        expected = whole_result(server)
    query = {**QUERY, "limit": 10, "allow_partial": "true"}
    with ApiServer(root) as server:
        rot(path, at)
        response = server.search(query)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        part = response.json()
        failed = failed_of(part)
        assert part["coverage"]["complete"] is False
        rest = without(expected, failed)
        assert part["data"] == rest[:10]
        assert part["total"] == {"value": len(rest), "relation": "gte", "unit": "article"}
        # Where an article stands only all partitions together know.
        problem_of(server.search({**query, "explain_id": rest[0]["id"]}), 503, "partial-results")

        rot(path, at)  # as it was
        whole = server.page(query)
        assert whole["coverage"]["complete"]
        assert whole["data"] == expected[:10]
        assert whole["total"] == {"value": len(expected), "relation": "eq", "unit": "article"}

        # Whoever goes on from the part has missed what the lost partition held up to there.
        after = expected[expected.index(rest[9]) + 1 :]
        second = server.client.get(part["page"]["next"])
        assert second.json()["data"] == after[:10]
        assert second.headers["Cache-Control"] == "no-store"
        third = next(server.walk(second.json()))
        back = next(server.walk(third, "prev"))
        for page in (second.json(), third, back):
            assert page["coverage"]["missed"] == sorted(failed)
            assert page["coverage"]["complete"] is False
            assert page["coverage"]["partitions"]["failed"] == []
            assert page["total"]["relation"] == "eq"
        assert back["data"] == second.json()["data"]


def test_epoch_that_vanishes_under_a_server(own_archive: Path) -> None:
    """What is open stays open: searches of all kinds, walks and articles go on."""
    with ApiServer(own_archive) as server:
        expected = whole_result(server)
        first = server.page({**QUERY, "limit": 50})
        for folder in ("epochs", "partitions", "statistics"):
            shutil.rmtree(own_archive / folder)
        assert next(server.walk(first))["data"] == expected[50:100]
        assert server.page({**QUERY, "limit": 77})["data"] == expected[:77]
        assert server.client.get("/v1/articles/n0011").status_code == 200
        assert server.page({"q": "bud*et OR stor*", "limit": 76})["coverage"]["complete"]
