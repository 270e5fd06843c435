"""Lines and bodies that are malformed, in every way that is known, and what is said of each.

Contract: `BAD_LINES` are refused, each with a reason that begins so; `ODD_LINES` are accepted, with this title.
Files, standard input and bodies over HTTP are read alike.

Not here: who reads them (`test_readers_malformed.py`, `test_http_writes.py`).
"""

import gzip

import zstandard

GOOD = b'{"id":"good","title":"t"}'

BAD_LINES: list[tuple[bytes, str]] = [
    (b'{"id":"a"', "broken JSON: "),
    (b'{"id":"a","title":"t"} x', "broken JSON: "),
    (b'{"id":"a","title":"\xff"}', "not UTF-8: byte 0xff at byte 20"),
    (b'{"id":"a","title":"\xed\xa0\x80"}', "not UTF-8: byte 0xed at byte 20"),
    (b'{"id":"a","title":"\0"}', "NUL byte at byte 20"),
    (b'{"id":"a","title":"\\u0000"}', "title holds a NUL character (U+0000)"),
    (b'{"id":"a","title":"\\ud800"}', "broken JSON: "),
    (b'{"id":"a","title":"t","x":NaN}', "broken JSON: "),
    (b'{"id":"a","title":"t","x":1e400}', "broken JSON: "),
    (b'{"id":' + b"9" * 5000 + b',"title":"t"}', "broken JSON: "),
    (b'{"id":' + b"9" * 30 + b',"title":"t"}', "id is a decimal number, not text"),
    (b"[" * 10**6, "broken JSON: "),
    (b'{"a":' * 150_000, "broken JSON: "),
    (
        b'[{"id":"a","title":"t"}]',
        "a JSON array: write each of its objects on a line of its own (jq -c '.[]')",
    ),
    (b'"text"', "not a JSON object"),
    (b"null", "not a JSON object"),
    (b"12", "not a JSON object"),
    (b"{}", "id is missing or empty"),
    (b'{"id":"","title":"t"}', "id is missing or empty"),
    (b'{"id":"a"}', "title is missing or empty"),
    (b'{"id":"a","title":"' + b"t" * 10_000 + b'"}', "title is 10,000 characters long"),
    (b'{"id":"a","title":"' + b"t" * 10**7 + b'"}', "line longer than 1,048,576 bytes"),
    (b'{"id":"a","title":"t","body":{}}', "body is an object, not text"),
    (b"\xef\xbb\xbf" + GOOD, "broken JSON: "),
]
ODD_LINES: list[tuple[bytes, str]] = [
    (b'{"id":"a","title":"s","title":"t"}', "t"),
    (b'{"id":"a","title":"t","published":"0000-01-01"}', "t"),
    (b'{"id":"a","title":"t","published":"2019-02-30"}', "t"),
    (b'{"id":"a","title":"t","x":' + b"[" * 1000 + b"]" * 1000 + b"}", "t"),
    (b'{"id":"a","title":"' + b"\\u00e9" * 4096 + b'"}', "é" * 4096),
]
"""The last of two equal names counts, impossible dates are dropped, unknown fields may hold anything."""


def bomb(kind: str, *, megabytes: int = 80) -> bytes:
    """A good line, and a body (`gzip` or `zstd`) that is more than a hundred times as long as it looks."""
    line = b'{"id":"good","title":"t","body":"' + b" " * 1_000_000 + b'"}\n'
    text = GOOD + b"\n" + line * megabytes
    packed = gzip.compress(text, 9) if kind == "gzip" else zstandard.ZstdCompressor().compress(text)
    assert len(packed) * 100 < len(text)
    return packed
