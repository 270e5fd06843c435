"""Conditional requests: whether what a caller has is the answer still (RFC 9110, section 13).

Contract: tags are compared weakly (section 8.8.3.2), as `If-None-Match` wants it. A header that makes no sense is as
good as none.

Not here: what a tag is made of (`search/routes.py`).
"""

import re
from collections.abc import Iterator

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def offered_tags(header: str | None) -> Iterator[str]:
    """The tags of an `If-None-Match`, without quotation marks; `*` stands for any."""
    if header is None:
        return
    if header.strip() == "*":
        yield "*"
        return
    yield from (tag for tag in _TAG.findall(header) if tag != "*")  # in quotation marks it is a tag like any other
