"""What all commands share: options, exit statuses, and how they fail.

Contract: exit status 0 is success, 1 a failure that the last line explains, 2 a command line or setting that cannot
be used, 3 a run that finished but rejected some of what it read, 130 a run that was interrupted. Results go to
standard output, everything else to standard error.

Not here: the commands (`cli.py`, `intake_commands.py`, `upkeep_commands.py`, `key_commands.py`,
`cache_commands.py`).
"""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from broadsheet.settings import Resolved, SettingsError, resolve

FAILED, MISUSED, SOME_REJECTED, INTERRUPTED = 1, 2, 3, 130

Data = Annotated[str | None, typer.Option("--data", help="Folder of the archive.", metavar="DIR")]
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
