"""The commands that change how an archive lies on the disk: `rebuild`, `rollback` and `reshard`.

Contract: that of `command.py`. What is answered changes as the log does, and not by them. Servers go on searching
meanwhile, and take up what comes of it by themselves.

Not here: how it is done (`indexer/projection.py`, `indexer/rolling_back.py`, `indexer/reshard_saga.py`).
"""

import time
from contextlib import closing
from typing import Annotated

import typer

from broadsheet.bells import EPOCH, LOG, ring
from broadsheet.command import INTERRUPTED, Config, Data, fail, resolved
from broadsheet.progress import reporter
from indexer.routing import MAX_PARTITIONS

_LOOK_S = 0.05


def rebuild(data: Data = None, config: Config = None) -> None:
    """Build the index again from the event log alone.

    It is built beside the one that there is, which answers meanwhile and may be damaged. The answers stay what they
    were; cursors that were given out before expire. A server that indexes the same archive must be stopped, or run
    with --no-indexer.

    \b
    broadsheet rebuild --data archive
    """
    from indexer.builder_processes import BuildError, ProcessBuilder
    from indexer.events import LogError
    from indexer.log import EventLog, log_path
    from indexer.projection import Projector
    from indexer.publisher import IndexerBusyError, IndexerLock, Retention
    from partition.errors import IndexFileError

    settings = resolved(config, data=data).settings
    root = settings.root
    started_s = time.monotonic()
    try:
        with (
            EventLog(log_path(root)) as log,
            IndexerLock(root, wait_s=1.0) as lock,
            ProcessBuilder(settings.builders, lock.handle) as builder,
            reporter() as told,
        ):
            total = sum(log.pending(0, log.last_seq()).values())
            done = 0

            def progress(articles: int) -> None:
                nonlocal done
                done += articles
                if done < total:  # the end is told once, below
                    told.indexing(done, total)

            retention = Retention(settings.retain_seconds)
            projector = Projector(
                *(root, log, builder),
                retention=retention,
                memory_mb=settings.memory_mb,
                follow=builder.follow_stories,
                anew=True,
            )
            manifest = projector.rebuild(progress)
            told.indexing(total, total)
            log.applied(manifest.applied_seq, 0)
    except KeyboardInterrupt:
        fail("interrupted; the index is as it was", INTERRUPTED)
    except (LogError, BuildError, IndexFileError, IndexerBusyError, OSError) as error:
        fail(error)
    ring(root, EPOCH)
    typer.echo(
        f"epoch {manifest.epoch}: {manifest.articles:,} articles in {len(manifest.partitions)} partitions, from "
        f"{manifest.applied_seq:,} events; {time.monotonic() - started_s:.1f} s"
    )


def rollback(data: Data = None, config: Config = None) -> None:
    """Go back to the newest epoch that is sound, where later ones are damaged.

    Every byte of it is read first. Searches go on; what was logged later is indexed again, from the log. Epochs are
    kept for half a minute after they were replaced: if there is none to go back to, rebuild.

    \b
    broadsheet rollback --data archive
    """
    from indexer.events import LogError
    from indexer.log import EventLog, log_path
    from indexer.publisher import IndexerBusyError, IndexerLock
    from indexer.rolling_back import NoSoundEpochError, roll_back

    root = resolved(config, data=data).settings.root
    try:
        with EventLog(log_path(root)) as log, IndexerLock(root):
            manifest, to, damaged = roll_back(root, log)
    except NoSoundEpochError as error:
        fail(f"{error}; build the index again from its log: broadsheet rebuild")
    except (LogError, IndexerBusyError, OSError) as error:
        fail(error)
    if not damaged:
        typer.echo(f"epoch {to} is sound: there is nothing to go back from")
        return
    ring(root, LOG)
    ring(root, EPOCH)
    for problem in damaged:
        typer.echo(f"left behind: {problem.path}: {problem.problem}")
    typer.echo(
        f"epoch {manifest.epoch} is what epoch {to} was: {manifest.articles:,} articles, log applied through "
        f"{manifest.applied_seq:,}; what came later will be indexed again"
    )


def reshard(
    partitions: Annotated[int, typer.Option(help="How many there are to be.", min=1, max=MAX_PARTITIONS)],
    data: Data = None,
    config: Config = None,
) -> None:
    """Spread the articles over another number of partitions.

    Only what consistent hashing moves is moved. Searches, writes and cursors go on meanwhile, and the answers stay
    what they were. One that was interrupted is gone on with by the same command.

    \b
    broadsheet reshard --partitions 16 --data archive
    """
    from indexer.builder_processes import BuildError
    from indexer.catching_up import catch_up
    from indexer.events import LogError
    from indexer.log import EventLog, log_path
    from indexer.reshard_saga import KIND, ReshardSaga
    from indexer.sagas import SAGAS_FILE, NotYet, SagaStore, advance
    from partition.errors import IndexFileError

    settings = resolved(config, data=data).settings
    root = settings.root

    def index() -> None:
        ring(root, LOG)
        catch_up(root, settings)
        ring(root, EPOCH)

    def open_log() -> EventLog:
        return EventLog(log_path(root))

    try:
        open_log().close()
        with closing(SagaStore(root / SAGAS_FILE, lambda: time.time_ns() // 1_000_000)) as store:
            steps = ReshardSaga(root, open_log, index).steps()
            unfinished = store.unfinished([KIND])
            saga = store.find(unfinished[0]) if unfinished else None
            if saga and saga.subject["partitions"] != partitions:
                fail(f"a reshard to {saga.subject['partitions']} partitions was not finished: run that one first")
            saga = saga or store.begin(KIND, "command", None, {"partitions": partitions})[0]
            with store.mine(saga.id) as mine:
                if not mine:
                    fail("another process is doing the same")
                while not (saga := store.find(saga.id) or saga).ended:
                    try:
                        advance(store, saga, steps, lambda: False)
                    except NotYet:
                        time.sleep(_LOOK_S)  # another process has to do its part first: a command may wait
    except KeyboardInterrupt:
        fail("interrupted; run it again to go on", INTERRUPTED)
    except (LogError, BuildError, IndexFileError, OSError) as error:
        fail(error)
    if saga.state == "failed":
        fail(saga.reason)
    before, after = saga.receipt("room"), saga.receipt("epoch")
    typer.echo(
        f"epoch {after['epoch']}: {after['articles']:,} articles in {after['partitions']} partitions instead of "
        f"{before['before']}"
    )
