"""Feeds in: a source is asked on a schedule, and what it publishes becomes the fields of articles.

Contract: what other modules import from this package is listed here.

Not here: what makes fields an article (`indexer/article.py`), the log that makes them durable (`indexer/log.py`).
"""

from indexer.feeds.entries import Feed
from indexer.feeds.errors import AddressRefusedError, BodyRefusedError, FeedError, FeedInvalidError, FetchFailedError
from indexer.feeds.fetch import Fetched, NotModified, fetch
from indexer.feeds.following import Follower
from indexer.feeds.formats import read_feed
from indexer.feeds.ports import Outcome, Sink
from indexer.feeds.schedule import Intervals
from indexer.feeds.sink import LogSink
from indexer.feeds.sources import Source, find_sources
from indexer.feeds.states import StateError

__all__ = [
    "AddressRefusedError",
    "BodyRefusedError",
    "Feed",
    "FeedError",
    "FeedInvalidError",
    "FetchFailedError",
    "Fetched",
    "Follower",
    "Intervals",
    "LogSink",
    "NotModified",
    "Outcome",
    "Sink",
    "Source",
    "StateError",
    "fetch",
    "find_sources",
    "read_feed",
]
