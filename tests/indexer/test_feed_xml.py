"""XML from strangers: bombs and entities are refused unread, encodings are found, breakage has its place."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.feeds.errors import FeedInvalidError
from indexer.feeds.xml_tree import parse_xml
from tests.indexer.feed_server import FeedServer

URL = "https://news.example/feed"


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A listener that must not hear anything."""
    with FeedServer() as running:
        yield running


def _refused(content: bytes, match: str) -> FeedInvalidError:
    with pytest.raises(FeedInvalidError, match=match) as caught:
        parse_xml(content, URL)
    return caught.value


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
BOMBS = {
    "billion laughs": b'<!DOCTYPE a [<!ENTITY l0 "ha">' + LAUGHS + b"]><a>&l9;</a>",
    "quadratic": b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 100_000 + b'">]><a>' + b"&x;" * 100_000 + b"</a>",
    "default attribute": b"<!DOCTYPE a [<!ATTLIST a b CDATA '" + b"x" * 100_000 + b"'>]><a/>",
    "one entity": b'<!DOCTYPE a [<!ENTITY x "y">]><a/>',
    "empty subset": b"<!DOCTYPE a []><a/>",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_declaration_is_read(bomb: str) -> None:
    """Refused at the bracket that opens them, in less memory than a few copies of the document."""
    tracemalloc.start()
    try:
        _refused(BOMBS[bomb], "declares a document type of its own at line 1; follow a feed without it")
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "template",
    [
        "<!DOCTYPE a [<!ENTITY x SYSTEM '%s'>]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY %% x SYSTEM '%s'> %%x;]><a/>",
        "<!DOCTYPE a SYSTEM '%s' [<!ENTITY %% x SYSTEM '%s'> %%x;]><a>&y;</a>",
        "<!DOCTYPE a PUBLIC '-//X//Y' '%s'><a>&y;</a>",
        "<!DOCTYPE a SYSTEM '%s'><a xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='%s'/>&y;</a>",
    ],
)
def test_nothing_outside_is_read(server: FeedServer, tmp_path: Path, template: str) -> None:
    """Neither from the network nor from a file; a real listener hears nothing."""
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    for target in (server.url + "/x.dtd", secret.as_uri(), str(secret)):
        error = _refused(template.replace("%s", target).replace("%%", "%").encode(), "the XML")
        assert "SECRET" not in str(error)
    assert server.settled() == 0


def test_a_doctype_that_declares_nothing_is_let_pass(server: FeedServer) -> None:
    """RSS 0.91 begins with one; its characters are known, its DTD is not fetched."""
    name = f'"-//Netscape Communications//DTD RSS 0.91//EN" "{server.url}/rss-0.91.dtd"'
    root = parse_xml(f"<?xml version='1.0'?>\n<!DOCTYPE rss PUBLIC {name}><rss>caf&eacute;</rss>".encode(), URL)
    assert root.text == "café"
    assert server.settled() == 0


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"<a>" * 65, "more than 64 nested elements"),
        (b"<a>" + b"<b/>" * 100_000, "more than 100,000 elements and attributes"),
        (b"<a>" + b"<b c='d'/>" * 50_000, "more than 100,000 elements and attributes"),
        (b"<a " + b" ".join(b"a%d='>'" % n for n in range(200_000)) + b"/>", "more than 1,048,576 characters in a"),
        (b"<a " + b" ".join(b"a%d='1'" % n for n in range(101)) + b"/>", "more than 100 attributes of one element"),
    ],
)
def test_trees_are_bounded(content: bytes, match: str) -> None:
    """In depth, number and width; so much less one is fine."""
    _refused(content, match)
    assert parse_xml(b"<a>" * 64 + b"</a>" * 64, URL) is not None
    image = b"<a><b c='" + b"x" * 1_000_000 + b"'/>" + b"text" * 1_000_000 + b"</a>"
    assert len(parse_xml(image, URL)) == 1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", (1, 1)),
        (b"<a>\n<b></a>", (2, 6)),
        (b"<a>\n  &x;</a>", (2, 3)),
        (b"<a/>\n<b/>", (2, 1)),
        (b"<a>\0</a>", (1, 4)),
        (b"<a b='", (1, 1)),
        (b"<a>\n\xff</a>", (2, 1)),
        (b"<x:a/>", (1, 1)),
    ],
)
def test_broken_xml_has_its_place(content: bytes, place: tuple[int, int]) -> None:
    """Line and column count from 1."""
    error = _refused(content, rf"at line {place[0]}, column {place[1]}; tell its publisher")
    assert (error.line, error.column) == place


_WORDS = "<?xml version='1.0' encoding='{}'?><a>Zürich</a>"


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        (_WORDS.format("utf-8").encode(), None),
        (b"\xef\xbb\xbf" + _WORDS.format("latin1").encode(), "latin1"),
        (_WORDS.format("iso-8859-1").encode("latin-1"), None),
        (_WORDS.format("utf-8").encode("latin-1"), "ISO-8859-1"),
        (_WORDS.format("utf-16").encode("utf-16"), None),
        (_WORDS.format("utf-16").encode("utf-16-be"), None),
        (_WORDS.format("utf-8").encode("utf-32"), None),
        (_WORDS.format("utf-16").encode(), None),
        (_WORDS.format("no-such-set").encode(), "nor-this"),
        (_WORDS.format("punycode").encode(), "unicode_escape"),
        (b" \n" + _WORDS.format("gb18030").encode("gb18030"), None),
    ],
)
def test_encodings_are_found(content: bytes, charset: str | None) -> None:
    """The mark before the header, the header before the declaration; what is no character set counts for nothing."""
    assert parse_xml(content, URL, charset=charset).text == "Zürich"


def test_latin_1_is_windows_1252() -> None:
    """As the Encoding Standard has it: publishers mean the quotation marks."""
    assert parse_xml(b"<?xml version='1.0' encoding='iso-8859-1'?><a>\x93x\x94</a>", URL).text == "“x”"


@given(st.binary(max_size=120), st.sampled_from([None, "utf-16", "idna", "zip", "x" * 50]))
def test_any_bytes_are_xml_or_refused(content: bytes, charset: str | None) -> None:
    """Nothing else comes out."""
    for prefix in (b"", b"<a>", b"<?xml version='1.0' encoding='"):
        try:
            parse_xml(prefix + content, URL, charset=charset)
        except FeedInvalidError:
            continue
