"""The `broadsheet` command.

Contract: that of `command.py`, which says what each exit status means.

Not here: `search` (`search_commands.py`), `follow` and `import` (`intake_commands.py`), `rebuild`, `rollback` and
`reshard` (`upkeep_commands.py`), `keys` (`key_commands.py`), `cache` (`cache_commands.py`), what the commands do (the
rooms), settings (`settings.py`).
"""

import itertools
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from broadsheet import __version__
from broadsheet.bells import ring
from broadsheet.cache_commands import cache
from broadsheet.command import (
    INTERRUPTED,
    MISUSED,
    SOME_REJECTED,
    Config,
    Data,
    Key,
    Server,
    Url,
    fail,
    resolved,
    server_of,
)
from broadsheet.cursor_keys import cursor_keys
from broadsheet.intake_commands import follow, import_
from broadsheet.key_commands import keys
from broadsheet.listing import print_settings
from broadsheet.progress import reporter
from broadsheet.search_commands import search
from broadsheet.settings import SettingsError
from broadsheet.upkeep_commands import rebuild, reshard, rollback
from indexer.routing import MAX_PARTITIONS
from web.logs import configure_logs

if TYPE_CHECKING:
    from indexer.bulk import Summary

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
    url: Url = None,
    key: Key = None,
    partitions: Annotated[
        int | None, typer.Option(help="For a new archive (8 if left out).", min=1, max=MAX_PARTITIONS)
    ] = None,
    mapping: Annotated[
        str | None, typer.Option("--map", help="Names in the files: field=name,...", metavar="FIELD=NAME,...")
    ] = None,
    builders: Annotated[int | None, typer.Option(help="Processes that build side by side.")] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="With a server: where lines that are no articles go.", metavar="FILE")
    ] = None,
    config: Config = None,
) -> None:
    """Index articles: JSONL, CSV or TSV, plain, gzip or zstd.

    Names in common use (headline, content, published, byline, ...) are recognised; what was taken for what is said
    first. Lines that are no articles go to DIR/rejects.jsonl with their reason and never stop the run. With a server,
    all of it is sent to that, and what was sent is searchable at the end; who is interrupted runs it again.

    \b
    broadsheet index news.jsonl.gz --data archive
    broadsheet index 2023/ 2024/ --data archive --partitions 16
    zstdcat dump.csv.zst | broadsheet index - --data archive --map title=kop,body=tekst
    broadsheet index news.jsonl.gz --url https://news.example --rejects rejects.jsonl
    """
    server = server_of(url, key, data)
    if server:
        if partitions or builders:
            fail("--partitions and --builders are up to the server; leave them out with --url", MISUSED)
        _summed_up(_sent(server, files, mapping, rejects), rejects)
        return
    if rejects:
        fail("--rejects goes with --url; in a folder they go to DIR/rejects.jsonl", MISUSED)
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
    _summed_up(summary, settings.root / "rejects.jsonl")


def _sent(server: Server, files: list[str], mapping: str | None, rejects: Path | None) -> "Summary":
    """What came of sending files to a server."""
    from broadsheet.remote import asking
    from broadsheet.sending import send
    from indexer.fields import MappingError, parse_mapping
    from indexer.readers import InputError

    try:
        names = parse_mapping(mapping) if mapping else {}
        with asking(server, patiently=True) as client, reporter() as told:
            return send(client, [Path(file) for file in files], names, rejects, told)
    except (MappingError, InputError) as error:
        fail(error, MISUSED)
    except OSError as error:
        fail(error)
    except KeyboardInterrupt:
        fail("interrupted; what was sent stays, run again to go on", INTERRUPTED)


def _summed_up(summary: "Summary", rejects: Path | None) -> None:
    rate = summary.changed / summary.seconds
    typer.echo(
        f"{summary.lines:,} lines: {summary.accepted:,} accepted ({summary.changed:,} new or changed), "
        f"{summary.rejected:,} rejected; {summary.articles:,} articles in epoch {summary.epoch}; "
        f"{summary.seconds:.1f} s, {rate:,.0f} articles/s"
    )
    if summary.rejected:
        where = f"are in {rejects}" if rejects else "go to a file with --rejects FILE"
        typer.echo(f"rejected lines {where}", err=True)
        raise typer.Exit(SOME_REJECTED)


app.command()(follow)
app.command("import")(import_)
app.command()(search)
app.command()(rebuild)
app.command()(rollback)
app.command()(reshard)


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
def info(data: Data = None, url: Url = None, key: Key = None, config: Config = None) -> None:
    """Show the archive, and every setting with where it came from; of a server, the archive.

    \b
    broadsheet info --data archive
    broadsheet info --url https://news.example
    """
    from partition.errors import IndexFileError
    from partition.manifest import Layout, read_manifest
    from web.times import iso

    server = server_of(url, key, data)
    if server:
        line = _shown(server)
        typer.echo(f"broadsheet {__version__}\n{line}")
        return
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


def _shown(server: Server) -> str:
    """A line on the archive of a server."""
    from broadsheet.remote import asking, state_of

    with asking(server, patiently=False) as client:
        state = state_of(client)
    if state is None:
        return f"{server.url}: nothing was published there yet"
    size = sum(one.size_bytes for one in state.data)
    return (
        f"{server.url}: epoch {state.epoch} of {state.published_at}, {state.articles:,} articles "
        f"in {len(state.data)} partitions, {size:,} bytes, log applied through {state.applied_seq:,}"
    )


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
