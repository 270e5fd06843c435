"""HTML to text: what a reader sees, for any text, in linear time."""

import string
from html.parser import HTMLParser
from xml.etree.ElementTree import fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.feeds.markup import BLOCKS, DROPPED, element_text, folded, html_text, one_line


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain", "plain"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("one<br>two<BR/>three", "one\ntwo\nthree"),
        ("news<b>paper</b>s", "newspapers"),
        ("<ul><li>a<li>b</ul>c", "a\nb\nc"),
        ("<td>a</td><td>b</td>", "a\nb"),
        ("  a \n\n b\t<p> </p>\n", "a b"),
        ("AT&amp;T &lt;b&gt; &eacute; &#8212; &#x2014; &nbsp;x", "AT&T <b> é — — x"),
        ("&amp;lt;", "&lt;"),
        ("&unknown; & &", "&unknown; & &"),
        ("&#" + "9" * 5000 + ";", "\ufffd"),
        ("&#x" + "f" * 5000 + ";", "\ufffd"),
        ("&#0;&#xd800;&#1114112;", "\ufffd\ufffd\ufffd"),
        ("a<script>b<p>c</script>d", "ad"),
        ("a<SCRIPT>if (a</scripty && b) </Script >d", "ad"),
        ("a<style>p > b {}</style>d<iframe src=x>no</iframe>", "ad"),
        ("a<script>b", "a"),
        ("a<script>b</script", "a"),
        ("a<!-- <p> -->b<!-->c<!--->d", "abcd"),
        ("a<!-- b", "a"),
        ("a<!doctype html>b<?php echo '?>c<![CDATA[d]]>e", "abce"),
        ('<a title="x > y">z</a>', "z"),
        ("<a title='x > y' b = \"> \">z</a>", "z"),
        ("<a title=x>y</a>", "y"),
        ("<p don't>y</p>", "y"),
        ('a<b c="d>e', "ae"),
        ("a<b", "a"),
        ("a</b", "a"),
        ("a</>b</ c>d", "abd"),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("a<3", "a<3"),
        ("<", "<"),
        ("\0<p\0>x", "\0x"),
        ("<p/>x<p//>y", "x\ny"),
    ],
)
def test_html_becomes_its_text(markup: str, text: str) -> None:
    """Blocks, references, content that is not read, tags that are broken or end the text."""
    assert html_text(markup) == text


def test_a_title_is_one_line() -> None:
    """Blocks in it separate words."""
    assert one_line("<h1>One</h1>\n<h2>two</h2>") == "One two"


class _Twin(HTMLParser):
    """The same rules over the standard library's parser."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.dropped = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the signature is the library's
        self.dropped += tag in DROPPED
        self.parts.append("\n" if tag in BLOCKS else "")

    def handle_endtag(self, tag: str) -> None:
        self.dropped -= tag in DROPPED
        self.parts.append("\n" if tag in BLOCKS else "")

    def handle_data(self, data: str) -> None:
        if not self.dropped:
            self.parts.append(data.replace("\n", " "))


def _twin(markup: str) -> str:
    parser = _Twin()
    parser.feed(markup)
    parser.close()
    return folded("".join(parser.parts))


_TEXT = st.text(st.sampled_from("ab \n\t.;#éЖ\u00a0'\""), max_size=8)
_REFERENCE = st.sampled_from(["&amp;", "&lt;", "&#233;", "&#x416;", "&eacute;", "&nbsp;", "&", "&nosuch;"])
_VALUE = st.one_of(
    st.text(string.ascii_letters + " >=<'\n", max_size=6).map(lambda value: f'"{value}"'),
    st.text(string.ascii_letters + ' >=<"\n', max_size=6).map(lambda value: f"'{value}'"),
    st.text(string.ascii_letters, min_size=1, max_size=6),
)
_ATTRIBUTE = st.tuples(st.sampled_from([" a=", " data-b = ", "\nhref="]), _VALUE).map("".join)
_COMMENT = st.text("ab <>!", max_size=6).map(lambda text: f"<!--x{text}x-->")
_RAW = st.tuples(st.sampled_from(["script", "style"]), st.text("ab <>&'/", max_size=8)).map(
    lambda raw: f"<{raw[0]}>{raw[1]} </{raw[0]}>"
)


def _element(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from(["p", "b", "DIV", "span", "li", "h1", "td", "a"])
    return st.tuples(names, st.lists(_ATTRIBUTE, max_size=2).map("".join), inside).map(
        lambda parts: f"<{parts[0]}{parts[1]}>{parts[2]}</{parts[0]}>"
    )


_HTML = st.recursive(
    st.one_of(_TEXT, _REFERENCE, _COMMENT, _RAW, st.just("<br>"), st.just("<img src=x>")),
    lambda inside: st.lists(inside, max_size=4).map("".join) | _element(inside),
    max_leaves=12,
)


@given(_HTML)
def test_well_formed_html_reads_as_with_the_standard_library(markup: str) -> None:
    """The plain twin is `html.parser`, which is right wherever nothing is broken."""
    assert html_text(markup) == _twin(markup)


@given(st.text(st.sampled_from("ab<>&/!-='\" \n#;xscript[]?"), max_size=60))
def test_any_text_has_a_text(markup: str) -> None:
    """Nothing is raised, and lines are folded."""
    text = html_text(markup)
    assert text == folded(text)


@given(
    st.lists(st.sampled_from(["<p>", "</p>", "<b>", "</b>", "a", " b ", "<br/>", "<style>c</style>"]), max_size=12)
)
def test_xhtml_reads_as_its_html(parts: list[str]) -> None:
    """A tree and its source have the same text."""
    source = f"<div>{''.join(parts)}</div>"
    try:
        tree = fromstring(source)  # noqa: S314 - made above
    except SyntaxError:
        return
    assert element_text(tree) == html_text(tostring(tree, encoding="unicode", method="html"))


@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        "<!--",
        '<a b="',
        "<a b='",
        "<a b=",
        "&#",
        "&",
        "<",
        "</",
        "<script>",
        "</script",
        "&#9",
        "<!",
        "<a =\"'>",
    ],
)
@pytest.mark.timeout(20)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    """Two megabytes of what is never closed: the standard library's parser needs hours for some of these."""
    html_text(piece * (2_000_000 // len(piece)))
    html_text("<a " + piece * (2_000_000 // len(piece)))
