"""How kernels are compiled: once, ahead, into a folder that is ours alone, whoever starts at the same time.

Processes that must compile do so with a small copy of the package, so that it takes little time.

Not here: what kernels compute.
"""

import ast
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numba import types

import partition.kernels
from partition.kernels import jit
from partition.kernels.jit import Kernel, load_kernels
from tests.commands import environment

SOURCES = Path(partition.kernels.__file__).parent

_CALLEE = """
from partition.kernels.jit import inlined

@inlined
def changed(number):
    return {factor} * number
"""
_CALLER = """
from partition.kernels.callee import changed
from partition.kernels.jit import i64, kernel

@kernel(i64(i64))
def caller(number):
    return changed(number)
"""
_CALL = """
from partition.kernels.caller import caller
print(caller(10), sum(caller.compiled.stats.cache_hits.values()), sum(caller.compiled.stats.cache_misses.values()))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A package `partition.kernels` of three modules, one of which calls another."""
    package = tmp_path / "copy" / "partition" / "kernels"
    package.mkdir(parents=True)
    for name in ("__init__.py", "jit.py"):
        shutil.copy(SOURCES / name, package)
    (package / "caller.py").write_text(_CALLER)
    (package / "callee.py").write_text(_CALLEE.format(factor=2))
    return package


def _start(path: Path, code: str, kernels: Path) -> "subprocess.Popen[str]":
    variables = environment(kernels=kernels) | {"PYTHONPATH": str(path)}
    return subprocess.Popen(
        [sys.executable, "-P", "-B", "-c", code],
        env=variables,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _answer(process: "subprocess.Popen[str]") -> str:
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return said.strip()


def _files(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_a_kernel_is_compiled_once_and_again_when_any_source_changes(copy: Path, tmp_path: Path) -> None:
    """Also when only a function that it calls has changed, in another file: Numba alone would give the old result."""
    kernels, path = tmp_path / "kernels", copy.parents[1]
    assert _answer(_start(path, _CALL, kernels)) == "20 0 1"
    (first,) = kernels.iterdir()
    before = _files(kernels)
    assert _answer(_start(path, _CALL, kernels)) == "20 1 0"
    assert _files(kernels) == before, "nothing was compiled again"
    (copy / "callee.py").write_text(_CALLEE.format(factor=3))
    assert _answer(_start(path, _CALL, kernels)) == "30 0 1"
    (copy / "callee.py").write_text(_CALLEE.format(factor=2))
    assert _answer(_start(path, _CALL, kernels)) == "20 1 0", "the first is still there"
    assert first in kernels.iterdir()
    assert len(list(kernels.iterdir())) == 2


@pytest.mark.parametrize(
    "flags", [{"BOUNDSCHECK": "1"}, {"OPT": "1"}, {"CPU_NAME": "generic", "CPU_FEATURES": ""}], ids=" ".join
)
def test_what_is_compiled_otherwise_has_a_folder_of_its_own(
    flags: dict[str, str], copy: Path, tmp_path: Path
) -> None:
    """Numba alone would load what was compiled without checks of bounds, or compile for another processor later."""
    kernels, path = tmp_path / "kernels", copy.parents[1]
    code = f"import os; os.environ |= { {f'NUMBA_{name}': text for name, text in flags.items()} }{_CALL}"
    assert _answer(_start(path, _CALL, kernels)) == "20 0 1"
    assert _answer(_start(path, code, kernels)) == "20 0 1"
    assert _answer(_start(path, _CALL, kernels)) == "20 1 0"
    assert len(list(kernels.iterdir())) == 2


def test_another_installation_compiles_ahead_too(copy: Path, tmp_path: Path) -> None:
    """Numba takes nothing from the first, though the files are the same: that must not come out in a request."""
    kernels, path = tmp_path / "kernels", copy.parents[1]
    code = f"from partition.kernels.caller import caller; print(caller._compiled is None){_CALL}"
    other = Path(shutil.copytree(path, tmp_path / "other"))
    assert [_answer(_start(one, code, kernels)) for one in (path, other)] == ["False\n20 0 1", "False\n20 0 1"]
    assert [_answer(_start(one, code, kernels)) for one in (path, other)] == ["True\n20 1 0", "True\n20 1 0"]


def test_what_was_compiled_is_loaded_when_it_is_called(copy: Path, tmp_path: Path) -> None:
    """And not by processes that only import it."""
    kernels, path = tmp_path / "kernels", copy.parents[1]
    code = "from partition.kernels.caller import caller; print(caller._compiled is None)"
    assert [_answer(_start(path, code, kernels)) for _ in range(2)] == ["False", "True"]


def test_kernels_of_other_versions_are_removed(copy: Path, tmp_path: Path) -> None:
    """A month after they were used last, and nothing else that lies there."""
    kernels, path = tmp_path / "kernels", copy.parents[1]
    _answer(_start(path, _CALL, kernels))
    (first,) = kernels.iterdir()
    recent, other = kernels / first.name[::-1], kernels / "not ours"
    recent.mkdir()
    other.mkdir()
    for old in (first, other):
        os.utime(old, (0, 0))
    (copy / "callee.py").write_text(_CALLEE.format(factor=3))
    assert _answer(_start(path, _CALL, kernels)) == "30 0 1"
    assert not first.exists()
    assert recent.exists()
    assert other.exists()


def test_a_read_only_install(copy: Path, tmp_path: Path) -> None:
    """Nothing is written beside the sources."""
    before = sorted(copy.rglob("*"))
    for file in (*before, copy):
        file.chmod(0o555)
    assert _answer(_start(copy.parents[1], _CALL, tmp_path / "kernels")) == "20 0 1"
    assert sorted(copy.rglob("*")) == before


def test_what_one_process_compiles_others_wait_for(copy: Path, tmp_path: Path) -> None:
    """However many start at once with an empty folder."""
    processes = [_start(copy.parents[1], _CALL, tmp_path / "kernels") for _ in range(6)]
    assert sorted(_answer(process) for process in processes) == ["20 0 1"] + 5 * ["20 1 0"]


def test_several_processes_start_at_once(tmp_path: Path) -> None:
    """With an empty folder, all of them work, and what they leave behind is sound."""
    code = (
        "import numpy as np; from partition.kernels.terms import lower_bound;"
        "print(lower_bound(np.frombuffer(b'aabb', np.uint8), np.array([1, 3, 4], np.uint32), 0, 3,"
        " np.frombuffer(b'b', np.uint8)))"
    )
    processes = [_start(SOURCES.parents[1], code, tmp_path / "kernels") for _ in range(4)]
    assert [_answer(process) for process in processes] == ["2"] * 4
    before = _files(tmp_path)
    assert _answer(_start(SOURCES.parents[1], code, tmp_path / "kernels")) == "2"
    assert _files(tmp_path) == before


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, where kernels go as a last resort."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder / f"broadsheet-kernels-{os.getuid()}"


def _last_resort() -> Path:
    with pytest.warns(UserWarning, match="set BROADSHEET_KERNELS to a folder of your own"):
        return jit.cache_folder()


def test_the_folder_is_the_one_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variable, else in the user's cache folder; it is made, for its owner alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("BROADSHEET_KERNELS", str(tmp_path / "chosen"))
    assert jit.cache_folder().parent == tmp_path / "chosen"
    monkeypatch.delenv("BROADSHEET_KERNELS")
    assert jit.cache_folder().parent == tmp_path / "cache" / "broadsheet" / "kernels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = jit.cache_folder()
    assert folder.parent == tmp_path / "home" / ".cache" / "broadsheet" / "kernels"
    assert [place.stat().st_mode & 0o777 for place in (folder, folder.parent)] == [0o700, 0o700]
    (tmp_path / "link").symlink_to(tmp_path / "chosen")
    monkeypatch.setenv("BROADSHEET_KERNELS", str(tmp_path / "link"))
    assert jit.cache_folder().parent == tmp_path / "chosen"


def test_the_folder_is_named_for_all_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another byte in any of them, another name of one, another version of Numba: another folder."""
    shutil.copytree(SOURCES, tmp_path / "sources")
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "sources" / "jit.py"))
    names = {jit._digest()}
    for path in sorted((tmp_path / "sources").glob("*.py")):
        path.write_bytes(path.read_bytes() + b"\n")
        names.add(jit._digest())
    (tmp_path / "sources" / "terms.py").rename(tmp_path / "sources" / "texts.py")
    names.add(jit._digest())
    monkeypatch.setattr("numba.__version__", "0.0")
    names.add(jit._digest())
    assert len(names) == len(list(SOURCES.glob("*.py"))) + 3


def test_a_folder_that_cannot_be_used_is_passed_over(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below a file there is no folder: the temporary one is taken, else one of the process's own."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("BROADSHEET_KERNELS", str(tmp_path / "file" / "kernels"))
    assert jit.cache_folder().parent == temporary
    shutil.rmtree(temporary)
    temporary.touch()
    own = _last_resort()
    assert own != _last_resort()
    assert own.parent == temporary.parent
    assert own.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("level", ["place", "folder"])
def test_a_folder_that_others_may_write_to_is_passed_over(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    """Whoever writes there chooses what code runs; the folder around it counts as much."""
    monkeypatch.setenv("BROADSHEET_KERNELS", str(tmp_path / "kernels"))
    folder = jit.cache_folder()
    open_to_all = folder if level == "folder" else folder.parent
    for mode in (0o770, 0o707, 0o722):
        open_to_all.chmod(mode)
        assert jit.cache_folder() == temporary / folder.name
    open_to_all.chmod(0o755)
    assert jit.cache_folder() == folder


def test_a_folder_of_somebody_else_is_passed_over(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it can be written to."""
    monkeypatch.setenv("BROADSHEET_KERNELS", str(tmp_path / "kernels"))
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert _last_resort().parent == temporary.parent


def test_no_link_is_followed_from_the_temporary_folder(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever left it there could let it point elsewhere later."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("BROADSHEET_KERNELS", str(tmp_path / "file" / "kernels"))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    temporary.symlink_to(tmp_path / "elsewhere")
    assert _last_resort().parent == temporary.parent
    assert not list((tmp_path / "elsewhere").iterdir())


def _is_kernel(value: Any, module: ModuleType) -> bool:
    return isinstance(value, Kernel) and value.name.startswith(f"{module.__name__}.")


_MODULES: list[ModuleType] = [
    pkgutil.resolve_name(f"partition.kernels.{found.name}") for found in pkgutil.iter_modules([str(SOURCES)])
]
_KERNELS: dict[str, Any] = {
    name: value for module in _MODULES for name, value in vars(module).items() if _is_kernel(value, module)
}


def _declared(module: ModuleType) -> list[str]:
    """The functions of a module under `@kernel`, by its source."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [
        one.name for one in functions if any(ast.unparse(mark).startswith("kernel(") for mark in one.decorator_list)
    ]


def test_every_kernel_is_looked_at() -> None:
    """What a source declares is found, whoever imports its module."""
    assert len(_MODULES) == len(list(SOURCES.glob("*.py"))) - 1
    declared = [name for module in _MODULES for name in _declared(module)]
    assert sorted(declared) == sorted(_KERNELS)
    assert {"encode_terms", "merge_runs", "read_list", "lower_bound", "tokenize", "rank_matches"} <= set(declared)


def test_kernels_are_compiled_ahead_for_one_signature() -> None:
    """And run without the GIL, but for brief ones, in strict floating point, and return nothing to be unpickled."""
    load_kernels()
    for name, one in _KERNELS.items():
        kernel = one.compiled
        assert len(kernel.signatures) == 1
        assert kernel.targetoptions["nogil"] == (name != "lower_bound")
        assert not kernel.targetoptions.get("fastmath")
        assert isinstance(kernel.nopython_signatures[0].return_type, types.Number | types.Boolean | types.NoneType)


def test_a_call_with_other_types_compiles_nothing() -> None:
    """It raises TypeError instead, so that no request can wait for a compiler."""
    keys, ends, text = np.zeros(1, np.uint8), np.ones(1, np.uint32), np.zeros(1, np.uint8)
    lower_bound = _KERNELS["lower_bound"]
    assert lower_bound(keys, ends, 0, 1, text) == 0
    for wrong in (
        (keys, ends.astype(np.int64), 0, 1, text),
        (keys[::2].reshape(1, 1), ends, 0, 1, text),
        (keys, ends),
    ):
        with pytest.raises(TypeError):
            lower_bound(*wrong)
    assert len(lower_bound.compiled.signatures) == 1
