"""Memory: within its bound, never an older answer, and not emptied by what is asked for once."""

import random
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cache.entry import Entry
from cache.keys import Key
from cache.memory import COUNTERS, ENTRY_OVERHEAD_BYTES, Memory
from tests.cache.doubles import Clock, Counted

MAX_BYTES = 16 * (ENTRY_OVERHEAD_BYTES + 1000)


def entry(size: int = 1000, order: int = 0, clock: Clock | None = None) -> Entry:
    """One that lives for a minute."""
    return Entry(bytes(size), (clock or Clock()).now_s, 60.0, order=order)


def room_for(count: int) -> Memory:
    """A memory for so many entries of the usual size, with names of one byte, beside its window."""
    return Memory(count * (ENTRY_OVERHEAD_BYTES + 1001) * 100 // 99 + 100, Clock())


class UnderPressure(RuleBasedStateMachine):
    """A small memory against a dictionary that forgets nothing."""

    names = st.sampled_from("abcdefghijklmnopqrstuvwxyz")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.memory = Memory(MAX_BYTES, self.clock)
        self.newest: dict[str, Entry] = {}

    @rule(name=names, size=st.integers(0, 5000) | st.just(MAX_BYTES), order=st.integers(0, 3))
    def put(self, name: str, size: int, order: int) -> None:
        """Put an entry, small, large, or larger than the whole memory; an older one tells of the newer one."""
        given = entry(size, order, self.clock)
        held = self.memory.put(name, given)
        if held.entry is given:
            self.newest[name] = given
        else:
            assert held.entry is self.newest[name]
            assert held.entry.order > order

    @rule(name=names)
    def get(self, name: str) -> None:
        """What is found is what was put last; an older one never comes back, nor one whose time is over."""
        held = self.memory.get(name)
        if held is not None:
            assert held.entry is self.newest[name]
            assert held.entry.ttl_s(self.clock.now_s) > 0

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.clock.now_s += seconds

    @rule()
    def clear(self) -> None:
        """Forget everything."""
        assert self.memory.clear() <= len(self.newest)
        assert (len(self.memory), self.memory.size_bytes) == (0, 0)

    @invariant()
    def stays_within_its_bound(self) -> None:
        """The bound holds at every moment, and what is counted is what there is."""
        parts = (self.memory._window, self.memory._probation, self.memory._protected)
        held = [one for part in parts for one in part.entries.values()]
        names = {name for part in parts for name in part.entries}
        assert len(held) == len(names) == len(self.memory)
        assert sum(one.size_bytes for one in held) == self.memory.size_bytes <= MAX_BYTES


TestUnderPressure = UnderPressure.TestCase


def test_there_is_room_until_it_is_full() -> None:
    """Whatever comes first stays as long as nothing must go for it."""
    memory = room_for(26)
    for name in "abcdefghijklmnopqrstuvwxyz":
        memory.put(name, entry())
    assert all(memory.get(name) for name in "abcdefghijklmnopqrstuvwxyz")


def test_what_is_asked_for_once_does_not_push_out_what_is_asked_for_again() -> None:
    """A walk through everything leaves what is popular where it is (LRU would lose all of it)."""
    memory = room_for(40)
    popular = "abcdefghij"
    for name in 3 * popular:
        if memory.get(name) is None:
            memory.put(name, entry())
    counted = Counted("evictions", "reason", "not_admitted")
    for number in range(2000):
        name = chr(0x4E00 + number)
        assert memory.get(name) is None
        memory.put(name, entry())
    assert all(memory.get(name) for name in popular)
    assert counted.moved()[0] > 1900


def test_what_becomes_popular_comes_in() -> None:
    """Even if the memory is full of what was popular once: all counts fade."""
    memory = room_for(10)
    for name in 100 * "abcdefghij":
        if memory.get(name) is None:
            memory.put(name, entry())
    for number in range(8 * COUNTERS):
        memory._count(chr(number % 0x10000))
    for _ in range(300):
        for name in "KLMNO":
            if memory.get(name) is None:
                memory.put(name, entry())
    assert all(memory.get(name) for name in "KLMNO")


def test_many_small_ones_are_not_given_up_for_a_large_one_that_is_worth_no_more() -> None:
    """Each of those that must go counts; none goes before it is known that the large one comes in."""
    memory = room_for(20)
    for name in 2 * "abcdefghijklmnopqrst":
        if memory.get(name) is None:
            memory.put(name, entry())
    before = len(memory)
    memory.get("large")
    memory.put("large", entry(5000))
    assert len(memory) == before
    assert memory.get("large") is None


def test_more_of_the_hits_than_by_use_alone() -> None:
    """Of skewed requests with room for a fiftieth: more than the least recently used first out would find."""
    choose = random.Random(7)
    weights = [1 / rank**0.8 for rank in range(1, 5001)]
    requests = [f"{one:05}" for one in choose.choices(range(5000), weights, k=30_000)]
    memory = Memory(100 * (ENTRY_OVERHEAD_BYTES + 1005), Clock())
    recent: dict[str, None] = {}
    found = found_by_use = 0
    for name in requests:
        if memory.get(name):
            found += 1
        else:
            memory.put(name, entry())
        if name in recent:
            found_by_use += 1
            del recent[name]
        recent[name] = None
        if len(recent) > 100:
            del recent[next(iter(recent))]
    assert found > 1.05 * found_by_use


def test_an_older_entry_does_not_take_the_place_of_a_newer_one() -> None:
    """Whoever brings it is shown the newer one; one of the same order is as good."""
    memory = room_for(3)
    newer, older, same = entry(order=2), entry(order=1), entry(order=2)
    memory.put("a", newer)
    assert memory.put("a", older).entry is newer
    assert memory.put("a", same).entry is same


def test_no_memory_keeps_nothing() -> None:
    """A bound of 0 switches the memory off; it does not lift the bound."""
    memory = Memory(0)
    memory.put("name", entry())
    assert memory.get("name") is None


def test_an_entry_takes_no_more_than_is_counted() -> None:
    """What an entry costs beside its bytes is in the bound, for the names that keys have."""
    memory = Memory(1 << 30, Clock())
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(2000):
        given = Entry(random.randbytes(200), 1000.5 + number, 60.25, random.randbytes(80))
        memory.put(Key.of(str(number)).name, given)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.7 * memory.size_bytes < after - before < memory.size_bytes
    assert sys.getsizeof(memory._counts) < 1.1 * COUNTERS


@given(st.integers(max_value=-1))
def test_negative_memory_is_an_error(max_bytes: int) -> None:
    """A bound below 0 is a mistake."""
    with pytest.raises(ValueError, match="use 0 or more"):
        Memory(max_bytes)
