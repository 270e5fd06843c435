"""XML from strangers as a tree of elements.

Contract: `parse_xml` gives the root element or raises `FeedInvalidError`, whatever the bytes are. No entity is
declared or expanded and nothing outside the document is read: a DOCTYPE with declarations of its own is refused
before the first of them is looked at. A DOCTYPE that only names a DTD is let pass and the DTD not fetched, since RSS
0.91 asks for one and old feeds still begin with it; the characters which that DTD names (`&eacute;`, as in HTML) are
known. Depth, elements, attributes and the length of a tag are bounded. Text is decoded by its byte order mark, else
by the charset of the HTTP header, else by the XML declaration, else as UTF-8 (RFC 7303, 3), strictly: a wrong byte is
an error with its place.

Not here: what the elements mean (`rss.py`, `atom.py`).
"""

import codecs
import re
from html.entities import name2codepoint
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException, DTDForbidden
from defusedxml.ElementTree import DefusedXMLParser

from indexer.charsets import character_set
from indexer.feeds.errors import FeedInvalidError

MAX_DEPTH = 64
MAX_ELEMENTS = 100_000
"""Together with their attributes, which take as much memory."""
MAX_ATTRIBUTES = 100
"""Of one element, the declarations of namespaces not counted."""

MAX_TAG_CHARS = 1 << 20
"""About; also of a comment. Expat holds a tag and all its attributes before anybody can count them."""

XML_NAMESPACE = "{http://www.w3.org/XML/1998/namespace}"

_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._:-]{0,39})["']""")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    # Without a mark: the first characters of a document.
    b"<\0?\0": "utf-16-le",
    b"\0<\0?": "utf-16-be",
}
_PIECE_CHARS = 1 << 16
_NAMED = {name: chr(point) for name, point in name2codepoint.items()}


def parse_xml(content: bytes, url: str, *, charset: str | None = None) -> Element:
    """The root element; names with namespaces are spelled `{namespace}name`.

    Args:
        content: the document.
        url: named in errors.
        charset: what the HTTP header says.

    Raises:
        FeedInvalidError: it is no XML, or XML that is not taken from strangers.
    """
    text = _text(content, url, charset)
    builder = _Bounded(url)
    parser = _Parser(target=builder, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    parser.entity.update(_NAMED)
    try:
        for at in range(0, len(text), _PIECE_CHARS):
            builder.told_at = at if builder.told else builder.told_at
            builder.told = False
            if at - builder.told_at > MAX_TAG_CHARS:
                raise builder.too_large(MAX_TAG_CHARS, "characters in a tag")
            parser.feed(text[at : at + _PIECE_CHARS])
        root = parser.close()
    except DefusedXmlException as error:
        what = "a document type of its own" if isinstance(error, DTDForbidden) else "an entity from outside"
        raise FeedInvalidError(
            url, f"the XML declares {what}", "follow a feed without it", line=parser.parser.CurrentLineNumber
        ) from None
    except ParseError as error:
        line, column = error.position
        problem = str(error).partition(":")[0]
        raise FeedInvalidError(
            url, f"the XML is broken ({problem})", "tell its publisher", line=line, column=column + 1
        ) from None
    except ValueError as error:
        raise FeedInvalidError(url, f"the XML cannot be read ({str(error)[:100]})", "tell its publisher") from None
    if not isinstance(root, Element):
        raise FeedInvalidError(url, "the XML has no element", "tell its publisher")
    return root


class _Parser(DefusedXMLParser):  # type: ignore[misc]  # the package has no types
    """Refuses a DOCTYPE for what it declares, not for being there."""

    def defused_start_doctype_decl(
        self, name: str, sysid: str | None, pubid: str | None, has_internal_subset: int
    ) -> None:
        if has_internal_subset:
            raise DTDForbidden(name, sysid, pubid)


class _Bounded:
    """Builds the tree, and no more of it than is allowed; without comments and processing instructions."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._tree = TreeBuilder()
        self._depth = 0
        self._elements = 0
        self.told = True
        """Whether anything was found since this was set to False."""
        self.told_at = 0
        """Up to which character, about."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.told = True
        self._depth += 1
        self._elements += 1 + len(attributes)
        if self._depth > MAX_DEPTH:
            raise self.too_large(MAX_DEPTH, "nested elements")
        if self._elements > MAX_ELEMENTS:
            raise self.too_large(MAX_ELEMENTS, "elements and attributes")
        if len(attributes) > MAX_ATTRIBUTES:
            raise self.too_large(MAX_ATTRIBUTES, "attributes of one element")
        self._tree.start(tag, attributes)

    def too_large(self, most: int, what: str) -> FeedInvalidError:
        return FeedInvalidError(self._url, f"the XML has more than {most:,} {what}", "follow a shorter feed")

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._tree.end(tag)

    def data(self, text: str) -> None:
        self.told = True
        self._tree.data(text)

    def close(self) -> Element:
        return self._tree.close()


def _text(content: bytes, url: str, charset: str | None) -> str:
    """The document's characters, from its first `<`."""
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    if encoding is None:
        declared = _DECLARED.match(content)
        # A declaration that can be read as ASCII is not in UTF-16, whatever it says.
        names = (charset, declared[1].decode() if declared else None)
        encoding = next((found for name in names if name and (found := character_set(name))), "utf-8")
        encoding = "utf-8" if encoding.startswith(("utf-16", "utf-32")) else encoding
    try:
        return content.decode(encoding).lstrip("\ufeff \t\r\n")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        raise FeedInvalidError(
            url,
            f"byte 0x{content[error.start]:02x} is no {encoding}",
            "tell its publisher",
            line=before.count(b"\n") + 1,
            column=error.start - before.rfind(b"\n"),
        ) from None
