"""How kernels are compiled: ahead of the first call, once per installation, into a folder of their own.

Contract: a function under `kernel(signature)` is compiled when its module is imported, if the folder does not have it
yet, and never again: a call with other types raises TypeError. So a request cannot compile anything. Loading one from
the folder takes some milliseconds: that is done when it is first called, or before by `load_kernels`, since no
process calls them all. `inlined` functions are compiled into the kernels that call them. The folder is
`BROADSHEET_KERNELS`, else `broadsheet/kernels` in the user's cache folder, else one in the system's temporary folder;
below it, the name is a digest of all kernel sources, their place, the processor and how they are compiled, since
Numba looks only at the file of the outermost function; what has not been used for a month is removed. Many processes
may start at once: what one compiles, others wait for.

What lies in the folder is code, as in `__pycache__`: only its owner may write to it. Numba unpickles it, when a
kernel is loaded and not later: so kernels return numbers, since an array to be returned brings its class along,
pickled.

Not here: the kernels.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import numba
from llvmlite.binding import get_host_cpu_features, get_host_cpu_name
from numba import config, types

UNUSED_S = 30 * 86_400
"""After which compiled kernels of another version are removed."""

Function = TypeVar("Function", bound=Callable[..., Any])

u8s = types.Array(types.uint8, 1, "C", readonly=True)
u32s = types.Array(types.uint32, 1, "C", readonly=True)
u64s = types.Array(types.uint64, 1, "C", readonly=True)
i32s = types.Array(types.int32, 1, "C", readonly=True)
i64s = types.Array(types.int64, 1, "C", readonly=True)
f64s = types.Array(types.float64, 1, "C", readonly=True)
u8w, u64w = types.uint8[::1], types.uint64[::1]
i32w, i64w, f64w = types.int32[::1], types.int64[::1], types.float64[::1]
i64m = types.Array(types.int64, 2, "C", readonly=True)
i64w2, f64w2, u64w2 = types.int64[:, ::1], types.float64[:, ::1], types.uint64[:, ::1]
i64, u64, f64, boolean, void = types.int64, types.uint64, types.float64, types.boolean, types.void


def _digest() -> str:
    # Numba itself looks at none of these when it loads what it has compiled, but at the processor.
    flags = f"{numba.__version__} {llvmlite.__version__} {config.OPT} {config.BOUNDSCHECK}"
    flags += f" {config.CPU_NAME or get_host_cpu_name()} {config.CPU_FEATURES or get_host_cpu_features().flatten()}"
    # It takes nothing that was compiled in another place, though its files are the same.
    place = Path(__file__).parent.absolute()
    digest = hashlib.blake2b(f"{flags} {place}".encode(), digest_size=10)
    for path in sorted(place.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _usable(folder: Path) -> bool:
    """Whether the folder is there, ours alone (not by way of somebody's link), and can be written to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        with tempfile.TemporaryFile(dir=folder):
            ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
            return ours and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    except OSError:
        return False


def cache_folder() -> Path:
    """Where compiled kernels are kept; made if it is not there."""
    chosen = os.environ.get("BROADSHEET_KERNELS")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - Path.expanduser raises without a home
    places = [(Path(chosen) if chosen else Path(home, "broadsheet", "kernels")).resolve()]
    places.append(Path(tempfile.gettempdir(), f"broadsheet-kernels-{os.getuid()}"))
    for place in places:
        folder = place / _digest()
        # The place too: whoever owns it can put another folder in the place of ours.
        if _usable(place) and _usable(folder):
            _remove_unused(place, folder)
            return folder
    warnings.warn("compiled kernels cannot be kept: set BROADSHEET_KERNELS to a folder of your own", stacklevel=2)
    return Path(tempfile.mkdtemp(prefix="broadsheet-kernels-"))


def _remove_unused(place: Path, used: Path) -> None:
    """Remove the kernels of other versions, as far as that can be done."""
    with contextlib.suppress(OSError):
        os.utime(used)
        for other in place.iterdir():
            if other.stat().st_mtime < time.time() - UNUSED_S and len(other.name) == len(used.name):
                shutil.rmtree(other, ignore_errors=True)


config.CACHE_DIR = str(cache_folder())

_OPTIONS: dict[str, Any] = {"error_model": "numpy"}


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """One process at a time is here with this name: Numba alone would let all of them compile the same."""
    handle = os.open(Path(config.CACHE_DIR, f"{name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


_loading = threading.RLock()
"""One thread at a time: what Numba looks up on the way is not made for more. A kernel may load one that it calls."""


class Kernel:
    """A compiled function, which is loaded when it is first called."""

    __slots__ = ("_compiled", "_function", "_options", "_signature", "name")

    def __init__(self, function: Callable[..., Any], signature: Any, options: dict[str, Any]) -> None:
        self.name = f"{function.__module__}.{function.__qualname__}"
        self._function, self._signature, self._options = function, signature, options
        self._compiled: Any = None
        if not self._done.exists():
            _ = self.compiled
            self._done.touch()

    @property
    def _done(self) -> Path:
        """The file that says that it was compiled: what Numba keeps tells so only at the price of loading it."""
        return Path(config.CACHE_DIR, f"{self.name}.done")

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns.

        Raises:
            TypeError: the arguments are not of its signature.
        """
        return (self._compiled or self.compiled)(*arguments)

    @property
    def compiled(self) -> Any:
        """What Numba has made of it, loaded."""
        if self._compiled is None:
            with _loading, _alone(self.name):
                self._compiled = numba.njit(self._signature, **self._options)(self._function)
        return self._compiled

    @property
    def _numba_type_(self) -> Any:
        """By which kernels that are compiled know one that they call (Numba, "Extending")."""
        return self.compiled._numba_type_


_kernels: list[Kernel] = []


def kernel(signature: Any, *, brief: bool = False) -> Callable[[Function], Function]:
    """Compile for exactly this signature, unless the folder has it.

    One that is `brief`, some microseconds whatever it is given, keeps the interpreter to itself, for getting that
    back takes longer: beside a busy thread `lower_bound` took 60 to 110 us without this, and takes 7.
    """

    def decorator(function: Function) -> Function:
        _kernels.append(Kernel(function, signature, {"cache": True, "nogil": not brief, **_OPTIONS}))
        made: Any = _kernels[-1]
        found: Function = made
        return found

    return decorator


def load_kernels() -> None:
    """Load all kernels of the modules that were imported: half a second."""
    for one in _kernels:
        _ = one.compiled


inlined: Callable[[Function], Function] = numba.njit(**_OPTIONS, _nrt=False)
"""For functions that only kernels call and that allocate nothing: they count no references to arrays. Counting them
took most of the time of looking an article up (2.0 us without this, for a phrase of three words)."""

allocating: Callable[[Function], Function] = numba.njit(**_OPTIONS)
"""For those that do allocate."""
