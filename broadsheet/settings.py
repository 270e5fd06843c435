"""Settings: frozen, read once at the edge, and able to say where each came from.

Contract: a flag wins over the environment (`BROADSHEET_<NAME>`), the environment over the file (TOML, named by
`--config` or `BROADSHEET_CONFIG`, else `broadsheet.toml` in the current folder), the file over the default. A value
that cannot be used raises `SettingsError` naming the setting, the source and the cure.

Not here: what the settings mean to the parts they are handed to (`app.py`).
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

PREFIX = "BROADSHEET_"
DEFAULT_FILE = Path("broadsheet.toml")


class SettingsError(ValueError):
    """A setting cannot be used."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    data: Annotated[str, Meta(min_length=1, description="Folder of the archive.")] = "data"
    host: Annotated[str, Meta(min_length=1, description="Address the server listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Port the server listens on.")] = 8000
    workers: Annotated[int, Meta(ge=1, le=64, description="API processes.")] = min(4, os.cpu_count() or 1)
    threads: Annotated[int, Meta(ge=1, le=64, description="Threads of each API process that search.")] = (
        os.cpu_count() or 1
    )
    working: Annotated[int, Meta(ge=1, le=1000, description="Uncached searches at work at a time.")] = 8
    queued: Annotated[int, Meta(ge=0, le=10_000, description="Searches that may wait for a place.")] = 32
    queue_wait_ms: Annotated[int, Meta(ge=1, le=60_000, description="How long one may wait, in ms.")] = 1000
    redis_url: Annotated[str, Meta(description="Redis for the cache; empty keeps it in memory.")] = ""
    cache_bytes: Annotated[int, Meta(ge=1 << 16, description="Bound of the cache in memory.")] = 64 << 20
    cache_ttl_s: Annotated[float, Meta(gt=0, description="How long an answer may be served.")] = 3600.0
    max_age_s: Annotated[int, Meta(ge=0, description="How long caches on the way may give an answer unasked.")] = 0
    stale_while_revalidate_s: Annotated[
        int, Meta(ge=0, description="How long an older answer may be given while a newer one is computed.")
    ] = 0
    stale_if_error_s: Annotated[
        int, Meta(ge=0, description="How long an older answer may be given where none can be computed.")
    ] = 0
    warm_searches: Annotated[
        int, Meta(ge=0, le=4096, description="Searches, the most asked, that are computed before anybody asks again.")
    ] = 200
    scrub_s: Annotated[
        float, Meta(gt=0, description="In how many seconds a server reads every byte of the index again.")
    ] = 3600.0
    cursor_keys: Annotated[
        str,
        Meta(description="Secrets that sign cursors, as `id:hex,id:hex`; the highest id signs. Empty: one is made."),
    ] = ""
    public_reads: Annotated[bool, Meta(description="Whether reading needs no key where there are access keys.")] = (
        True
    )
    builders: Annotated[int, Meta(ge=1, le=64, description="Indexing processes.")] = os.cpu_count() or 1
    memory_mb: Annotated[
        int, Meta(ge=16, le=1 << 20, description="MB that a segment in the making may take in each of them.")
    ] = 1024
    round_articles: Annotated[
        int, Meta(ge=100, le=1_000_000, description="Articles after which bulk indexing publishes an epoch.")
    ] = 100_000
    indexer: Annotated[bool, Meta(description="Whether `serve` also indexes what is logged.")] = True
    max_backlog: Annotated[
        int, Meta(ge=1000, description="Changes that may wait to be indexed before no more are taken.")
    ] = 50_000
    retain_seconds: Annotated[int, Meta(ge=0, description="How long replaced epochs are kept for cursors.")] = 3600

    @property
    def root(self) -> Path:
        """The data folder as an absolute path."""
        return Path(self.data).absolute()


SECRET = frozenset({"cursor_keys", "redis_url"})
"""Settings whose values are not shown: they may hold secrets."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings and where each came from."""

    settings: Settings
    sources: Mapping[str, str]
    """Setting to `flag`, the variable, the file, or `default`."""


def resolve(
    flags: Mapping[str, Any], *, config: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Resolved:
    """The settings that hold.

    Args:
        flags: settings given on the command line; `None` means not given.
        config: the file named on the command line.
        environ: the environment.

    Raises:
        SettingsError: a value, or the file, cannot be used.
    """
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.__struct_fields__, "default")

    def take(name: str, value: Any, source: str) -> None:
        if name not in sources:
            raise SettingsError(f"{source}: there is no setting named {name}; see `broadsheet info`")
        values[name], sources[name] = value, source

    path = config or (Path(environ[PREFIX + "CONFIG"]) if environ.get(PREFIX + "CONFIG") else None)
    for name, value in _read(path).items():
        take(name, value, str(path or DEFAULT_FILE))
    for name in Settings.__struct_fields__:
        variable = PREFIX + name.upper()
        if variable in environ:
            take(name, environ[variable], variable)
    for name, value in flags.items():
        if value is not None:
            take(name, value, f"--{name.replace('_', '-')}")
    for name, value in values.items():
        try:  # one by one, so that the message can name the source
            msgspec.convert({name: value}, Settings, strict=False)
        except msgspec.ValidationError as error:
            problem = str(error).split(" - at ")[0].lower()
            shown = "" if name in SECRET else f" {str(value)[:60]!r}"
            raise SettingsError(f"{sources[name]}: {name}{shown} cannot be used: {problem}") from None
    return Resolved(msgspec.convert(values, Settings, strict=False), sources)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None and not DEFAULT_FILE.exists():
        return {}
    chosen = path or DEFAULT_FILE
    try:
        return tomllib.loads(chosen.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{chosen}: cannot be read as TOML: {error}") from None


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment in which `resolve` gives these settings: how worker processes get them."""
    return {PREFIX + name.upper(): str(getattr(settings, name)) for name in Settings.__struct_fields__}
