"""Compiles all kernels ahead, two at a time: `python -m partition.compiling`.

Contract: afterwards no process of this version compiles anything. What is compiled already takes some seconds. Exit
status 1, and what was said, if a kernel cannot be compiled.

Not here: where they are kept, and what is compiled when nobody has done this (`kernels/jit.py`).
"""

import os
import pkgutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from partition import kernels


def main() -> int:
    """Let two processes import all modules that have kernels; returns the exit status."""
    names = [f"{kernels.__name__}.{found.name}" for found in pkgutil.iter_modules(kernels.__path__)]
    # Most of the time goes into one chain of kernels that contain each other: a third process would only wait.
    chain = f"{kernels.__name__}.sharing"
    others = ", ".join(name for name in names if name != chain)
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as side_by_side:
        return int(any(side_by_side.map(_imported, (chain, others))))


def _imported(modules: str) -> int:
    command = [sys.executable, "-P", "-c", f"import {modules}"]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own modules


if __name__ == "__main__":
    sys.exit(main())
