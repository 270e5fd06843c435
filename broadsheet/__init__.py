"""Broadsheet: a search service for news archives.

Contract: this is the composition root, the only room that knows all others: settings, the app, the command line.

Not here: anything that could live in another room.
"""

__version__ = "0.1.0"
