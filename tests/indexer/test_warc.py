"""WARC files: pages become records, what is broken is counted, and a run goes on where another stood."""

import gzip
import subprocess
import sys
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.article import validate
from indexer.readers import InputError, Record
from indexer.readers.pages import MAX_PAGE_BYTES, Page, PageExtractor, PageFault
from indexer.readers.warc import WarcRecords, read_warc
from indexer.rejects import Reject

SENTENCES = (
    "The council voted on Friday to approve the long debated plan for the harbour.",
    "Residents said that they were pleased with the outcome of the vote.",
    "Work on the new quay is to begin in the spring of next year.",
)


def _page(title: str, *, head: str = "", body: str = "") -> bytes:
    text = "".join(f"<p>{sentence} {title}.</p>" for sentence in SENTENCES * 3)
    return (
        f'<html lang="en-GB"><head><title>{title}</title>{head}</head><body><nav><a href="/">Home</a></nav>'
        f"<article><h1>{title}</h1>{text}{body}</article><footer>Copyright</footer></body></html>"
    ).encode()


META = (
    '<meta property="og:site_name" content="News Example"><meta name="author" content="Jane Doe">'
    '<meta property="article:published_time" content="2020-03-04T10:11:12+01:00">'
)


def _http(body: bytes, *, status: str = "200 OK", content_type: str = "text/html", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}\r\n".encode() + body


def _warc(
    block: bytes,
    *,
    url: str = "http://news.example/a",
    kind: str = "response",
    more: str = "",
    length: int | None = None,
) -> bytes:
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        "WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000000>",
        "WARC-Date: 2020-05-06T07:08:09Z",
        f"WARC-Target-URI: {url}",
        f"Content-Type: application/http; msgtype={kind}",
        f"Content-Length: {len(block) if length is None else length}",
    ]
    return ("\r\n".join(lines) + "\r\n" + more + "\r\n").encode() + block + b"\r\n\r\n"


def _crawl() -> list[bytes]:
    """Six pages with other records between them; each with its own title and address."""
    records = [_warc(b"software: test\r\n", kind="warcinfo")]
    for n in range(6):
        url = f"http://news.example/{n}"
        records.append(_warc(b"GET / HTTP/1.1\r\n\r\n", kind="request", url=url))
        records.append(_warc(_http(_page(f"Story number {n}", head=META)), url=url))
        if n == 2:
            records.append(_warc(_http(b"\x89PNG", content_type="image/png"), url=url + ".png"))
            records.append(_warc(_http(b"<html>", status="404 Not Found"), url=url + "/gone"))
            records.append(_warc(_http(b"<html><body></body></html>"), url=url + "/empty"))
    return records


PACKINGS: dict[str, Callable[[list[bytes]], bytes]] = {
    "plain": b"".join,
    "gzip": lambda records: b"".join(map(gzip.compress, records)),
    "zstd": lambda records: b"".join(map(zstandard.ZstdCompressor().compress, records)),
    "gzip as a whole": lambda records: gzip.compress(b"".join(records)),
}


def _write(folder: Path, *records: bytes, name: str = "a.warc") -> Path:
    path = folder / name
    path.write_bytes(b"".join(records))
    return path


def _items(records: WarcRecords) -> list[tuple[str, int, str]]:
    """File, number and title, or the reason."""
    return [
        (Path(item.file).name, item.line, item.values["title"] if isinstance(item, Record) else item.reason)
        for item in records
    ]


def _only(path: Path, **how: Any) -> Record | Reject:
    (item,) = read_warc([path], **how)
    return item


def test_a_page_becomes_a_record(tmp_path: Path) -> None:
    """Title, text, author, site, language and date of the page, under names that need no mapping."""
    url = "HTTP://News.Example:80/2020/a?b=C#top"
    record = _only(_write(tmp_path, _warc(_http(_page("Council votes", head=META)), url=url)))
    assert isinstance(record, Record)
    values = dict(record.values)
    body = values.pop("body")
    assert values == {
        "id": "http://news.example/2020/a?b=C",
        "url": "http://news.example/2020/a?b=C",
        "title": "Council votes",
        "summary": "",
        "authors": ["Jane Doe"],
        "source": "News Example",
        "tags": [],
        "language": "en-GB",
        "published_at": "2020-03-04T10:11:12+0100",
        "dated_by": "page",
    }
    assert SENTENCES[0] in body
    assert "Home" not in body
    assert "Copyright" not in body
    assert "<" not in body
    article = validate(record.values, now_ms=1_700_000_000_000).article
    assert (article.published_ms, article.date_confidence) == (1_583_313_072_000, "instant")
    assert (record.line, record.raw) == (1, b"http://news.example/2020/a?b=C")


@pytest.mark.parametrize(
    ("date", "published_at", "dated_by"),
    [
        ("", "2020-05-06T07:08:09Z", "capture"),
        ("2020-03-04", "2020-03-04", "page"),
        ("2020-05-07", "2020-05-07", "page"),
        ("2021-03-04", "2020-05-06T07:08:09Z", "capture"),
    ],
)
def test_a_page_without_a_date_has_that_of_its_capture(
    tmp_path: Path, date: str, published_at: str, dated_by: str
) -> None:
    """And says so; a page cannot be younger than that, and a day is no midnight."""
    head = f'<meta property="article:published_time" content="{date}">' if date else ""
    record = _only(_write(tmp_path, _warc(_http(_page("Council votes", head=head)))))
    assert isinstance(record, Record)
    assert (record.values["published_at"], record.values["dated_by"]) == (published_at, dated_by)
    assert record.values["source"] == "news.example"


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (_page("Zürich votes"), "text/html"),
        (_page("Zürich votes").decode().encode("latin-1"), "text/html; charset=iso-8859-1"),
        (_page("Zürich votes").decode().encode("latin-1"), "text/html"),
        (
            _page("Zürich votes", head="<meta charset='utf-16'>").decode().encode("utf-16"),
            "text/html; charset=utf-16",
        ),
        (_page("Zürich votes", head="<meta charset=macroman>").decode().encode("mac-roman"), "text/html"),
        (_page("Zürich votes"), "application/xhtml+xml; charset=punycode"),
    ],
)
def test_pages_are_decoded(tmp_path: Path, content: bytes, content_type: str) -> None:
    """By the header, else by what they say, else by what they are."""
    record = _only(_write(tmp_path, _warc(_http(content, content_type=content_type))))
    assert isinstance(record, Record)
    assert record.values["title"] == "Zürich votes"


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize(
    ("pack", "more"),
    [
        (gzip.compress, "Content-Encoding: gzip\r\n"),
        (zlib.compress, "Content-Encoding: deflate\r\n"),
        (_chunked, "Transfer-Encoding: chunked\r\n"),
        (lambda body: _chunked(gzip.compress(body)), "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
    ],
)
def test_answers_are_unpacked(tmp_path: Path, pack: Callable[[bytes], bytes], more: str) -> None:
    """Crawlers store them as they were sent."""
    record = _only(_write(tmp_path, _warc(_http(pack(_page("Council votes")), more=more))))
    assert isinstance(record, Record)
    assert record.values["title"] == "Council votes"


STORIES = [("a.warc", n, f"Story number {n - 1}") for n in (1, 2, 3)] + [
    ("a.warc", 6, "the page has no text"),
    *(("a.warc", n, f"Story number {n - 4}") for n in (7, 8, 9)),
]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("processes", [1, 3])
def test_every_packing_gives_the_same_records(tmp_path: Path, packing: str, processes: int) -> None:
    """In order, however many processes look; what is no article is counted."""
    records = read_warc([_write(tmp_path, PACKINGS[packing](_crawl()))], processes=processes)
    assert _items(records) == STORIES
    assert records.records == 6
    assert records.rejected == {"the page has no text": 1}
    assert records.passed == {"not HTML": 1, "another status": 1}


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_run_goes_on_where_another_stood(tmp_path: Path, packing: str) -> None:
    """Stopped after any item, what comes then is exactly what would have come, also over files that break off."""
    content = PACKINGS[packing](_crawl())
    files = [
        _write(tmp_path, content[: len(content) // 2], name="a.warc"),
        _write(tmp_path, content, name="b.warc"),
        _write(tmp_path, b"nonsense", name="c.warc"),
        _write(tmp_path, content, name="d.warc"),
    ]
    whole = _items(read_warc(files))
    assert len(whole) > 15
    assert {name for name, _, _ in whole} == {"a.warc", "b.warc", "c.warc", "d.warc"}
    for stop in range(1, len(whole) + 1, 4):
        records = read_warc(files)
        before = list(islice(records, stop))
        assert len(before) == stop
        position = records.position
        assert position
        rest = files[[str(file) for file in files].index(position.file) :]
        assert _items(read_warc(rest, starts={position.file: position})) == whole[stop:]


def test_a_run_goes_on_in_the_middle_of_a_file(tmp_path: Path) -> None:
    """What was read is not read again: the beginning may be gone from the disk."""
    path = _write(tmp_path, PACKINGS["gzip"](_crawl()))
    records = read_warc([path])
    iterator = iter(records)
    for _ in range(5):
        next(iterator)
    iterator.close()  # type: ignore[attr-defined]
    position = records.position
    assert position is not None
    assert position.offset > 0
    content = path.read_bytes()
    path.write_bytes(b"\0" * position.offset + content[position.offset :])
    assert _items(read_warc([path], starts={position.file: position})) == STORIES[5:]


GOOD = _warc(_http(_page("Good story")), url="http://news.example/good")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (_warc(_http(b"x" * (MAX_PAGE_BYTES + 1))), "the record is longer than 10,000,000 bytes"),
        (
            _warc(_http(gzip.compress(b" " * (MAX_PAGE_BYTES + 1)), more="Content-Encoding: gzip\r\n")),
            "the page is longer than 10,000,000 bytes",
        ),
        (_warc(_http(b"no gzip", more="Content-Encoding: gzip\r\n")), "the answer is damaged: "),
        (_warc(_http(b"no chunk", more="Transfer-Encoding: chunked\r\n")), "the answer is damaged: "),
        (
            _warc(_http(_page("Cut")), more="WARC-Truncated: length\r\n"),
            "the page was cut short when it was captured",
        ),
        (_warc(_http(_page("Where?")), url="urn:x"), "the record has no address on the web"),
        (_warc(_http(b"")), "the page has no text"),
        (_warc(_http(b"\0\xff" * 500)), "the page has no text"),
        (_warc(_http(_page("").replace(b"<h1></h1>", b""))), "the page has no title"),
    ],
)
def test_a_broken_record_stops_nothing(tmp_path: Path, broken: bytes, reason: str) -> None:
    """It is a reject with its number and address; the next one is read."""
    first, second, third = read_warc([_write(tmp_path, GOOD, broken, GOOD)])
    assert isinstance(first, Record)
    assert isinstance(second, Reject)
    assert isinstance(third, Record)
    assert (second.line, second.reason[: len(reason)]) == (2, reason)
    assert (third.line, third.values["title"]) == (3, "Good story")


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_file_cut_short_anywhere_is_told(tmp_path: Path, packing: str) -> None:
    """Cut inside a record: what came before is given, the rest is one reject, the next file follows."""
    packed = PACKINGS[packing]([GOOD, GOOD])
    good = _write(tmp_path, GOOD, name="b.warc")
    half = len(packed) - len(PACKINGS[packing]([GOOD])) if packing != "gzip as a whole" else len(packed) // 2
    for cut in (half + 3, half + 30, half + (len(packed) - half) // 2, len(packed) - 20, len(packed) - 1):
        records = read_warc([_write(tmp_path, packed[:cut]), good])
        *before, lost, last = _items(records)
        assert before == [("a.warc", number, "Good story") for number in range(1, len(before) + 1)]
        assert lost[0] == "a.warc"
        assert lost[2].startswith(("the file ends early", "the rest is damaged", "gzip file ends", "zstd file ends"))
        assert last == ("b.warc", 1, "Good story")


@pytest.mark.parametrize(
    "content",
    [
        b"<html>no WARC</html>",
        gzip.compress(b"no WARC", mtime=0),
        GOOD[:-4] + b"garbage garbage garbage\r\n\r\n" + GOOD,
        _warc(_http(_page("Lies")), length=10**9) + GOOD,
        _warc(_http(_page("Lies")), length=20) + GOOD,
        gzip.compress(GOOD, mtime=0) + b"garbage",
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    """One reject for the rest of it, and the next file follows."""
    items = _items(read_warc([_write(tmp_path, content), _write(tmp_path, GOOD, name="b.warc")]))
    told = [reason for name, _, reason in items if name == "a.warc" and reason.startswith("the ")]
    assert len(told) == 1
    assert items[-1] == ("b.warc", 1, "Good story")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_wounds_give_rejects_and_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes changed, cut out and put in anywhere; without pages, since no process is worth starting here."""
    content = bytearray(
        b"".join(_warc(_http(b"x", content_type=kind)) for kind in ("image/png", "text/css", "text/plain"))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=8))
    packed = gzip.compress(bytes(content)) if data.draw(st.booleans()) else bytes(content)
    list(read_warc([_write(tmp_path, packed[: data.draw(st.integers(0, len(packed)))])]))


def test_inputs_are_found_or_named(tmp_path: Path) -> None:
    """Folders by their endings, sorted; what is not there is said before anything is read."""
    folder = tmp_path / "crawl" / "2020"
    folder.mkdir(parents=True)
    for name in ("b.warc.gz", "a.warc", "notes.txt", "c.warc.zst", "d.warc.bak"):
        _write(folder, GOOD, name=name)
    assert [name for name, _, _ in _items(read_warc([tmp_path / "crawl"]))] == ["a.warc", "b.warc.gz", "c.warc.zst"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no file to read in folder '.*/empty': looked for \.warc \.warc\.gz"):
        read_warc([tmp_path / "empty"])
    with pytest.raises(InputError, match=r"cannot read '.*/missing': No such file"):
        read_warc([tmp_path / "missing"])


PAGE = Page("http://news.example/a", None, "2020-05-06", _page("Council votes"))
SLOW = Page("http://news.example/slow", None, "2020-05-06", b"<html><body>" + b"<a href=x>word</a>" * 500_000)


def test_a_page_that_takes_too_long_is_given_up() -> None:
    """The process is killed, and the next page has a new one."""
    with PageExtractor(limit_s=0.5) as extractor:
        assert extractor.article(PAGE)["title"] == "Council votes"
        first = extractor._process
        assert first is not None
        with pytest.raises(PageFault, match=r"finding the article takes longer than 0\.5 seconds"):
            extractor.article(SLOW)
        assert first.returncode is not None
        assert extractor.article(PAGE)["title"] == "Council votes"
        assert extractor._process is not first


def test_a_process_that_dies_costs_its_page_only() -> None:
    """Whatever killed it."""
    with PageExtractor() as extractor:
        extractor.article(PAGE)
        assert extractor._process is not None
        extractor._process.kill()
        with pytest.raises(PageFault, match="finding the article ended the process that tried"):
            extractor.article(PAGE)
        assert extractor.article(PAGE)["title"] == "Council votes"


def test_the_process_ends_with_its_parent() -> None:
    """Killed without a chance to say so, it leaves nobody behind: the socket closes."""
    script = """
import os, sys
from contextlib import suppress
from indexer.readers.pages import Page, PageExtractor, PageFault
extractor = PageExtractor()
with suppress(PageFault):
    extractor.article(Page("http://a.example/", None, "2020-01-01", b"<p>x"))
sys.stdout.write(str(extractor._process.pid))
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""
    # The child's output is a pipe of ours, so that reading it to its end waits for both processes.
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == -9
    assert int(done.stdout) > 0
