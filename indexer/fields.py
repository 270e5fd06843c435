"""Which field of a record is which field of an article.

Contract: names in common use are recognised, whatever their case and their `_`, `-` and spaces; where a
record has several names for one field, the first in the order of `NAMES` that holds something is taken and the others
are ignored. A mapping given by the user wins over any recognition: the named source is taken as it is spelled, or
nothing is. `FieldMap.report` says what was taken for what.

Not here: what the values must look like (`article.py`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "_id", "guid", "uuid", "article_id", "uri", "slug"),
    "title": ("title", "headline", "name"),
    "body": ("body", "text", "content", "body_text", "article_body", "full_text", "article"),
    "summary": ("summary", "description", "abstract", "standfirst", "teaser"),
    "authors": ("authors", "author", "byline", "creator"),
    "source": ("source", "publisher", "outlet", "site", "provider"),
    "section": ("section", "category", "desk", "section_name"),
    "tags": ("tags", "keywords", "subjects"),
    "language": ("language", "lang"),
    "url": ("url", "link", "web_url"),
    "published_at": (
        *("published_at", "published", "pub_date", "publish_date", "date_published", "publication_date"),
        *("first_created", "date", "created_at", "version_created", "timestamp"),
    ),
    "modified_at": ("modified_at", "modified", "date_modified", "updated_at", "updated", "version_created"),
    "status": ("status", "pub_status"),
    "embargoed_until": ("embargoed_until", "embargoed", "embargo_until", "embargo_date", "embargo"),
    "editor_note": ("editor_note", "ed_note", "editors_note"),
}
"""The canonical fields, each with the names it goes by, the best first. What the last three do: `submitting.py`."""

_DROPPED = str.maketrans("", "", "_- ")
_KNOWN = {field: [name.translate(_DROPPED) for name in names] for field, names in NAMES.items()}
_MAX_LAYOUTS = 256
_MAX_LAYOUT_CHARS = 2048
_MAX_REPORTED = 12
_MAX_NAME_CHARS = 40


class MappingError(ValueError):
    """A field mapping that cannot be read; the message holds the part that is wrong, and the cure."""


def parse_mapping(text: str) -> dict[str, str]:
    """Read `title=headline,id=guid` as {canonical field: name in the file}.

    `tags=` takes that field from nowhere.

    Raises:
        MappingError: a part is not `field=name`, names an unknown field, or maps a field twice.
    """
    mapping: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        field, equals, name = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise MappingError(f"{part!r} is not a mapping: write field=name, such as title=headline")
        if field not in NAMES:
            raise MappingError(f"unknown field {field!r} in {part!r}: use one of {', '.join(NAMES)}")
        if field in mapping:
            raise MappingError(f"field {field!r} is mapped twice, to {mapping[field]!r} and to {name!r}: keep one")
        mapping[field] = name
    return mapping


def folded(name: str) -> str:
    """A name without what tells its spellings apart: case, `_`, `-` and spaces."""
    return name.lower().translate(_DROPPED)


def has_column_numbers(mapping: Mapping[str, str]) -> bool:
    """True for a mapping by column number (`id=1,title=3`), which stands in for a header line."""
    names = [name for name in mapping.values() if name]
    return bool(names) and all(name.isdecimal() for name in names)


class _Layout(NamedTuple):
    """What records with certain names have."""

    taken: list[tuple[str, str]]
    """Field and name."""
    spare: list[tuple[str, list[str]]]
    """Fields that have other names too, for records in which the first one holds nothing."""


class FieldMap:
    """Renames the fields of records, and remembers what it took for what."""

    def __init__(self, mapping: Mapping[str, str] | None = None) -> None:
        self._mapping = dict(mapping or {})
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        # Insertion-ordered sets, bounded in number and size, since a file may have a new name in every line.
        self._taken: dict[str, dict[str, None]] = {field: {} for field in NAMES}
        self._ignored: dict[str, None] = {}

    def rename(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the recognised fields, by canonical name."""
        names = tuple(values)
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._resolve(names)
        renamed = {field: values[name] for field, name in layout.taken}
        for field, names_left in layout.spare:
            if _is_empty(renamed[field]):
                held = (values[name] for name in names_left if not _is_empty(values[name]))
                renamed[field] = next(held, renamed[field])
        return renamed

    def report(self) -> list[str]:
        """Printable lines on the records so far: what was taken for what, what was not found or ignored."""
        lines = [f"{field} <- {_listed(names)}" for field, names in self._taken.items() if names]
        if missing := [field for field, names in self._taken.items() if not names]:
            lines.append(f"not found: {', '.join(missing)}")
        if self._ignored:
            lines.append(f"ignored: {_listed(self._ignored)}")
        return lines

    def _resolve(self, names: tuple[str, ...]) -> "_Layout":
        """For a record with these names."""
        spellings: dict[str, list[str]] = {}
        for name in names:
            spellings.setdefault(folded(name), []).append(name)
        layout = _Layout([], [])
        for field, known in _KNOWN.items():
            mapped = self._mapping.get(field)
            if mapped is None:
                found = [name for alias in known for name in spellings.get(alias, ())]
            else:
                found = [mapped] if mapped and mapped in names else []
            if found:
                layout.taken.append((field, found[0]))
                _note(self._taken[field], found[0])
            if len(found) > 1:
                layout.spare.append((field, found[1:]))
        used = {name for _, name in layout.taken}
        for name in names:
            if name not in used:
                _note(self._ignored, name)
        if len(self._layouts) < _MAX_LAYOUTS and sum(map(len, names)) <= _MAX_LAYOUT_CHARS:
            self._layouts[names] = layout
        return layout


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _note(names: dict[str, None], name: str) -> None:
    if len(names) <= _MAX_REPORTED:
        cut = name if len(name) <= _MAX_NAME_CHARS else name[:_MAX_NAME_CHARS] + "..."
        names["".join(char if char.isprintable() else "?" for char in cut) or "(no name)"] = None


def _listed(names: Mapping[str, None]) -> str:
    shown = list(names)[:_MAX_REPORTED]
    return ", ".join(shown) + (" and others" if len(names) > len(shown) else "")
