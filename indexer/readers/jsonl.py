"""JSON Lines: one JSON object a line (jsonlines.org, also known as NDJSON).

Contract: every line that is not blank becomes one `Record` or one `Reject`. A name given twice in an object
has its last value. Nesting is bounded by orjson, at 1,024.

Not here: the encoding of the bytes as a whole (`lines.py`).
"""

from collections.abc import Iterator

import orjson

from indexer.readers.lines import MAX_LINE_BYTES, Lines, Record, encoding_fault
from indexer.rejects import Reject


def read_jsonl(lines: Lines) -> Iterator[Record | Reject]:
    """The records of one file, in order."""
    for line in lines:
        try:
            if len(line) > MAX_LINE_BYTES:
                yield lines.reject(f"line longer than {MAX_LINE_BYTES:,} bytes", line)
                continue
            values = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if line.strip():
                fault = encoding_fault(line) or f"broken JSON: {error.msg} at character {error.pos + 1}"
                yield lines.reject(fault, line)
            continue
        if type(values) is dict:
            yield Record(lines.file, lines.number, values, line)
        elif type(values) is list:
            yield lines.reject("a JSON array: write each of its objects on a line of its own (jq -c '.[]')", line)
        else:
            yield lines.reject("not a JSON object", line)
