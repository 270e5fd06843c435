"""Commands of the project for tests: processes of their own, whether the package is installed or not.

Contract: nothing of the developer's settings reaches them, neither variables nor a settings file in the current
folder. They find the rooms of this checkout.

Not here: the server (`api_server.py`).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
BROADSHEET = (sys.executable, "-P", "-c", "from broadsheet.cli import main; main()")
WITHOUT_SCIPY = REPOSITORY / "tests" / "without_scipy"
"""Only benchmarks need SciPy, and users have none. Where it is, Numba looks into it: that takes a fifth of a second
whenever a process starts, and tests start many."""
TIMEOUT_S = 120


def environment(**settings: object) -> dict[str, str]:
    """The environment of a command with these settings (`BROADSHEET_*`)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BROADSHEET_")}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(REPOSITORY), str(WITHOUT_SCIPY), kept.get("PYTHONPATH"))))
    return kept | {f"BROADSHEET_{name.upper()}": str(value) for name, value in settings.items()}


def start(*arguments: str | Path, **settings: object) -> "subprocess.Popen[bytes]":
    """Start `broadsheet` as the leader of a process group of its own; all its streams are pipes."""
    return subprocess.Popen(
        [*BROADSHEET, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**settings),
        cwd=tempfile.gettempdir(),
        start_new_session=True,
    )


def run(
    *arguments: str | Path, stdin: bytes = b"", folder: Path | None = None, **settings: object
) -> "subprocess.CompletedProcess[str]":
    """Run `broadsheet` to its end, in `folder` if that matters."""
    finished = subprocess.run(
        [*BROADSHEET, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env=environment(**settings),
        cwd=folder or tempfile.gettempdir(),
        timeout=TIMEOUT_S,
        check=False,
    )
    return subprocess.CompletedProcess(
        finished.args, finished.returncode, finished.stdout.decode(), finished.stderr.decode()
    )
