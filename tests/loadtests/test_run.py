"""The command line of the load test: what cannot run says why and how to mend it."""

from pathlib import Path

import pytest

from loadtests.run import main


def test_a_missing_index_is_named_with_the_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and nothing is started or written."""
    assert main(["--data", str(tmp_path / "absent"), "--out", str(tmp_path / "out")]) == 2
    assert "broadsheet index FILE --data DIR" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_server_that_does_not_start_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 2; figures of an older run do not stay behind as if they were of this one."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    (tmp_path / "load.json").write_text("{}", encoding="utf-8")
    command = "/nowhere/broadsheet serve --data {data} --port {port}"
    assert main(["--data", str(tmp_path), "--out", str(tmp_path), "--server-command", command]) == 2
    assert "/nowhere" in capsys.readouterr().err
    assert not (tmp_path / "load.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seconds", "0"],
        ["--seconds", "601"],
        ["--seconds", "nan"],
        ["--rate", "-1"],
        ["--rate", "inf"],
        ["--users", "0"],
    ],
)
def test_figures_out_of_bounds_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the argument's name and the bounds."""
    with pytest.raises(SystemExit, match="2"):
        main(["--data", ".", *arguments])
    assert arguments[0] in capsys.readouterr().err
