"""The command line against a server: the same verbs, output and exit statuses as with a folder."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.log import log_path
from tests import commands
from tests.api_server import ApiServer, eventually, free_port
from tests.archive import Archive
from tests.broadsheet.scripted_server import ScriptedServer, answer, problem

SEARCHES = [
    ["budget OR storm", "--limit", "3", "--sort", "newest", "--from", "2006-04-10", "--to", "2007-04-10"],
    ["--section", "politics", "--section", "!Sport", "--source", "Wire", "--author", "Ann Storm", "--json"],
    ["budget", "--tag", "veterans", "--language", "!de", "--facets", "section,year", "--collapse", "story"],
    ['"budgt', "--limit", "1"],
    ["budget", "--limit", "1000"],
    ["budget", "--cursor", "abc", "--json"],
]


def _lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server that indexes, begun with nothing."""
    root = tmp_path_factory.mktemp("live")
    with ApiServer(root, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(root).exists())
        yield server


@pytest.mark.parametrize("arguments", SEARCHES)
def test_a_search_is_the_same(archive: Archive, server: ApiServer, arguments: list[str]) -> None:
    """In a folder and on a server that serves it: output, message, status."""
    here = commands.run("search", "--data", archive.root, *arguments)
    there = commands.run("search", "--url", server.url, *arguments)
    assert there.returncode == here.returncode
    assert there.stdout == here.stdout
    assert there.stderr == here.stderr


def test_all_of_it(archive: Archive, server: ApiServer) -> None:
    """`--all` is each article that is found, once, in order, one line of JSON; whole ones with `--fields`."""
    expected = server.ids({"q": "budget OR storm"})
    assert len(expected) > 100
    asked = ("budget OR storm", "--all", "--fields", "id,title")
    here = commands.run("search", "--data", archive.root, *asked)
    there = commands.run("search", "--url", server.url, *asked, "--limit", "7")
    assert (here.returncode, there.returncode) == (0, 0)
    assert there.stdout == here.stdout
    rows = [json.loads(line) for line in here.stdout.splitlines()]
    assert [row["id"] for row in rows] == expected
    assert all(set(row) == {"id", "title"} for row in rows)
    some = commands.run("search", "--url", server.url, "nothingatall", "--all")
    assert (some.returncode, some.stdout) == (0, "")
    table = commands.run("search", "--url", server.url, "budget", "--fields", "id")
    assert (table.returncode, table.stdout) == (2, "")
    assert table.stderr.startswith("broadsheet: --fields goes with --json or --all")


def test_whoever_has_enough_ends_it(server: ApiServer) -> None:
    """`| head -1` is no error."""
    with subprocess.Popen(
        [*commands.BROADSHEET, "search", "--url", server.url, "--all", "--limit", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=commands.environment(),
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_files_are_sent(live: ApiServer, tmp_path: Path) -> None:
    """What was taken for what, what became of the lines, and status 0; the second run changes nothing."""
    path = tmp_path / "articles.jsonl"
    path.write_bytes(_lines(*({"id": f"a/{n}", "headline": f"Title {n}", "text": "storm"} for n in range(9))))
    for changed in (9, 0):
        done = commands.run("index", path, "--url", live.url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("id <- id\n") or "\nid <- id\n" in done.stdout
        assert "title <- headline\nbody <- text\n" in done.stdout
        last = done.stdout.splitlines()[-1]
        assert last.startswith(f"9 lines: 9 accepted ({changed} new or changed), 0 rejected; 9 articles in epoch ")
        assert last.endswith(" articles/s")
    found = commands.run("search", "--url", live.url, "storm", "--json")
    assert json.loads(found.stdout)["total"]["value"] == 9
    shown = commands.run("info", "--url", live.url)
    assert shown.returncode == 0
    assert f"{live.url}: epoch " in shown.stdout
    assert " 9 articles in 8 partitions, " in shown.stdout


def test_rejected_lines_are_told(live: ApiServer, tmp_path: Path) -> None:
    """Those that cannot be read and those that are no articles, each with file, line and reason; status 3."""
    table = tmp_path / "table.csv"
    table.write_text("nr,kop\nb1,Kop van b1\nb2,\nb3,Kop van b3\n")
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(b"{broken\n" + _lines({"id": "b4", "title": "B4"}))
    mapped = ("--map", "id=nr,title=kop")
    shown = commands.run("index", table, "--url", live.url, *mapped)
    assert shown.returncode == 3
    assert "3 lines: 2 accepted (2 new or changed), 1 rejected; " in shown.stdout
    assert shown.stderr == (
        f"{table}:3: title is missing or empty\nrejected lines go to a file with --rejects FILE\n"
    )
    kept = tmp_path / "rejects.jsonl"
    done = commands.run("index", broken, table, "--url", live.url, "--rejects", kept)
    assert done.returncode == 3
    assert done.stderr == f"rejected lines are in {kept}\n"
    rejects = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [(one["file"], one["line"]) for one in rejects] == [
        (str(broken), 1),
        *((str(table), n) for n in (2, 3, 4)),
    ]
    assert rejects[1] == {
        "file": str(table),
        "line": 2,
        "reason": "id is missing or empty",
        "excerpt": "b1,Kop van b1",
    }


def test_many_lines_on_standard_input(live: ApiServer) -> None:
    """More than one batch, each line accounted for."""
    rows = [{"id": f"m/{n}", "title": f"Many {n}", "body": "many " * 300} for n in range(4000)]
    rows[3500] = {"id": "m/none"}
    done = commands.run("index", "-", "--url", live.url, stdin=_lines(*rows))
    assert done.returncode == 3
    assert "4,000 lines: 3,999 accepted (3,999 new or changed), 1 rejected; " in done.stdout
    assert "-:3501: title is missing or empty\n" in done.stderr


def test_an_interrupt_is_status_130(live: ApiServer) -> None:
    """What was sent stays."""
    process = commands.start("index", "-", url=live.url)
    assert process.stdin
    assert process.stdout
    # Enough that a part of it is read while more is to come.
    process.stdin.write(_lines(*({"id": f"i/{n}", "title": "I", "body": "i " * 9000} for n in range(300))))
    process.stdin.flush()
    assert process.stdout.readline() == b"id <- id\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.endswith(b"broadsheet: interrupted; what was sent stays, run again to go on\n")


@pytest.mark.parametrize("command", [["search", "storm"]])
def test_which_is_meant(tmp_path: Path, archive: Archive, server: ApiServer, command: list[str]) -> None:
    """A server or a folder: two flags are misuse, two variables too; a flag wins over a variable."""
    both = commands.run(*command, "--url", server.url, "--data", tmp_path)
    assert (both.returncode, both.stdout) == (2, "")
    assert both.stderr == "broadsheet: --url and --data: a server or a folder; give one of them\n"
    variables = commands.run(*command, url=server.url, data=archive.root)
    assert variables.returncode == 2
    assert variables.stderr.startswith("broadsheet: BROADSHEET_URL and BROADSHEET_DATA are both set; ")
    if command != ["index", "-"]:
        assert commands.run(*command, "--url", server.url, data=tmp_path / "nowhere").returncode == 0
        assert commands.run(*command, "--data", archive.root, url="http://127.0.0.1:1").returncode == 0
        assert commands.run(*command, url=server.url).stdout == commands.run(*command, "--url", server.url).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search", "--url", "over-there"), "'over-there' is no address of a server"),
        (("search", "--url", "http://me:hush@there/"), "the address of the server holds a user name"),
        (("search", "--url", "http://there/", "--key", "a b"), "the key is none that `broadsheet keys add` makes"),
        (("index", "-", "--url", "http://there/", "--partitions", "3"), "--partitions and --builders are up to"),
        (("index", "-", "--url", "http://there/", "--map", "title"), "'title' is not a mapping"),
        (("index", "-", "--rejects", "a.jsonl"), "--rejects goes with --url"),
    ],
)
def test_misuse(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """One line says why, and nothing is asked."""
    refused = commands.run(*arguments, folder=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"broadsheet: {message}")
    assert "hush" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there(live: ApiServer) -> None:
    """Nothing is sent."""
    refused = commands.run("index", "nowhere.jsonl", "--url", live.url)
    assert refused.returncode == 2
    assert refused.stderr == "broadsheet: cannot read 'nowhere.jsonl': No such file or directory\n"


@pytest.mark.parametrize("command", [["search", "--all"], ["index", "-"], ["info"]])
def test_nobody_there(command: list[str]) -> None:
    """Found out in seconds, and said with the address."""
    url = f"http://127.0.0.1:{free_port()}"
    failed = commands.run(*command, "--url", url)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"broadsheet: {url}: no whole answer (ConnectError: ")


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (problem("unauthorized"), "does not know this key (401)"),
        (
            problem("forbidden", "the role read does not allow this"),
            "the role read does not allow this (403 forbidden)",
        ),
        (answer(200, b"<html>", "text/html"), "what it answers is no PartitionsAnswer"),
        (answer(500, b"oh no", "text/plain"), "oh no (500 Internal Server Error)"),
    ],
)
def test_refusals(told: bytes, message: str) -> None:
    """Status 1, and what was said; the key is sent, and not shown."""
    with ScriptedServer(told) as server:
        failed = commands.run("info", url=server.url, key="bs_hush")
        assert server.asked[0].headers["authorization"] == "Bearer bs_hush"
    assert failed.returncode == 1
    assert f"broadsheet: {server.url}: {message}" in failed.stderr
    assert "hush" not in failed.stderr


def test_a_key_that_may_only_read(tmp_path: Path) -> None:
    """A real server with keys: reading and writing go by the role."""
    root = tmp_path / "keyed"
    assert commands.run("index", "-", "--data", root, stdin=_lines({"id": "a", "title": "A"})).returncode == 0
    keys = {role: _key(root, role) for role in ("read", "write")}
    with ApiServer(root, indexer=True, builders=1, public_reads=False) as server:
        assert "needs an access key (401)" in commands.run("info", url=server.url).stderr
        assert commands.run("info", url=server.url, key=keys["read"]).returncode == 0
        row = _lines({"id": "b", "title": "B"})
        refused: Any = commands.run("index", "-", stdin=row, url=server.url, key=keys["read"])
        assert refused.returncode == 1
        assert "(403 forbidden)" in refused.stderr
        assert commands.run("index", "-", stdin=row, url=server.url, key=keys["write"]).returncode == 0


def _key(root: Path, role: str) -> str:
    made = commands.run("keys", "add", role, "--role", role, "--data", root)
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[-1]
