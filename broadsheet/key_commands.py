"""`broadsheet keys add | list | revoke`: the keys of an archive's HTTP API.

Contract: a change is whole or not there, and none is lost, however many commands run at once: each holds a lock on
the data folder, writes the new file aside, makes it durable and renames it. The file is for its owner only. A key is
shown once, alone on standard output, when it is made. Running servers take changes up by themselves.

Not here: the file's form and its reading (`web/keys.py`).
"""

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from broadsheet.command import MISUSED, Config, Data, fail, resolved
from broadsheet.reach import KEYS_FILE
from web.keys import MAX_FILE_BYTES, Key, KeysFileError, Role, encode_keys, make_key, read_keys, utc_now

keys = typer.Typer(name="keys", help="Access keys of the HTTP API: add, list, revoke.", no_args_is_help=True)

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is.", metavar="NAME")],
    role: Annotated[Role, typer.Option(help="What it allows; each role includes those before it.")] = "read",
    expires: Annotated[str | None, typer.Option(help="For how long: 12h, 90d, 8w.", metavar="TIME")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a key and print it, this once.

    \b
    broadsheet keys add newsroom --role write --expires 90d --data archive
    KEY=$(broadsheet keys add prometheus --data archive)
    """
    now = utc_now().replace(microsecond=0)
    try:
        key, text = make_key(name, role, created_at=now, expires_at=now + _period(expires) if expires else None)
    except ValueError as error:
        fail(error, MISUSED)
    with _changing(_root(data, config)) as entries:
        entries[key.id] = key
    until = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "until it is revoked"
    typer.echo(
        f"key {key.id} with role {role}, {until}; send it as `Authorization: Bearer KEY`. It is not shown again:",
        err=True,
    )
    typer.echo(text)


@keys.command("list")
def list_(data: Data = None, config: Config = None) -> None:
    """List the keys: id, role, when made, until when, whose.

    \b
    broadsheet keys list --data archive
    """
    try:
        entries = _read(_root(data, config))
    except (KeysFileError, OSError) as error:
        fail(error)
    for key in entries.values():
        until = "for ever" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}"
        note = " (expired)" if key.expired(utc_now()) else ""
        typer.echo(f"{key.id}  {key.role:<5}  {key.created_at:%Y-%m-%d %H:%M}  {until:<16}  {key.name}{note}")
    if not entries:
        typer.echo("there are no keys; make one with `broadsheet keys add NAME`", err=True)


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `broadsheet keys list` shows it.", metavar="ID")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Take a key out; running servers refuse it within a second.

    \b
    broadsheet keys revoke 3f9c01ab --data archive
    """
    with _changing(_root(data, config)) as entries:
        revoked = entries.pop(key_id, None)
        if revoked is None:
            fail(f"there is no key {key_id[:20]!r}; `broadsheet keys list` shows those there are")
    typer.echo(f"revoked {key_id} of {revoked.name}", err=True)
    if not entries:
        typer.echo(
            "no key is left, but keys stay required; to go without, remove the keys file and start again", err=True
        )


def _root(data: str | None, config: Path | None) -> Path:
    root = resolved(config, data=data).settings.root
    if not root.is_dir():
        fail(f"{root}: there is no such folder; index something into it first")
    return root


def _period(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text)
    if not match:
        raise ValueError(f"--expires {text[:20]!r} is not a time such as 12h, 90d or 8w")
    return int(match[1]) * _UNITS[match[2]]


def _read(root: Path) -> dict[str, Key]:
    path = root / KEYS_FILE
    return read_keys(path) if path.exists() else {}


@contextlib.contextmanager
def _changing(root: Path) -> Iterator[dict[str, Key]]:
    """The keys by id; what the block makes of them is written at its end, unless it raises."""
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # The folder and not the file, which is replaced. A closed handle holds no lock.
            fcntl.flock(folder, fcntl.LOCK_EX)
            entries = _read(root)
            yield entries
            _replace(root / KEYS_FILE, encode_keys(entries.values()))
            os.fsync(folder)
        finally:
            os.close(folder)
    except (KeysFileError, OSError) as error:
        fail(error)


def _replace(path: Path, content: bytes) -> None:
    if len(content) > MAX_FILE_BYTES:
        raise KeysFileError(f"{path}: no room for another key; revoke keys that nobody uses")
    handle, aside = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".tmp", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink()
        raise
