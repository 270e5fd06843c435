"""One process against two: the figures are there, and a child that fails is no figure."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.processes import TASKS, main


def test_every_task_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both ways, and the gain is their ratio."""
    out = tmp_path / "made" / "processes.json"
    assert main(["--articles", "60", "--rounds", "1", "--json", str(out)]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report.pop("articles") == 60
    assert list(report) == list(TASKS)
    for found in report.values():
        assert found["one_s"] > 0
        assert found["two_s"] > 0
    loop = report["loop"]  # the others are too short here for three decimals
    assert loop["gain"] == pytest.approx(loop["one_s"] / loop["two_s"], abs=0.02)
    assert len(capsys.readouterr().out.splitlines()) == len(TASKS)


def test_a_child_that_fails_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task is named."""
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(subprocess.CalledProcessError, match="build"):
        main(["--articles", "10"])
