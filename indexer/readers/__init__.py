"""Articles in: files, folders and standard input, read as a stream of records and rejects.

Contract: what other modules import from this package is listed here.

Not here: what makes a record an article (`indexer/article.py`).
"""

from indexer.readers.inputs import InputError
from indexer.readers.lines import Record
from indexer.readers.records import Records, open_records

__all__ = ["InputError", "Record", "Records", "open_records"]
