"""The command that searches: `broadsheet search`.

Contract: that of `command.py`. A folder and a server give the same output and the same status for the same search;
with `--all` every article that it finds is one line of JSON, in the memory of a page.

Not here: searching (`search/`), asking a server (`client/`), tables (`listing.py`).
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import orjson
import typer

from broadsheet.command import FAILED, MISUSED, Config, Data, Key, Server, Url, fail, resolved, server_of
from broadsheet.listing import print_answer
from broadsheet.settings import Settings, SettingsError

Given = list[tuple[str, str]]
Tell = Callable[[Given, bytes], Given | None]
"""Prints the answer to what was asked; returns what is to be asked next, if anything."""

SHOWN, WALKED = "10", "100"
"""How many articles are asked for, at once and at a time."""
_TIMEOUT_MS = "30000"
"""Starting processes and opening files may take longer than a search ever should."""


def search(
    query: Annotated[str, typer.Argument(help="The query, as in the API's q.")] = "",
    data: Data = None,
    url: Url = None,
    key: Key = None,
    from_: Annotated[str | None, typer.Option("--from", help="Published at or after.", metavar="DATE")] = None,
    to: Annotated[str | None, typer.Option(help="Published up to.", metavar="DATE")] = None,
    sort: Annotated[str | None, typer.Option(help="relevance, newest or oldest.")] = None,
    section: Annotated[list[str] | None, typer.Option(help="Only this section; !x excludes.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only this source.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="Only this author.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only this tag.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this language.")] = None,
    recency: Annotated[str | None, typer.Option(help="How much newer ones are preferred: off, low or high.")] = None,
    facets: Annotated[str | None, typer.Option(help="What is counted: section,month ...")] = None,
    collapse: Annotated[str | None, typer.Option(help="story: copies once, and counted once.")] = None,
    fields: Annotated[str | None, typer.Option(help="What --json and --all show: id,title,body ...")] = None,
    limit: Annotated[
        str | None, typer.Option(help=f"How many articles ({SHOWN}); with --all at a time ({WALKED}).")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Where to go on, from an earlier answer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's answer.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Print all articles, one line of JSON each.")] = False,
    config: Config = None,
) -> None:
    """Search an archive, in a folder or on a server.

    \b
    broadsheet search --data archive "climate summit"
    broadsheet search --data archive '"prime minister" -election' --from 2024-01-01 --sort newest
    broadsheet search --data archive energy --facets section,year
    broadsheet search --data archive energy --json | jq .total
    broadsheet search --url https://news.example energy --all --fields id,title,body > energy.jsonl
    """
    if fields and not (as_json or every):
        fail("--fields goes with --json or --all: a table has columns of its own", MISUSED)
    single = {"q": query, "from": from_, "to": to, "sort": sort, "cursor": cursor, "fields": fields}
    single |= {"limit": limit or (WALKED if every else SHOWN)}
    single |= {"recency": recency, "facets": facets, "collapse": collapse}
    given = [(name, text) for name, text in single.items() if text]
    several = {"section": section, "source": source, "author": author, "tag": tag, "language": language}
    for name, texts in several.items():
        given += [(name, text) for text in texts or ()]
    given.append(("timeout_ms", _TIMEOUT_MS))
    if every:
        given.append(("total", "none"))
    elif collapse == "story" and not as_json:
        from search.parameters import DEFAULT_FIELDS

        given.append(("fields", ",".join((*DEFAULT_FIELDS, "copies"))))
    tell = _tell_all if every else _tell_json if as_json else _tell_table
    server = server_of(url, key, data)
    try:
        if server:
            _on_server(server, given, tell, patiently=every)
        else:
            asyncio.run(_in_folder(resolved(config, data=data).settings, given, tell))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_table(_asked: Given, body: bytes) -> None:
    print_answer(orjson.loads(body))


def _tell_json(_asked: Given, body: bytes) -> None:
    sys.stdout.buffer.write(body + b"\n")


def _tell_all(asked: Given, body: bytes) -> Given | None:
    page = orjson.loads(body)
    lines = (orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in page["data"])
    sys.stdout.buffer.write(b"".join(lines))
    following = page["page"]["next"]
    if not following:
        return None
    (cursor,) = parse_qs(urlsplit(following).query)["cursor"]
    return [*((name, text) for name, text in asked if name != "cursor"), ("cursor", cursor)]


def _on_server(server: Server, given: Given, tell: Tell, *, patiently: bool) -> None:
    """Search the archive of a server."""
    from broadsheet.remote import asking

    with asking(server, patiently=patiently) as client:
        asked: Given | None = given
        while asked is not None:
            asked = tell(asked, client.get("/v1/search", asked))


async def _in_folder(settings: Settings, given: Given, tell: Tell) -> None:
    """Search the archive in a folder; what cannot be searched ends the command."""
    from broadsheet.app import running_service
    from search.parameters import parse_search
    from web.edge import Timings
    from web.logs import configure_logs
    from web.problems import Problem

    configure_logs(logging.WARNING)
    try:
        parse_search(given)
        if not settings.root.is_dir():
            fail(f"{settings.root}: there is no such folder; index something into it first")
        async with running_service(settings) as (service, epochs, *_):
            await epochs.refresh()
            asked: Given | None = given
            while asked is not None:
                served = await service.search(parse_search(asked), Timings())
                asked = tell(asked, served.answer.body)
    except SettingsError as error:
        fail(error, MISUSED)
    except Problem as problem:
        fail(problem.detail, MISUSED if problem.slug.endswith("-invalid") else FAILED)
