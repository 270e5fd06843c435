"""The query side: queries in, pages out.

Contract: answers depend on the epoch, the query and nothing else; they are the same however the archive is
partitioned. This room only opens published epochs.

Not here: anything that writes the index (`indexer/`), HTTP conventions shared with the write side (`web/`).
"""
