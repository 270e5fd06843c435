"""The guides, done as they stand: each line in a fresh folder, in order, with what it prints.

What a page needs is there before: an archive of made-up articles, a server on it, a Redis, a crawl.

Not here: the tutorial (`test_tutorial.py`).
"""

import re
import shutil
from pathlib import Path

import pytest

from indexer.log import log_path
from tests.archive import copied
from tests.commands import REPOSITORY, run
from tests.indexer.crawl_harness import page, record
from tests.shell_lines import Shell, blocks

GUIDES = sorted((REPOSITORY / "docs" / "howto").glob("*.md"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of 300 made-up articles."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "sample.jsonl").write_text(run("sample", "--articles", "300").stdout, encoding="utf-8")
    done = run("index", folder / "sample.jsonl", "--data", folder / "archive", "--builders", "1")
    assert done.returncode == 0, done.stderr
    assert log_path(folder / "archive").exists()
    return folder / "archive"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guides use curl")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_works_line_by_line(
    guide: Path, tmp_path: Path, sample: Path, request: pytest.FixtureRequest
) -> None:
    """All but the blocks that say why not."""
    told = list(blocks(guide))
    needs = frozenset[str]().union(*(block.needs for block in told))
    redis = request.getfixturevalue("redis_url") if "redis" in needs else ""
    with Shell(tmp_path, redis) as shell:
        if needs & {"archive", "server"}:
            copied(sample, shell.folder / "archive")
        if "crawl" in needs:
            (shell.folder / "crawls").mkdir()
            (shell.folder / "crawls" / "gazette.warc").write_bytes(
                record("http://gazette.example/1", page("The council voted"))
            )
        serves = False
        for block in told:
            if "server" in block.needs and not serves:
                serves = True
                shell.serve("broadsheet serve --data archive")
            if block.not_run is None:
                shell.run(block)


def test_each_guide_is_for_a_task() -> None:
    """They are listed in the index of the documentation, and are short."""
    listed = re.findall(r"\(howto/([\w-]+)\.md\)", (REPOSITORY / "docs" / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == [guide.stem for guide in GUIDES]
    for guide in GUIDES:
        assert len(guide.read_text(encoding="utf-8").splitlines()) < 120
