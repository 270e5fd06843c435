"""The `broadsheet` command.

Contract: that of `command.py`, which says what each exit status means.

Not here: `follow` and `import` (`intake_commands.py`), `rebuild`, `rollback` and `reshard` (`upkeep_commands.py`),
`keys` (`key_commands.py`), `cache` (`cache_commands.py`), what the commands do (the rooms), settings (`settings.py`).
"""

import asyncio
import itertools
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from broadsheet import __version__
from broadsheet.bells import ring
from broadsheet.cache_commands import cache
from broadsheet.command import FAILED, INTERRUPTED, MISUSED, SOME_REJECTED, Config, Data, fail, resolved
from broadsheet.cursor_keys import cursor_keys
from broadsheet.intake_commands import follow, import_
from broadsheet.key_commands import keys
from broadsheet.listing import print_answer, print_settings
from broadsheet.progress import reporter
from broadsheet.settings import SettingsError
from broadsheet.upkeep_commands import rebuild, reshard, rollback
from indexer.routing import MAX_PARTITIONS
from web.logs import configure_logs

app = typer.Typer(
    name="broadsheet",
    help="A search service for news archives.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(keys)
app.add_typer(cache)


@app.command()
def index(
    files: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.", metavar="FILE...")],
    data: Data = None,
    partitions: Annotated[
        int | None, typer.Option(help="For a new archive (8 if left out).", min=1, max=MAX_PARTITIONS)
    ] = None,
    mapping: Annotated[
        str | None, typer.Option("--map", help="Names in the files: field=name,...", metavar="FIELD=NAME,...")
    ] = None,
    builders: Annotated[int | None, typer.Option(help="Processes that build side by side.")] = None,
    config: Config = None,
) -> None:
    """Index articles: JSONL, CSV or TSV, plain, gzip or zstd.

    Names in common use (headline, content, published, byline, ...) are recognised; what was taken for what is said
    first. Lines that are no articles go to DIR/rejects.jsonl with their reason and never stop the run.

    \b
    broadsheet index news.jsonl.gz --data archive
    broadsheet index 2023/ 2024/ --data archive --partitions 16
    zstdcat dump.csv.zst | broadsheet index - --data archive --map title=kop,body=tekst
    """
    from indexer.builder_processes import BuildError
    from indexer.bulk import index_files
    from indexer.events import LogError
    from indexer.fields import MappingError, parse_mapping
    from indexer.publisher import Retention
    from indexer.readers import InputError
    from partition.errors import IndexFileError

    settings = resolved(config, data=data, builders=builders).settings
    try:
        with reporter() as told:
            summary = index_files(
                [Path(file) for file in files],
                settings.root,
                partitions=partitions,
                mapping=parse_mapping(mapping) if mapping else None,
                builders=settings.builders,
                memory_mb=settings.memory_mb,
                round_articles=settings.round_articles,
                retention=Retention(settings.retain_seconds),
                reporter=told,
                max_backlog=settings.max_backlog,
                announce=lambda name: ring(settings.root, name),
            )
    except (MappingError, InputError) as error:
        fail(error, MISUSED)
    except (LogError, BuildError, IndexFileError, OSError) as error:
        fail(error)
    except KeyboardInterrupt:
        fail("interrupted; the last published epoch stays searchable, run again to go on", INTERRUPTED)
    rate = summary.changed / summary.seconds
    typer.echo(
        f"{summary.lines:,} lines: {summary.accepted:,} accepted ({summary.changed:,} new or changed), "
        f"{summary.rejected:,} rejected; {summary.articles:,} articles in epoch {summary.epoch}; "
        f"{summary.seconds:.1f} s, {rate:,.0f} articles/s"
    )
    if summary.rejected:
        typer.echo(f"rejected lines are in {settings.root / 'rejects.jsonl'}", err=True)
        raise typer.Exit(SOME_REJECTED)


app.command()(follow)
app.command("import")(import_)
app.command()(rebuild)
app.command()(rollback)
app.command()(reshard)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="The query, as in the API's q.")] = "",
    data: Data = None,
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
    limit: Annotated[str, typer.Option(help="How many articles.")] = "10",
    cursor: Annotated[str | None, typer.Option(help="Where to go on, from an earlier answer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's answer.")] = False,
    config: Config = None,
) -> None:
    """Search an archive.

    \b
    broadsheet search --data archive "climate summit"
    broadsheet search --data archive '"prime minister" -election' --from 2024-01-01 --sort newest
    broadsheet search --data archive energy --facets section,year
    broadsheet search --data archive energy --json | jq .total
    """
    from search.parameters import DEFAULT_FIELDS
    from web.problems import Problem

    settings = resolved(config, data=data).settings
    single = {"q": query, "from": from_, "to": to, "sort": sort, "limit": limit, "cursor": cursor}
    single |= {"recency": recency, "facets": facets, "collapse": collapse}
    if collapse == "story" and not as_json:
        single["fields"] = ",".join((*DEFAULT_FIELDS, "copies"))
    given = [(name, text) for name, text in single.items() if text]
    several = {"section": section, "source": source, "author": author, "tag": tag, "language": language}
    for name, texts in several.items():
        given += [(name, text) for text in texts or ()]
    # Starting processes and opening files may take longer than a search ever should.
    given.append(("timeout_ms", "30000"))
    try:
        body = asyncio.run(_search(settings, given))
    except SettingsError as error:
        fail(error, MISUSED)
    except Problem as problem:
        fail(problem.detail, MISUSED if problem.slug.endswith("-invalid") else FAILED)
    if as_json:
        sys.stdout.buffer.write(body + b"\n")
    else:
        print_answer(orjson.loads(body))


async def _search(settings: Any, given: list[tuple[str, str]]) -> bytes:
    from broadsheet.app import running_service
    from search.parameters import parse_search
    from web.edge import Timings

    configure_logs(logging.WARNING)
    parameters = parse_search(given)
    if not settings.root.is_dir():
        fail(f"{settings.root}: there is no such folder; index something into it first")
    async with running_service(settings) as (service, epochs, *_):
        await epochs.refresh()
        served = await service.search(parameters, Timings())
        return served.answer.body


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="API processes.")] = None,
    indexer: Annotated[bool | None, typer.Option(help="Whether to index what is logged, too.")] = None,
    config: Config = None,
) -> None:
    """Serve the search page, the API and its documentation.

    \b
    broadsheet serve --data archive
    BROADSHEET_REDIS_URL=redis://localhost broadsheet serve --data archive --workers 8 --port 8080
    broadsheet serve --data archive --host 0.0.0.0     (once there are keys: broadsheet keys add)
    """
    from broadsheet.cache_backend import backend_of
    from broadsheet.listening import ListenError, address, listen
    from broadsheet.reach import access_of
    from broadsheet.roles import api_role, indexer_role
    from broadsheet.supervisor import RoleFailedError, supervise
    from broadsheet.telemetry import forget_process, metrics_folder

    settings = resolved(config, data=data, host=host, port=port, workers=workers, indexer=indexer).settings
    if not settings.root.is_dir():
        fail(f"{settings.root}: there is no such folder; index something into it first")
    try:
        access_of(settings)
        backend_of(settings)
        cursor_keys(settings.cursor_keys, settings.root)
    except SettingsError as error:  # here, once, rather than in every process
        fail(error, MISUSED)
    configure_logs()
    try:
        sockets = listen(settings.host, settings.port)
    except ListenError as error:
        fail(error)

    def let_go() -> None:
        for one in sockets:
            one.close()

    url = f"http://{address(settings.host, settings.port)}"
    typer.echo(f"search {url}/   documentation {url}/docs   stop with Ctrl-C", err=True)
    with metrics_folder() as folder:
        roles = (api_role(settings, sockets, folder), indexer_role(settings, folder))
        try:
            supervise([role for role in roles if role], on_end=partial(forget_process, folder), on_stop=let_go)
        except RoleFailedError as error:
            fail(error, error.status)


@app.command()
def check(data: Data = None, config: Config = None) -> None:
    """Verify every file and every article of the newest epoch.

    \b
    broadsheet check --data archive
    """
    from indexer.routing import partition_of
    from partition.check import check_epoch
    from partition.errors import IndexFileError
    from partition.manifest import GenerationRecord, Layout, read_manifest

    layout = Layout(resolved(config, data=data).settings.root)
    if not layout.newest_epoch():
        fail(f"{layout.root}: nothing was ever published here; index something into it first")

    def checked(partition: int, record: GenerationRecord) -> None:
        typer.echo(f"partition {partition}: {record.articles:,} articles, {record.size_bytes:,} bytes, sound")

    try:
        manifest = read_manifest(layout, layout.newest_epoch())
        check_epoch(layout, manifest, partition_of, checked)
    except IndexFileError as error:
        fail(error)
    typer.echo(f"epoch {manifest.epoch} is sound: {manifest.articles:,} articles")


@app.command()
def info(data: Data = None, config: Config = None) -> None:
    """Show the archive, and every setting with where it came from.

    \b
    broadsheet info --data archive
    """
    from partition.errors import IndexFileError
    from partition.manifest import Layout, read_manifest
    from web.times import iso

    found = resolved(config, data=data)
    layout = Layout(found.settings.root)
    typer.echo(f"broadsheet {__version__}")
    newest = layout.newest_epoch()
    if newest:
        try:
            manifest = read_manifest(layout, newest)
        except IndexFileError as error:
            fail(error)
        size = sum(record.size_bytes for record in manifest.partitions)
        typer.echo(
            f"{layout.root}: epoch {manifest.epoch} of {iso(manifest.published_ms)}, {manifest.articles:,} articles "
            f"in {len(manifest.partitions)} partitions, {size:,} bytes, log applied through {manifest.applied_seq:,}"
        )
    else:
        typer.echo(f"{layout.root}: nothing was published here yet")
    print_settings(found)


@app.command()
def sample(
    articles: Annotated[int, typer.Option(help="How many.", min=0)] = 5000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal articles.", min=0)] = 1,
    mean_words: Annotated[int, typer.Option(help="Mean length of a body.", min=60, max=10_000)] = 400,
) -> None:
    """Write made-up news as JSONL to standard output.

    \b
    broadsheet sample --articles 1000 > sample.jsonl
    broadsheet sample --articles 5000 --seed 7 | broadsheet index - --data archive
    """
    from indexer.sample import generate

    records = generate(articles, seed, mean_words)
    try:
        while lines := b"".join(
            orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in itertools.islice(records, 200)
        ):
            sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever read it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """The `broadsheet` command."""
    app()
