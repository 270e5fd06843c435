"""What all commands share: options, exit statuses, and how they fail.

Contract: exit status 0 is success, 1 a failure that the last line explains, 2 a command line or setting that cannot
be used, 3 a run that finished but rejected some of what it read, 130 a run that was interrupted. Results go to
standard output, everything else to standard error. Where a server may stand in place of a folder, a flag wins over
the environment; two flags, or two variables without a flag, are misuse.

Not here: the commands (`cli.py`, `search_commands.py`, `intake_commands.py`, `upkeep_commands.py`,
`key_commands.py`, `cache_commands.py`).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import typer

from broadsheet.settings import PREFIX, Resolved, SettingsError, resolve

FAILED, MISUSED, SOME_REJECTED, INTERRUPTED = 1, 2, 3, 130

Data = Annotated[str | None, typer.Option("--data", help="Folder of the archive.", metavar="DIR")]
Url = Annotated[
    str | None,
    typer.Option("--url", help=f"Address of a server, in place of a folder; {PREFIX}URL.", metavar="URL"),
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="An access key, where the server needs one.", metavar="KEY", envvar=f"{PREFIX}KEY"),
]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", metavar="FILE")]


def fail(message: object, status: int = FAILED) -> NoReturn:
    """End the command with a message and a status."""
    typer.echo(f"broadsheet: {message}", err=True)
    raise typer.Exit(status)


def resolved(config: Path | None, **flags: Any) -> Resolved:
    """The settings that hold, or the end of the command."""
    try:
        return resolve(flags, config=config)
    except SettingsError as error:
        fail(error, MISUSED)


class Server(NamedTuple):
    """A server, and the key for it."""

    url: str
    key: str | None


def server_of(
    url: str | None, key: str | None, data: str | None, environ: Mapping[str, str] = os.environ
) -> Server | None:
    """The server that is meant; `None` where a folder is."""
    if url and data:
        fail("--url and --data: a server or a folder; give one of them", MISUSED)
    if url or data:
        return Server(url, key) if url else None
    url = environ.get(f"{PREFIX}URL")
    if url and environ.get(f"{PREFIX}DATA"):
        fail(f"{PREFIX}URL and {PREFIX}DATA are both set; unset one, or give --url or --data", MISUSED)
    return Server(url, key) if url else None
