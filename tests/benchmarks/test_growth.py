"""Growth: that every figure is there for every size, and that what is measured is what is said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.growth import building
from benchmarks.growth.__main__ import main
from benchmarks.growth.sampling import MEAN_WORDS, SEED, write_parts
from benchmarks.growth.searching import CLASSES
from indexer.sample import generate

SIZES = (60, 120)
LATENCY = {"mean_ms", "p50_ms", "p95_ms", "p99_ms"}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told by Linux only")
def test_every_size_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Build, footprint, memory, opening, and each class with and without a total; larger archives match more."""
    out, picture = tmp_path / "out" / "growth.json", tmp_path / "out" / "growth.png"
    options = ["--asked", "6", "--partitions", "2", "--json", str(out), "--plot", str(picture)]
    assert main(["--sizes", ",".join(map(str, reversed(SIZES))), *options]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["questions"] == dict.fromkeys(CLASSES, 6)
    assert MEAN_WORDS <= report["words"] < 1.1 * MEAN_WORDS
    smaller, larger = report["sizes"]
    for size, articles in zip(report["sizes"], SIZES, strict=True):
        assert size["articles"] == articles
        assert size["build_articles_per_s"] == pytest.approx(articles / size["build_s"], rel=0.01)
        assert size["segments"] == 2
        assert 0 < size["start_mb"] < size["anon_mb"]
        assert min(size[name] for name in ("peak_mb", "open_ms")) > 0
        assert list(size["classes"]) == list(CLASSES)
        for kind in CLASSES:
            found = size["classes"][kind]
            assert found.keys() == {"matches", "none", "exact"}
            assert set(found["none"]) == set(found["exact"]) == LATENCY
    assert all(smaller[name] < larger[name] for name in ("input_bytes", "index_bytes", "log_bytes"))
    assert all(
        1 <= smaller["classes"][kind]["matches"] <= larger["classes"][kind]["matches"] for kind in ("and", "or")
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.lstrip().startswith(("60 ", "120 "))] == ["60", "120"] * 2
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_failed_build_is_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that failed is said."""
    monkeypatch.setattr(building, "_BROADSHEET", (sys.executable, "-c", "raise SystemExit(3)"))
    out = tmp_path / "growth.json"
    assert main(["--sizes", "3", "--json", str(out)]) == 1
    assert "non-zero exit status 3" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("sizes", ["", "0", "10,", "10,-1", "many"])
def test_sizes_are_numbers(sizes: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is named before any work is done."""
    with pytest.raises(SystemExit) as ended:
        main(["--sizes", sizes])
    assert ended.value.code == 2
    assert "is not a number of at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(("start", "stop", "processes"), [(0, 7, 3), (4, 6, 2), (3, 4, 2), (5, 5, 2)])
def test_parts_hold_the_articles_that_one_process_would_write(
    tmp_path: Path, start: int, stop: int, processes: int
) -> None:
    """In the order of their numbers, whoever wrote them."""
    parts = write_parts(tmp_path, start, stop, processes)
    assert len(parts) == min(processes, stop - start)
    written = [json.loads(line) for part in parts for line in part.read_text(encoding="utf-8").splitlines()]
    assert written == list(generate(stop - start, SEED, MEAN_WORDS, start))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told by Linux only")
def test_the_memory_of_a_command_is_that_of_its_processes_together() -> None:
    """Those of its children count, and mapped files do not."""
    held = "held = b'x' * 60_000_000; print(flush=True); input()"
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin
        assert running.stdout
        running.stdout.readline()
        assert building.anonymous_mb(running.pid) < 60
        assert 60 < building._family_mb(running.pid) < 120
        running.stdin.write(b"\n")
    assert building._family_mb(running.pid) == 0.0
