"""The first tier: entries in this process, bounded in bytes.

What is asked for once does not push out what is asked for again. New entries come into a small window, least recently
used first out. Who leaves it must have been asked for more often than those that the main part would have to give up
for it (TinyLFU), and the main part keeps those apart that were found there again (segmented LRU). How often something
was asked for is counted in a table of a fixed size, by hash, and all counts are halved now and then, so that what was
popular is forgotten.

Contract: never more than `max_bytes` of names, stamps, bodies and `ENTRY_OVERHEAD_BYTES` each. Of two entries of a
name the newer stays. Nothing waits; for one event loop.

Source: G. Einziger, R. Friedman and B. Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", 2017; the halves
of the main part are those of R. Karedla et al., "Caching Strategies to Improve Disk System Performance", 1994.
Measured on 50,000 queries of a web search engine, 42,169 of them different, with room for a tenth of them: of the
hits of a cache without bound, LRU finds 0.59, segmented LRU 0.70, this 0.79.

Not here: whether an entry still is an answer (`read_through.py`), other processes (`tier.py`).
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cache import metrics
from cache.entry import Entry

ENTRY_OVERHEAD_BYTES = 450
"""Memory of an entry beyond its name, its stamp and its body: 375 measured (Python 3.11), and some growth."""
WINDOW, PROTECTED = 0.01, 0.8
"""Of all bytes those of the window; of the rest those of entries that were found again."""
TELL_S = 0.01
COUNTERS = 1 << 18
MAX_COUNT = 255
"""What a counter holds; it stays there until it is halved."""


@dataclass(slots=True, eq=False)
class Held:
    """An entry, and what is known of it."""

    entry: Entry
    size_bytes: int
    expires_s: float
    """By the wall clock."""
    good_for: str = ""
    """The state of the judge that last had no objection to it."""
    good_s: float = 0.0
    """When it last was known to be an answer, by the wall clock."""
    part: "_Part | None" = None
    """In which it is."""


class _Part:
    """Some of the entries, least recently used first."""

    def __init__(self) -> None:
        self.entries: OrderedDict[str, Held] = OrderedDict()
        self.size_bytes = 0

    def add(self, name: str, held: Held) -> None:
        held.part = self
        self.entries[name] = held
        self.size_bytes += held.size_bytes

    def take(self, name: str) -> Held:
        held = self.entries.pop(name)
        held.part = None
        self.size_bytes -= held.size_bytes
        return held

    def oldest(self) -> str:
        return next(iter(self.entries))


class Memory:
    """The entries of this process.

    Args:
        max_bytes: the bound; 0 keeps nothing.
        clock: seconds since 1970-01-01 UTC, by which entries live.

    Raises:
        ValueError: the bound is negative.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        if max_bytes < 0:
            raise ValueError(f"memory for the cache is {max_bytes} bytes; use 0 or more")
        self._max_bytes = max_bytes
        self._main_bytes = max_bytes - int(WINDOW * max_bytes)
        self._clock = clock
        self._window, self._probation, self._protected = _Part(), _Part(), _Part()
        self._held: dict[str, Held] = {}
        """Those of all parts."""
        self._counts = bytearray(COUNTERS)
        self._counted = 0
        self._told_s = -math.inf

    @property
    def size_bytes(self) -> int:
        """What is kept now, with entries that expired and have not been asked for since."""
        return self._window.size_bytes + self._probation.size_bytes + self._protected.size_bytes

    def __len__(self) -> int:
        return len(self._held)

    def get(self, name: str) -> Held | None:
        """What is kept under a name, and may still be served."""
        self._count(name)
        held = self._held.get(name)
        if held is None or held.part is None:
            return None
        if self._clock() >= held.expires_s:
            self._drop(name)
            self._tell()
            return None
        if held.part is self._probation:
            self._protect(name)
        else:
            held.part.entries.move_to_end(name)
        return held

    def put(self, name: str, entry: Entry) -> Held:
        """Keep an entry, if it is worth its room and there is no newer one; returns it, or the newer one."""
        size_bytes = len(name) + len(entry.stamp) + len(entry.body) + ENTRY_OVERHEAD_BYTES
        held = Held(entry, size_bytes, entry.created_s + entry.lifetime_s)
        kept, part = self._held.get(name), self._window
        if kept is not None and kept.part is not None:
            if kept.entry.order > entry.order:
                return kept
            part = kept.part
            self._drop(name)
        if held.size_bytes <= self._max_bytes:
            self._held[name] = held
            part.add(name, held)
            self._make_room()
        self._tell()
        return held

    def remember(self, name: str, entry: Entry, state: str) -> None:
        """The same of an entry that is good for a state of judges, now."""
        held = self.put(name, entry)
        if held.entry is entry:
            held.good_for, held.good_s = state, self._clock()

    def clear(self) -> int:
        """Forget everything; returns how many entries there were."""
        count = len(self)
        self._window, self._probation, self._protected = _Part(), _Part(), _Part()
        self._held.clear()
        self._tell()
        return count

    def _drop(self, name: str) -> None:
        held = self._held.pop(name)
        if held.part is not None:
            held.part.take(name)

    def _protect(self, name: str) -> None:
        """Move an entry that was found again, and back what there is no room for."""
        self._protected.add(name, self._probation.take(name))
        while self._protected.size_bytes > PROTECTED * self._main_bytes:
            oldest = self._protected.oldest()
            self._probation.add(oldest, self._protected.take(oldest))

    def _make_room(self) -> None:
        while self._window.size_bytes > self._max_bytes - self._main_bytes:
            self._admit(self._window.oldest())
        while self._probation.size_bytes + self._protected.size_bytes > self._main_bytes:  # one of them has grown
            self._drop(next(self._victims()))
            metrics.EVICTED.inc()

    def _victims(self) -> Iterator[str]:
        """The main part, those first that are worth the least."""
        yield from self._probation.entries
        yield from self._protected.entries

    def _admit(self, name: str) -> None:
        """Take the next of the window into the main part, if it is worth more than each that must go for it."""
        held = self._held[name]
        missing = self._probation.size_bytes + self._protected.size_bytes + held.size_bytes - self._main_bytes
        often, leaving = self._counts[hash(name) % COUNTERS], []
        for victim in self._victims():
            if missing <= 0 or often <= self._counts[hash(victim) % COUNTERS]:
                break
            leaving.append(victim)
            missing -= self._held[victim].size_bytes
        if missing > 0:
            self._drop(name)
            metrics.NOT_ADMITTED.inc()
            return
        for victim in leaving:
            self._drop(victim)
            metrics.EVICTED.inc()
        self._probation.add(name, self._window.take(name))

    def _count(self, name: str) -> None:
        slot = hash(name) % COUNTERS
        if self._counts[slot] < MAX_COUNT:
            self._counts[slot] += 1
        self._counted += 1
        if self._counted >= COUNTERS:
            self._counted = 0
            # Each byte halved: shifted as one number, without what came down from the byte above.
            halved = int.from_bytes(self._counts) >> 1 & int.from_bytes(b"\x7f" * COUNTERS)
            self._counts = bytearray(halved.to_bytes(COUNTERS))

    def _tell(self) -> None:
        """Tell how much there is, not too often: that costs as much as putting it there."""
        now_s = self._clock()
        if now_s - self._told_s < TELL_S and self._held:
            return
        self._told_s = now_s
        metrics.MEMORY_BYTES.set(self.size_bytes)
        metrics.MEMORY_ENTRIES.set(len(self))
