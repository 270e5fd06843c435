"""The command line, as scripts and people use it: exit statuses, streams, and what stands in them."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests import commands
from tests.api_server import ApiServer, eventually
from tests.archive import Archive, copied
from tests.small_index import contents, files_of, newest

COMMANDS = ("index", "follow", "import", "search", "serve", "check", "info", "keys", "cache", "sample")
ROWS = [
    {"id": f"a/{number}", "headline": f"Title {number}", "text": "storm", "date": "2007-04-10"} for number in range(9)
]


def _lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """A small file of articles."""
    path = tmp_path / "articles.jsonl"
    path.write_bytes(_lines(*ROWS))
    return path


@pytest.fixture
def copy(archive: Archive, tmp_path: Path) -> Path:
    """A copy of the archive, to be damaged."""
    return copied(archive.root, tmp_path / "copy")


@pytest.mark.parametrize(
    "command",
    [
        *(name for name in COMMANDS if name not in {"keys", "cache"}),
        *("keys add", "keys list", "keys revoke", "cache stats"),
    ],
)
def test_every_command_has_help_with_examples(command: str) -> None:
    """`--help` says what it does, shows how, and explains every option."""
    shown = commands.run(*command.split(), "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(rf"^  (\S+=\S+ )?broadsheet {command} .*\w", shown.stdout, re.MULTILINE), "an example"
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)(.*)$", shown.stdout, re.MULTILINE)
    assert len(options) >= 2
    assert all(text.strip() for _option, text in options)


def test_help_is_quick() -> None:
    """The command imports what a command of its needs when that runs, not before."""
    heavy = "import sys, broadsheet.cli; print({'numba', 'numpy', 'uvicorn', 'whoosh'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_help_lists_the_commands() -> None:
    """Without a command the list is shown, which is a misuse; with `--help` it is not."""
    asked, bare = commands.run("--help"), commands.run()
    assert (asked.returncode, bare.returncode) == (0, 2)
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z]\w+ .*\.$", asked.stdout, re.MULTILINE)
        assert f"  {command} " in bare.stdout + bare.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serve", "--colour"), "No such option"),
        (("index",), "Missing argument"),
        (("index", "-", "--partitions", "0"), "0 is not in the range|greater than or equal to 1"),
        (("index", "nowhere.jsonl"), r"^broadsheet: cannot read 'nowhere.jsonl': No such file or directory$"),
        (("index", "-", "--map", "title"), r"^broadsheet: 'title' is not a mapping: write field=name"),
        (("index", "-", "--builders", "0"), r"^broadsheet: --builders: builders '0' cannot be used"),
        (("search", "--sort", "best"), r"^broadsheet: sort: 'best' is not one of relevance, newest, oldest"),
        (("follow",), "Missing argument"),
        (("follow", "nowhere.opml"), r"^broadsheet: .*No such file or directory: 'nowhere.opml'"),
        (("follow", "https://a.example/", "--every", "0"), "0 is not in the range|greater than or equal to 1"),
        (("import", "nowhere.warc"), r"^broadsheet: cannot read 'nowhere.warc': No such file or directory$"),
        (("info", "--config", "nowhere.toml"), r"^broadsheet: nowhere.toml: cannot be read as TOML"),
    ],
)
def test_misuse_is_status_2(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """A command line that cannot be used: one line says why, nothing is done, nothing stands on standard output."""
    refused = commands.run(*arguments, folder=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.search(message, refused.stderr.strip(), re.MULTILINE), refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_be_used_are_status_2(tmp_path: Path, archive: Archive) -> None:
    """A variable, a file with an unknown name, keys and addresses: each named with its source, by every command."""
    (tmp_path / "broadsheet.toml").write_text("colour = 1\n")
    unknown = commands.run("info", folder=tmp_path)
    assert unknown.returncode == 2
    assert unknown.stderr == "broadsheet: broadsheet.toml: there is no setting named colour; see `broadsheet info`\n"
    port = commands.run("info", port="eighty")
    assert (port.returncode, port.stderr[:50]) == (2, "broadsheet: BROADSHEET_PORT: port 'eighty' cannot ")
    keys = commands.run("serve", "--data", archive.root, cursor_keys="1:secret")
    assert (keys.returncode, keys.stdout) == (2, "")
    assert keys.stderr.startswith("broadsheet: cursor_keys: not of the form id:hex")
    assert "secret" not in keys.stderr
    redis = commands.run("search", "--data", archive.root, redis_url="over-there")
    assert (redis.returncode, redis.stdout) == (2, "")
    assert redis.stderr.startswith("broadsheet: BROADSHEET_REDIS_URL ")


@pytest.mark.parametrize("command", ["search", "check", "serve"])
def test_an_archive_that_is_not_there_is_status_1(tmp_path: Path, command: str) -> None:
    """The last line says what to do first, and nothing is made."""
    failed = commands.run(command, "--data", tmp_path / "nowhere")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.endswith("; index something into it first\n")
    assert not (tmp_path / "nowhere").exists()


def test_indexing(tmp_path: Path, articles: Path) -> None:
    """What was taken for what, what became of the lines, and status 0; the second run changes nothing."""
    root = tmp_path / "archive"
    for changed in (9, 0):
        done = commands.run("index", articles, "--data", root, "--partitions", "3")
        assert (done.returncode, done.stderr) == (0, "")
        first, *_, last = done.stdout.splitlines()
        assert first == "id <- id"
        assert "title <- headline\nbody <- text\npublished_at <- date\n" in done.stdout
        assert last.startswith(f"9 lines: 9 accepted ({changed} new or changed), 0 rejected; 9 articles in epoch 1; ")
        assert last.endswith(" articles/s")
    assert len(newest(root).partitions) == 3
    assert contents(root)["a/3"]["title"] == "Title 3"


def test_rejected_lines_are_status_3(tmp_path: Path) -> None:
    """The good lines are in, the bad ones are counted and listed with line and reason."""
    root = tmp_path / "archive"
    lines = _lines(*ROWS[:2]) + b"{broken\n" + _lines(*ROWS[2:], {"id": "x"})
    done = commands.run("index", "-", "--data", root, stdin=lines)
    assert done.returncode == 3
    assert "11 lines: 9 accepted (9 new or changed), 2 rejected; 9 articles in epoch 1; " in done.stdout
    assert done.stderr == f"rejected lines are in {root / 'rejects.jsonl'}\n"
    rejects = [json.loads(line) for line in (root / "rejects.jsonl").read_text().splitlines()]
    assert [(reject["file"], reject["line"]) for reject in rejects] == [("-", 3), ("-", 11)]
    assert rejects[1]["reason"] == "title is missing or empty"


def test_a_mapping_and_a_folder(tmp_path: Path) -> None:
    """`--map` names the fields; a folder stands for the files in it."""
    (tmp_path / "in").mkdir()
    for name in ("one.csv", "two.csv"):
        (tmp_path / "in" / name).write_text(f"nr,kop\n{name},Kop van {name}\n")
    done = commands.run("index", tmp_path / "in", "--data", tmp_path / "archive", "--map", "id=nr,title=kop")
    assert done.returncode == 0
    assert contents(tmp_path / "archive")["two.csv"]["title"] == "Kop van two.csv"


def test_another_number_of_partitions_is_status_1(archive: Archive, articles: Path) -> None:
    """What the archive is decides, and the cure is said."""
    refused = commands.run("index", articles, "--data", archive.root, "--partitions", "3")
    assert refused.returncode == 1
    assert refused.stderr.startswith("broadsheet: the archive has 8 partitions, not 3; leave --partitions out")


def test_a_terminal_gets_a_bar(tmp_path: Path, articles: Path) -> None:
    """Where standard error is a terminal, progress is drawn there and the summary alone is on standard output."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*commands.BROADSHEET, "index", str(articles), "--data", str(tmp_path / "archive")],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=commands.environment() | {"TERM": "xterm", "COLUMNS": "120"},
        cwd=tmp_path,
        text=True,
    ) as process:
        os.close(theirs)
        drawn = b"".join(_everything(ours))
        assert process.stdout
        assert process.stdout.read().startswith("9 lines: 9 accepted")
    assert process.returncode == 0
    assert b"title <- headline" in drawn
    assert b"9 of 9 articles, " in drawn
    assert "━".encode() in drawn


def _everything(terminal: int) -> Iterator[bytes]:
    with open(terminal, "rb", buffering=0) as screen:
        while True:
            try:
                piece = screen.read(65536)
            except OSError:  # how Linux says that the other side is closed
                return
            yield piece


SEARCHES: list[tuple[list[str], dict[str, str | list[str]]]] = [
    (
        ["budget OR storm", "--limit", "3", "--sort", "newest", "--from", "2006-04-10", "--to", "2007-04-10"],
        {"q": "budget OR storm", "limit": "3", "sort": "newest", "from": "2006-04-10", "to": "2007-04-10"},
    ),
    (
        ["--section", "politics", "--section", "!Sport", "--source", "Wire", "--author", "Ann Storm"],
        {"section": ["politics", "!Sport"], "source": "Wire", "author": "Ann Storm"},
    ),
    (
        ["budget", "--tag", "veterans", "--language", "!de", "--facets", "section,year", "--recency", "off"],
        {"q": "budget", "tag": "veterans", "language": "!de", "facets": "section,year", "recency": "off"},
    ),
]


@pytest.mark.parametrize(("arguments", "parameters"), SEARCHES)
def test_json_is_the_answer_of_the_api(
    archive: Archive, server: ApiServer, arguments: list[str], parameters: dict[str, str | list[str]]
) -> None:
    """Byte for byte what the service answers to the same search; cursors made there go on here."""
    asked = {"limit": "10", **parameters, "timeout_ms": "30000"}
    answer = server.client.get("/v1/search", params=asked)
    assert answer.status_code == 200
    found = commands.run("search", "--data", archive.root, "--json", *arguments)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == answer.text + "\n"
    if arguments[0] == "budget OR storm":
        address = answer.json()["page"]["next"]
        cursor = re.search(r"cursor=([\w-]+)", address)
        assert cursor
        on = commands.run("search", "--data", archive.root, "--json", *arguments, "--cursor", cursor[1])
        assert on.stdout == server.client.get(address).text + "\n"


def test_tables_are_for_people(archive: Archive) -> None:
    """Rank, title, date, section, source, score and id, the snippet without markup, and the totals."""
    found = commands.run("search", "--data", archive.root, "title:budget", "--limit", "2", "--json")
    hits = json.loads(found.stdout)["data"]
    shown = commands.run("search", "--data", archive.root, "title:budget", "--limit", "2")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    for rank, hit in enumerate(hits, start=1):
        at = lines.index(f"{rank:>3}  {hit['title']}")
        day = (hit["published_at"] or "undated")[:10]
        facts = (day, hit["section"], hit["source"], f"{hit['score']:.3f}", hit["id"])
        assert lines[at + 1] == "     " + "  ".join(filter(None, facts))
    total = json.loads(found.stdout)["total"]["value"]
    assert lines[-1] == f"{total:,} articles; 8 of 8 partitions answered"
    assert "<mark>" not in shown.stdout
    assert "\x1b" not in shown.stdout


def test_tables_tell_what_else_there_is(archive: Archive) -> None:
    """Counts of facets, what was not understood, and what was probably meant."""
    shown = commands.run("search", "--data", archive.root, '"budgt', "--facets", "section", "--limit", "1").stdout
    answer = commands.run("search", "--data", archive.root, '"budgt', "--facets", "section", "--limit", "1", "--json")
    (note,), meant = (json.loads(answer.stdout)[name] for name in ("notes", "did_you_mean"))
    assert f"note: {note['detail']} (character 1)\n" in shown
    assert f"did you mean: {meant['q']}  ({meant['total']} articles)\n" in shown
    sections = commands.run("search", "--data", archive.root, "budget", "--facets", "section", "--limit", "1").stdout
    assert re.search(r"^section  [\w& ]+ \d+( · [\w& ]+ \d+)+$", sections, re.MULTILINE)


def test_tables_of_stories(archive: Archive) -> None:
    """One of each, with how many more there are; the total counts stories."""
    asked = ("search", "--data", archive.root, "budget", "--collapse", "story", "--limit", "100")
    shown, answer = commands.run(*asked).stdout, json.loads(commands.run(*asked, "--json").stdout)
    assert shown.endswith(f"{answer['total']['value']:,} stories; 8 of 8 partitions answered\n")
    assert re.search(r"^     \d{4}-.* and [1-9]\d* more$", shown, re.MULTILINE)
    misspelled = commands.run("search", "--data", archive.root, "--collapse", "stories")
    assert misspelled.returncode == 2
    assert "'stories' is not one of story, none" in misspelled.stderr


def test_articles_cannot_command_the_terminal(tmp_path: Path) -> None:
    """Control characters in an article are shown as spaces; its HTML is text."""
    rows = [{"id": "a", "title": "Red \x1b[31malert", "body": "a <b>storm</b>\x07 & more"}]
    root = tmp_path / "archive"
    assert commands.run("index", "-", "--data", root, "--partitions", "1", stdin=_lines(*rows)).returncode == 0
    shown = commands.run("search", "--data", root, "storm").stdout
    assert "  1  Red  [31malert\n" in shown
    assert "     a <b>storm</b>  & more\n" in shown


def test_queries_that_cannot_be_used(archive: Archive) -> None:
    """A query beyond the limits and a cursor of somebody else are misuse, as in the API."""
    for arguments, message in (
        (["x" * 600], "^broadsheet: .*512"),
        (["budget", "--cursor", "abc"], "^broadsheet: the cursor was not made here or is damaged"),
    ):
        refused = commands.run("search", "--data", archive.root, *arguments)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert re.search(message, refused.stderr)


def test_a_sound_archive_passes_the_check(archive: Archive) -> None:
    """Each partition is named, then the whole."""
    checked = commands.run("check", "--data", archive.root)
    assert (checked.returncode, checked.stderr) == (0, "")
    *partitions, whole = checked.stdout.splitlines()
    assert len(partitions) == 8
    assert all(re.fullmatch(r"partition \d: \d+ articles, [\d,]+ bytes, sound", line) for line in partitions)
    assert whole == "epoch 1 is sound: 400 articles"


def test_a_damaged_archive_is_status_1(copy: Path) -> None:
    """One flipped byte in one of the files: the last line names it and the cure."""
    manifest, *_, last = files_of(copy, newest(copy))
    for path in (last, manifest):
        sound = path.read_bytes()
        at = len(sound) // 2
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        checked = commands.run("check", "--data", copy)
        assert checked.returncode == 1
        assert checked.stderr.startswith(f"broadsheet: {path}: ")
        assert "; " in checked.stderr
        path.write_bytes(sound)
    manifest.write_bytes(b"{}")
    assert commands.run("info", "--data", copy).returncode == 1


def test_info_shows_the_archive_and_the_sources(archive: Archive, tmp_path: Path) -> None:
    """Every setting with its value and where it came from; secrets stay secret."""
    (tmp_path / "broadsheet.toml").write_text("port = 1234\n")
    keys = "1:" + "ab" * 32
    shown = commands.run("info", "--data", archive.root, folder=tmp_path, workers=2, cursor_keys=keys)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(
        r"epoch 1 of \S+Z, 400 articles in 8 partitions, [\d,]+ bytes, log applied through", shown.stdout
    )
    assert keys not in shown.stdout
    rows = {row[0]: row[1:] for row in (re.split(r"  +", line.strip()) for line in shown.stdout.splitlines()[2:])}
    assert rows["data"] == [repr(str(archive.root)), "--data"]
    assert rows["workers"] == ["2", "BROADSHEET_WORKERS"]
    assert rows["port"] == ["1234", "broadsheet.toml"]
    assert rows["host"] == ["'127.0.0.1'", "default"]
    assert rows["cursor_keys"] == ["(set, not shown)", "BROADSHEET_CURSOR_KEYS"]
    empty = commands.run("info", "--data", tmp_path / "nowhere")
    assert empty.returncode == 0
    assert "nothing was published here yet" in empty.stdout


def test_sample_articles_can_be_indexed(tmp_path: Path) -> None:
    """Valid JSON Lines, equal for equal seeds, and every one of them is taken."""
    made = commands.run("sample", "--articles", "60", "--seed", "3", "--mean-words", "80")
    assert (made.returncode, made.stderr) == (0, "")
    rows = [json.loads(line) for line in made.stdout.splitlines()]
    assert len({row["id"] for row in rows}) == 60
    assert made.stdout == commands.run("sample", "--articles", "60", "--seed", "3", "--mean-words", "80").stdout
    root = tmp_path / "archive"
    done = commands.run("index", "-", "--data", root, "--partitions", "2", stdin=made.stdout.encode())
    assert done.returncode == 0
    assert contents(root).keys() == {row["id"] for row in rows}


def test_a_reader_that_has_enough_is_no_error() -> None:
    """`broadsheet sample | head -1` ends quietly."""
    with commands.start("sample", "--articles", "1000000") as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_an_interruption_is_status_130() -> None:
    """Ctrl-C ends a command without a traceback."""
    with commands.start("sample", "--articles", "100000000") as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _output, errors = process.communicate(timeout=commands.TIMEOUT_S)
    assert (process.returncode, errors) == (130, b"")


def test_a_server_stops_when_told(archive: Archive) -> None:
    """It says where it is to be found, answers, and ends with status 0 on Ctrl-C."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with commands.start("serve", "--data", archive.root, "--port", str(port), threads=1) as process:
        assert process.stderr
        said = process.stderr.readline().decode()
        address = f"http://127.0.0.1:{port}"
        assert said == f"search {address}/   documentation {address}/docs   stop with Ctrl-C\n"
        eventually(lambda: _is_ready(address))
        os.killpg(process.pid, signal.SIGINT)
        _output, errors = process.communicate(timeout=commands.TIMEOUT_S)
    assert process.returncode == 0, errors
    assert b"Traceback" not in errors


def _is_ready(address: str) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"{address}/readyz").status_code == 200
    return False


def test_a_port_that_is_taken_is_status_1(archive: Archive) -> None:
    """Somebody else listens there: the last line says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = commands.run("serve", "--data", archive.root, "--port", str(port), threads=1)
    assert failed.returncode == 1
    assert "address already in use" in failed.stderr
