"""A newest epoch that is damaged, under the whole service: it answers, takes writes, and says what to do.

Not here: how they are made bad at random (`bad_epoch_harness.py`), servers alone (`tests/search/test_damage.py`),
building (`tests/indexer/test_damaged_generations.py`).
"""

from pathlib import Path

import httpx2
import pytest

from partition.manifest import Layout, read_manifest
from tests.api_server import ApiServer, eventually
from tests.broadsheet.bad_epoch_harness import epochs
from tests.commands import run
from tests.search.faults import damage

BACK_S = 20.0
"""The indexer is started again every five seconds at most; starting takes some, on a busy machine."""


def _serving(root: Path) -> ApiServer:
    return ApiServer(root, ready=False, indexer=True, builders=1)


def _put(server: ApiServer, article_id: str) -> httpx2.Response:
    return server.client.put(f"/v1/articles/{article_id}?wait=searchable", content=b'{"title": "A title"}')


@pytest.mark.parametrize("what", ["manifest", "segment"])
def test_a_damaged_epoch_is_rolled_back_by_one_command(tmp_path: Path, what: str) -> None:
    """Until then the epoch before answers, and writes wait in the log; afterwards everything is there, by itself."""
    with _serving(tmp_path) as server:
        eventually(lambda: server.client.get("/livez").status_code == 200)
        for article_id in ("first", "second"):
            eventually(lambda: _put(server, article_id).status_code == 200)  # noqa: B023 - at once
    layout = Layout(tmp_path)
    newest = layout.newest_epoch()
    manifest = layout.manifest(newest)
    before, after = (read_manifest(layout, epoch) for epoch in (newest - 1, newest))
    (changed,) = (
        layout.partition(partition) / record.files[-1].name
        for partition, record in enumerate(after.partitions)
        if record != before.partitions[partition]
    )
    damage(manifest if what == "manifest" else changed)
    with _serving(tmp_path) as server:
        eventually(lambda: server.client.get("/readyz").status_code == 200)
        assert server.epoch() == newest - 1
        written = server.client.put("/v1/articles/third", content=b'{"title": "A title"}')
        assert written.status_code == 202
        eventually(lambda: '"event": "the indexer ends"' in server.log())
        assert str(manifest if what == "manifest" else changed) in server.log()
        assert len(server.ids({"q": "*"})) == 1
        back = run("rollback", "--data", tmp_path)
        assert back.returncode == 0, back.stderr
        assert f"epoch {newest + 1} is what epoch {newest - 1} was: 1 articles" in back.stdout
        assert str(manifest if what == "manifest" else changed) in back.stdout
        eventually(lambda: server.client.get(written.headers["Location"]).json()["status"] == "succeeded")
        assert sorted(server.ids({"q": "*", "min_seq": written.json()["min_seq"]})) == ["first", "second", "third"]


def test_bad_epochs_are_never_answered_from(tmp_path: Path) -> None:
    """Damaged at random, or not what the log says; `python -m tests.broadsheet.bad_epoch_harness` makes more."""
    *_, figures = epochs(tmp_path / "archive", count=8, seed=2)
    assert figures.epochs.total() == 8
    assert len(figures.epochs) > 2


@pytest.mark.parametrize("mutant", ["damage-unseen", "miscounts-published"])
def test_a_service_that_takes_bad_epochs_is_found_out(tmp_path: Path, mutant: str) -> None:
    """Within a few of them."""
    with pytest.raises(AssertionError):
        list(epochs(tmp_path / "archive", count=8, seed=2, mutant=mutant))
