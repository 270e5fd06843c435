"""What was kept of an answer is judged rightly: it is never let pass where a fresh one would be different.

A state machine writes, corrects, withdraws, takes down, merges, freezes statistics, spreads over other partitions and
builds anew; answers of every kind are kept on the way, and judged after each epoch by whoever has that epoch.

Not here: the cache itself (`tests/cache/`), what an answer must be (`test_layouts.py`).
"""

import asyncio
import random
import re
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from indexer.changes import was_withdrawn
from indexer.routing import partition_of
from search.broker import Broker
from search.cursor import CursorCodec
from search.epochs import Epochs
from search.lookup_parameters import parse_similar, parse_suggest
from search.parameters import parse_search
from search.ports import Judge, Loaded, Objector, PastCache, decoded
from search.service import SearchService
from search.spelling import FEW, MANY
from tests.search.asked import request
from tests.search.generated import DAY_MS, IDS, Generator
from tests.small_index import Clock, SmallIndex, article
from web.admission import Admission
from web.edge import Timings
from web.problems import Problem

_seeds = st.integers(0, 2**32 - 1)
_upheavals = st.sampled_from(("taken down", "statistics", "partitions", "rebuilt", "restarted", "late"))
_seldom = st.sampled_from((False, False, False, True))
_VOLATILE = re.compile(rb'"as_of":"[^"]*"|cursor=[A-Za-z0-9_-]*')
"""What may differ: when the state was published, and which state a cursor names."""


class Recorder:
    """A cache that keeps nothing, but shows what it was given and whom it was to ask."""

    def __init__(self) -> None:
        self.key = ""
        self.loads: list[Loaded] = []
        self.judge: Judge | None = None

    def again(self, name: str, state: str) -> None:
        """Nothing."""

    async def fetch(self, name: str, judge: Objector) -> None:
        """Nothing."""

    async def get_or_load(
        self, key: str, load: Callable[[], Awaitable[Loaded]], judge: Judge, patience_s: float
    ) -> PastCache:
        """Load."""
        assert patience_s >= 0
        self.key, self.judge = key, judge
        self.loads.append(await load())
        return PastCache(self.loads[-1].body)


class Kept(NamedTuple):
    """An answer that was kept."""

    kind: str
    given: dict[str, str]
    key: str
    loaded: Loaded


class Side:
    """The query side of an archive, in this process; `now` is the clock that relative dates go by."""

    def __init__(self, root: Path) -> None:
        self.recorder = Recorder()
        self.broker = Broker(root, threads=2)
        self.epochs = Epochs(root, self.broker)
        self.service = SearchService(
            epochs=self.epochs,
            broker=self.broker,
            cache=self.recorder,
            cursors=CursorCodec({1: bytes(32)}),
            admission=Admission(working=2, queued=2, wait_s=60),
            partition_of=partition_of,
            was_withdrawn=lambda manifest, seq, article_id: was_withdrawn(root, manifest, seq, article_id),
            now=lambda: 0.0,
        )

    async def answer(self, kind: str, given: dict[str, str]) -> Kept | None:
        """A fresh one; `None` where there is a refusal."""
        self.recorder.loads.clear()
        self.recorder.judge = None
        pairs = [*given.items(), ("timeout_ms", "20000")]
        try:
            match kind:
                case "search":
                    await self.service.search(parse_search(pairs), Timings())
                case "article":
                    await self.service.lookups.article(given["id"], Timings())
                case "similar":
                    pairs = [pair for pair in pairs if pair[0] != "id"]
                    await self.service.lookups.similar(given["id"], parse_similar(pairs), Timings())
                case _:
                    await self.service.lookups.suggest(parse_suggest(pairs), Timings())
        except Problem:
            return None
        (loaded,) = self.recorder.loads
        return Kept(kind, given, self.recorder.key, loaded)

    async def walk(self, answer: Kept) -> list[bytes]:
        """The pages that its links lead to, one after the other."""
        pages, link = [], decoded(answer.loaded.body).next
        while link:
            text = link.partition("?")[2]
            given = dict(_pairs(text))
            following = await self.answer("search", given)
            assert following, "a page that was promised"
            pages.append(_VOLATILE.sub(b"", decoded(following.loaded.body).body))
            link = decoded(following.loaded.body).next
        return pages


def _pairs(text: str) -> list[tuple[str, str]]:
    return [pair for pair in parse_qsl(text, keep_blank_values=True) if pair[0] != "timeout_ms"]


def comparable(answer: Kept) -> bytes:
    """What must be equal."""
    return _VOLATILE.sub(b"", decoded(answer.loaded.body).body)


JUDGED: Counter[str] = Counter()
"""How kept answers were judged in all runs: `right` ones that passed, `in vain` where nothing had changed."""


class Judgements(RuleBasedStateMachine):
    """Writes, and answers that outlive them."""

    @initialize(seed=_seeds)
    def start(self, seed: int) -> None:
        """An archive with some articles."""
        self.folder = tempfile.TemporaryDirectory(prefix="dependence-")
        self.clock = Clock()
        self.index = SmallIndex(Path(self.folder.name), partitions=3, clock=self.clock)
        self.side = Side(self.index.root)
        self.kept: list[Kept] = []
        self.steps, self.seed = 0, seed
        self.down: set[str] = set()
        self.put_some(seed, 60)
        self.index.log.append_statistics()
        self.index.publish()
        self.ask(seed)

    def teardown(self) -> None:
        """Close what is open."""
        if hasattr(self, "side"):
            self.side.broker.close()
            self.index.log.close()
            self.folder.cleanup()

    @rule(seed=_seeds, count=st.sampled_from((1, 1, 2, 10)), withdrawn=st.sampled_from((0, 0, 1, 3)), wait=_seldom)
    def write(self, seed: int, count: int, withdrawn: int, *, wait: bool) -> None:
        """New articles, corrections and withdrawals, which are published or wait."""
        self.put_some(seed, count)
        self.index.withdraw(*random.Random(seed).sample(IDS, withdrawn))
        if not wait:
            self.index.publish()

    def put_some(self, seed: int, count: int) -> None:
        """Log articles."""
        generator = Generator(seed)
        self.clock.now_ms += seed % 3 * 1000
        self.index.put(*(generator.article() for _ in range(count)))

    @rule(seed=_seeds)
    def write_one_of_few_words(self, seed: int) -> None:
        """It touches few answers."""
        made = random.Random(seed)
        title = made.choice(("zz", "Sport tax17", "élan storn", "senates", ""))
        self.index.put(article(made.choice(IDS), title, section=made.choice(("", "Sport", "POLITICS"))))
        self.index.publish()

    @rule(merge=st.booleans())
    def publish(self, *, merge: bool) -> None:
        """What waits, or nothing new."""
        self.index.publish(merge=merge)

    @rule(
        seed=_seeds, kind=st.sampled_from(("taken down", "statistics", "partitions", "rebuilt", "restarted", "late"))
    )
    def upheaval(self, seed: int, kind: str) -> None:
        """What concerns every answer, or none."""
        match kind:
            case "taken down":
                self.index.take_down(random.Random(seed).choice(IDS))
            case "statistics":
                self.index.log.append_statistics()
            case "partitions":
                self.index.log.append_reshard(1 + seed % 5)
            case "rebuilt":
                self.index.projector.rebuild()
            case "late":
                self.clock.pass_s(1800)
            case _:
                self.side.broker.close()
                self.side = Side(self.index.root)

    @rule(seed=_seeds)
    def ask(self, seed: int) -> None:
        """Answers of every kind are kept."""
        asyncio.run(self._ask(random.Random(seed)))

    async def _ask(self, made: random.Random) -> None:
        await self.side.epochs.refresh()
        for _ in range(8):
            answer = await self.side.answer("search", request(made))
            if answer:
                self.kept.append(answer)
                link = decoded(answer.loaded.body).next
                if link and made.random() < 0.3:
                    page = await self.side.answer("search", dict(_pairs(link.partition("?")[2])))
                    self.kept += [page] if page else []
        article = {"id": made.choice(IDS)}
        fields = made.choice(({}, {"fields": "id,copies"}, {"section": "politics"}))
        typed = {"q": Generator(made.randrange(2**32)).typed() or "b"}
        for kind, given in (("article", article), ("similar", {**article, **fields}), ("suggest", typed)):
            answer = await self.side.answer(kind, given)
            self.kept += [answer] if answer else []
        self.kept = made.sample(self.kept, min(40, len(self.kept)))

    @invariant()
    def judged_rightly(self) -> None:
        """After every other step."""
        self.steps += 1
        if self.steps % 2 == 0:
            asyncio.run(self._judge())

    async def _judge(self) -> None:
        await self.side.epochs.refresh()
        for answer in self.kept:
            fresh = await self.side.answer(answer.kind, answer.given)
            note(f"{answer.kind} {answer.given}")
            judge, key = self.side.recorder.judge, self.side.recorder.key
            if judge is None or key != answer.key:
                # Refused before anybody looked; or an explanation of an epoch; or another language came.
                JUDGED["not asked"] += 1
                continue
            objection = await judge.objection(answer.loaded.stamp)
            same = fresh is not None and comparable(fresh) == comparable(answer)
            if objection is None:
                assert fresh is not None, "it would be refused"
                assert comparable(fresh) == comparable(answer)
                if answer.kind == "search":
                    assert await self.side.walk(fresh) == await self.side.walk(answer)
                JUDGED["right"] += 1
            else:
                JUDGED[f"{objection} in vain" if same else objection] += 1


def test_judgements() -> None:
    """Hypothesis makes the histories; in the end most of what could be kept was, and much had to go."""
    JUDGED.clear()
    settings_ = settings(
        max_examples=10,
        stateful_step_count=16,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(Judgements, settings=settings_)
    assert JUDGED["right"] > 200
    assert JUDGED["changed"] > 50


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SmallIndex]:
    """An archive of a few articles, with statistics of its own."""
    with SmallIndex(tmp_path / "archive") as opened:
        opened.put(*(article(f"a/{n}", f"budget of {n}", body="storm", section="Sport") for n in range(6)))
        opened.put(article("b", "budget vote of the senate", section="Politics"))
        opened.log.append_statistics()
        opened.publish()
        yield opened


def objection_after(index: SmallIndex, kind: str, given: dict[str, str], happens: Callable[[], object]) -> str | None:
    """What is said about an answer after something has happened."""

    async def run() -> str | None:
        side = Side(index.root)
        try:
            await side.epochs.refresh()
            before = await side.answer(kind, given)
            assert before
            happens()
            index.publish()
            await side.epochs.refresh()
            await side.answer(kind, given)
            assert side.recorder.judge
            objection = await side.recorder.judge.objection(before.loaded.stamp)
            assert (side.recorder.key == before.key) == (objection != "archive")
            return objection
        finally:
            side.broker.close()

    return asyncio.run(run())


def test_an_article_that_is_not_like_itself(index: SmallIndex) -> None:
    """What is like an article depends on it, also where the filters do not let it pass."""
    similar = {"id": "b", "section": "Sport"}
    assert objection_after(index, "similar", similar, lambda: None) is None
    corrected = article("b", "storm", section="Politics")
    assert objection_after(index, "similar", similar, lambda: index.put(corrected)) == "changed"


@pytest.mark.parametrize("q", ["vots~", "budget vots~", "budget OR vots~"])
def test_words_that_are_spelled_alike_elsewhere(index: SmallIndex, q: str) -> None:
    """What such a word counts depends on which there are, also in articles that do not match."""
    asked = {"q": q, "section": "Politics"}
    for other in (article("c", "another", section="Sport"), article("e", "vote", section="Sport")):
        assert objection_after(index, "search", asked, partial(index.put, other)) is None
    alike = article("d", "rots", section="Sport")
    assert objection_after(index, "search", asked, lambda: index.put(alike)) == "changed"
    assert objection_after(index, "search", asked, lambda: index.withdraw("d")) == "changed"


def test_who_writes_a_value_otherwise(index: SmallIndex) -> None:
    """A facet shows values as the newest article writes them, whether that matches or not."""
    asked = {"q": "storm", "facets": "section"}
    same = article("c", "another", section="Sport", published_ms=DAY_MS)
    assert objection_after(index, "search", asked, lambda: index.put(same)) is None
    other = article("d", "another", section="SPORT", published_ms=2 * DAY_MS)
    assert objection_after(index, "search", asked, lambda: index.put(other)) == "changed"


def test_other_statistics(index: SmallIndex) -> None:
    """Scores are others then."""
    freeze = index.log.append_statistics
    assert objection_after(index, "search", {"q": "storm"}, freeze) == "statistics"
    for kind, given in (("article", {"id": "b"}), ("search", {"q": "nowhere"}), ("search", {"q": "storm nowhere"})):
        assert objection_after(index, kind, given, freeze) is None


def test_what_was_meant(index: SmallIndex) -> None:
    """It depends on words that are spelled alike: not on each article that holds one, but on which is proposed."""
    asked = {"q": "strom nowhere"}

    def write(word: str, count: int) -> None:
        index.put(*(article(f"{word}/{number}", word) for number in range(count)))

    assert objection_after(index, "search", asked, lambda: write("storm", MANY - 7)) is None
    assert objection_after(index, "search", asked, lambda: write("storm", MANY - 6)) == "changed"
    assert objection_after(index, "search", asked, lambda: write("storm", 2 * MANY)) is None
    assert objection_after(index, "search", asked, lambda: write("strom", FEW)) == "changed"


def test_other_statistics_of_what_was_meant(index: SmallIndex) -> None:
    """Which words may be slips they say, where no score does."""
    asked = {"q": "strom nowhere"}
    index.put(*(article(f"storm/{number}", "storm") for number in range(MANY)))
    index.put(*(article(f"strom/{number}", "strom") for number in range(FEW)))
    index.log.append_statistics()
    index.publish()

    def withdraw() -> None:
        for number in range(FEW):
            index.withdraw(f"strom/{number}")

    assert objection_after(index, "search", asked, withdraw) is None
    assert objection_after(index, "search", asked, index.log.append_statistics) == "changed"


def test_an_archive_that_is_built_anew(index: SmallIndex) -> None:
    """Log sequences alone do not say what its files hold, nor which of two answers is newer: other names do."""
    assert objection_after(index, "search", {"q": "storm"}, index.projector.rebuild) == "archive"
