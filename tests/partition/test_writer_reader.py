"""Writer and reader: what was indexed is what is read, exactly, whatever was deleted and merged on the way."""

import random
import tempfile
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partition.build import SegmentBuilder
from partition.changes import Put, Withdraw
from partition.check import check_lists
from partition.counting import count_partition
from partition.documents import DocumentCodec
from partition.errors import MissingFile
from partition.merge_policy import FACTOR, MAX_DEAD
from partition.reader import OpenFiles, PartitionReader
from partition.schema import TEXT_FIELDS
from partition.statistics import Statistics, TermCounts
from partition.types import Article
from partition.vocabulary import Vocabulary
from tests.archive import made_up
from tests.partition.generations import Chain, Change, expected, found, generations, words_of
from tests.small_index import article, small_dictionaries


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=generations, memory_mb=st.sampled_from((0, 512)))
def test_generations_hold_what_was_put(steps: list[list[Change]], memory_mb: int) -> None:
    """After any corrections and withdrawals, each generation is its model; merging changes nothing visible."""
    with tempfile.TemporaryDirectory() as folder:
        chain = Chain(Path(folder))
        records = [chain.write(changes, memory_mb=memory_mb) for changes in steps]
        records.append(chain.write([], merge=True))
        assert records[-1].tombstones == 0
        assert records[-1].segments == (1 if records[-1].articles else 0)
        written = {file.name for record in records for file in record.files}
        assert {path.name for path in chain.root.iterdir()} == written
        # Looked at only now: no later generation has changed an earlier one.
        for number, record in enumerate(records, start=1):
            reader = PartitionReader(chain.root, record)
            assert found(reader) == {one: expected(put) for one, put in chain.models[number].items()}
            assert len(reader.segments) == record.segments
            assert sum(len(segment.dead) for segment in reader.segments) == record.tombstones
            for segment in reader.segments:
                check_lists(segment)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=generations, since=st.integers(0, 5), merges=st.lists(st.booleans(), min_size=5, max_size=5))
def test_the_files_of_a_generation_show_earlier_states(
    steps: list[list[Change]], since: int, merges: list[bool]
) -> None:
    """Each from the sequence on that must be shown, whatever was merged meanwhile; the others may be forgotten."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr("partition.merge_policy.FACTOR", 2)
        chain, opened = Chain(Path(folder)), OpenFiles()
        for number, changes in enumerate(steps):
            chain.write(changes, since_seq=min(since, number), merge=merges[number], opened=opened)
        assert chain.record
        last = len(steps)
        for seq in range(min(since, last), last + 1):
            for files in (opened, None):
                reader = PartitionReader(chain.root, chain.record, seq=seq, opened=files)
                assert found(reader) == {one: expected(put) for one, put in chain.models[seq].items()}
        chain.write([], since_seq=last, merge=True)
        assert found(chain.reader()) == {one: expected(put) for one, put in chain.models[last].items()}
        assert chain.record.tombstones == 0


def test_what_is_erased_is_in_no_state(tmp_path: Path) -> None:
    """Neither the newest version nor any before it; merging takes its bytes away, and others stay."""
    chain = Chain(tmp_path)
    for title in ("first", "second", "third"):
        chain.write([Put(article("a", title), 1, 0, seq=1), Put(article("b", title), 1, 0, seq=1)], since_seq=0)
    record = chain.write([Withdraw("a", seq=1, erase=True)], since_seq=0)
    for seq in range(1, 5):
        put = chain.models[seq]["b"]
        assert found(PartitionReader(tmp_path, record, seq=seq)) == {"b": expected(put)}
    chain.write([], since_seq=0, merge=True)
    held = {segment.article_id(docnum) for segment in chain.reader().segments for docnum in range(segment.size)}
    assert held == {"b"}


def test_odd_articles(tmp_path: Path) -> None:
    """Ids of 512 bytes, other scripts, dates before 1970: everything comes back."""
    chain = Chain(tmp_path)
    puts = [Put(one, at + 1, at, seq=1) for at, one in enumerate(made_up(60))]
    chain.write(puts)
    assert found(chain.reader()) == {put.article.id: expected(put) for put in puts}
    assert chain.reader().find("nobody") is None


@pytest.mark.parametrize("words", [0, 1, 109, 300, 1001, 70_000])
def test_lengths_and_frequencies_are_exact(tmp_path: Path, words: int) -> None:
    """Not in one of the few hundred steps that a length byte can tell apart, and in fields of several parts too."""
    chain = Chain(tmp_path)
    body = "storm " * (words // 2) + "vote " * (words - words // 2)
    chain.write([Put(article("a", "Vote", body=body), 1, 0, seq=1)])
    (segment,) = chain.reader().segments
    assert segment.length("body").tolist() == [words]
    assert segment.length("text").tolist() == [words + 2]
    for term, tf, more in (("storm", words // 2, 0), ("vote", words - words // 2, 2)):
        assert segment.postings("body", term).tf.tolist() == ([tf] if tf else [])
        assert segment.postings("text", term).tf.tolist() == ([tf + more] if tf + more else [])


def test_articles_lie_in_the_order_of_time(tmp_path: Path) -> None:
    """Without a date first, then oldest first, and by descending hash at one moment, in whatever order they come."""
    chain = Chain(tmp_path)
    chain.write([Put(one, 1, 0, seq=1) for one in made_up(100)])
    chain.write([Put(one, 1, 0, seq=1) for one in made_up(100, prefix="other")], merge=True)
    (segment,) = chain.reader().segments
    places = list(zip(segment.published_ms.tolist(), (-int(hash_) for hash_ in segment.hashes), strict=True))
    assert places == sorted(places)
    assert len({published_ms for published_ms, _hash in places}) < len(places) / 2


def test_ragged_generations_are_merged(tmp_path: Path) -> None:
    """Beyond so many small segments, or so large a share of tombstones in one, they are rewritten."""
    chain = Chain(tmp_path)
    for number in range(1, FACTOR):
        record = chain.write([Put(article(f"{number}/{at}"), 1, 0, seq=1) for at in range(8)])
        assert (record.segments, record.tombstones) == (number, 0)
    record = chain.write([Put(article("one more"), 1, 0, seq=1)])
    assert (record.articles, record.segments, record.tombstones) == (8 * (FACTOR - 1) + 1, 1, 0)
    few = int(MAX_DEAD * record.articles)
    record = chain.write([Withdraw(f"1/{at}", seq=2) for at in range(few)])
    assert (record.segments, record.tombstones) == (1, few)
    record = chain.write([Withdraw("2/0", seq=2)])
    assert (record.segments, record.tombstones) == (1, 0)


def test_what_does_not_fit_into_memory_becomes_another_segment(tmp_path: Path) -> None:
    """The setting bounds what is held before a segment is written; nothing is lost at the seams."""
    chain = Chain(tmp_path)
    record = chain.write([Put(one, 1, 0, seq=1) for one in made_up(FACTOR - 1)], memory_mb=0)
    assert record.segments == FACTOR - 1
    assert found(chain.reader()) == {one: expected(put) for one, put in chain.models[-1].items()}


def test_one_vocabulary_serves_many_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generations are the same whether it is new, was used before, or forgets everything after each segment."""
    known, forgetful = Vocabulary(), Vocabulary()
    known.tokenize([b"storm Storms zebra"])
    chains = {name: Chain(tmp_path / name) for name in ("new", "known", "forgetful")}
    for articles in (made_up(60), made_up(60, seed=2, prefix="m")):
        puts = [Put(one, 1, 0, seq=1) for one in articles]
        chains["new"].write(puts)
        chains["known"].write(puts, vocabulary=known)
        with monkeypatch.context() as patched:
            patched.setattr("partition.vocabulary.MAX_FORMS", 0)
            chains["forgetful"].write(puts, vocabulary=forgetful)
        assert len(known) > 20
        assert len(forgetful) == 0
    assert chains["new"].record == chains["known"].record == chains["forgetful"].record


def test_generations_share_files(tmp_path: Path) -> None:
    """What did not change is not written again."""
    chain = Chain(tmp_path)
    with small_dictionaries():
        chain.write([Put(one, 1, 0, seq=1) for one in made_up(60)])
        (segment,) = chain.root.glob("*.segment")
        (dictionary,) = chain.root.glob("*.dictionary")
        chain.write([Withdraw(made_up(60)[3].id, seq=2), *(Put(one, 1, 0, seq=1) for one in made_up(40, prefix="m"))])
    assert chain.record
    assert {segment.name, dictionary.name} < {file.name for file in chain.record.files}
    assert len(chain.reader().segments) == 2
    assert {segment.file.directory["dictionary"] for segment in chain.reader().segments} == {dictionary.name}
    assert found(chain.reader()) == {one: expected(put) for one, put in chain.models[2].items()}


def test_a_partition_can_become_empty_again(tmp_path: Path) -> None:
    """Withdrawing everything leaves a generation without files, which can be written on."""
    chain = Chain(tmp_path)
    with small_dictionaries():
        chain.write([Put(one, 1, 0, seq=1) for one in made_up(40)])
        record = chain.write([*(Withdraw(one.id, seq=2) for one in made_up(40)), Withdraw("never there", seq=2)])
    assert (record.articles, record.segments, record.files) == (0, 0, ())
    assert chain.reader().find("n0030") is None
    assert chain.write([Put(article("b"), 1, 0, seq=1)]).articles == 1


def _as_dict(counts: TermCounts) -> dict[str, int]:
    starts = [0, *counts.ends.tolist()[:-1]]
    keys = [counts.keys[a:b].tobytes().decode() for a, b in zip(starts, counts.ends.tolist(), strict=True)]
    assert keys == sorted(keys)
    return dict(zip(keys, counts.dfs.tolist(), strict=True))


@pytest.mark.parametrize("merge", [False, True])
def test_counted_terms(tmp_path: Path, *, merge: bool) -> None:
    """Only live articles count, whether the others are still there or not, over several segments."""
    chain = Chain(tmp_path)
    puts = [Put(one, 1, 0, seq=1) for one in made_up(240)]
    chain.write(puts[:150])
    record = chain.write([*puts[150:], *(Withdraw(put.article.id, seq=2) for put in puts[3:40])], merge=merge)
    assert (record.tombstones > 0) is not merge
    count_partition(chain.reader(), tmp_path / "counts", through_seq=55)
    statistics = Statistics(tmp_path / "counts")
    live = [words_of(put.article) for put in chain.models[-1].values()]
    assert (statistics.articles, statistics.through_seq) == (len(live), 55) == (203, 55)
    assert statistics.total_lengths == {field: sum(len(words[field]) for words in live) for field in TEXT_FIELDS}
    for field in TEXT_FIELDS:
        df = Counter(term for words in live for term in set(words[field]))
        assert _as_dict(statistics.counts(field)) == df
        assert max(df.values()) > 40


def test_prefixes(tmp_path: Path) -> None:
    """The terms that begin with a prefix, in their field only, in the order of their bytes; the empty one has all."""
    chain = Chain(tmp_path)
    puts = [Put(one, 1, 0, seq=1) for one in made_up(40)]
    chain.write([*puts, Put(article("é", body="sé s\U0010ffff"), 1, 0, seq=1)])
    (segment,) = chain.reader().segments
    for field in ("body", "title", "author"):
        names = {term for put in chain.models[-1].values() for term in words_of(put.article)[field]}
        for prefix in ("", "s", "se", "sé", "zz"):
            terms = [segment.key(term).decode() for term in segment.terms_with_prefix(field, prefix)]
            assert terms == sorted(name for name in names if name.startswith(prefix))


@pytest.mark.parametrize("suffix", [".segment", ".dead", ".dictionary"])
def test_a_generation_that_is_gone(tmp_path: Path, suffix: str) -> None:
    """A folder that was removed, or is being removed, is missing rather than a crash."""
    chain = Chain(tmp_path)
    with small_dictionaries():
        chain.write([Put(one, 1, 0, seq=1) for one in made_up(40)])
        record = chain.write([Withdraw(made_up(40)[0].id, seq=2)])
    (path,) = chain.root.glob(f"*{suffix}")
    path.unlink()
    with pytest.raises(MissingFile, match=f"{path}: the file is missing; build the index again from its log"):
        chain.reader()
    with pytest.raises(MissingFile, match="nowhere"):
        PartitionReader(tmp_path / "nowhere", record)


def test_the_memory_of_terms_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many terms are looked up, found or not, few are remembered, and all answer as before."""
    monkeypatch.setattr("partition.segment.MAX_REMEMBERED_TERMS", 3)
    chain = Chain(tmp_path)
    chain.write([Put(article("a", body="storm vote budget"), 1, 0, seq=1)])
    (segment,) = chain.reader().segments
    first = segment.term_list("body", b"storm")
    assert first
    assert segment.term_list("body", b"storm") is first
    for _ in range(3):
        for key in (b"vote", b"budget", b"nothing", b"none"):
            assert (segment.term_list("body", key) is None) == key.startswith(b"no")
            assert len(segment._lists) <= 3
    assert segment.term_list("body", b"storm") == first


def test_tombstones_that_were_replaced_are_forgotten(tmp_path: Path) -> None:
    """However many generations are opened one after the other; each shows what it deleted."""
    chain, opened = Chain(tmp_path), OpenFiles()
    articles = made_up(40)
    # Since the first generation nothing may be forgotten, and so nothing is merged away.
    record = chain.write([Put(one, 1, 0, seq=1) for one in articles])
    for one in articles[:30]:
        record = chain.write([Withdraw(one.id, seq=1)], since_seq=1)
        (segment,) = PartitionReader(tmp_path, record, opened=opened).segments
        assert not segment.live[segment.versions(one.id)].any()
        assert len(opened._tombstones) == 1


def test_a_reader_serves_several_threads(tmp_path: Path) -> None:
    """Stored articles too, which each thread decompresses for itself."""
    chain = Chain(tmp_path)
    with small_dictionaries():
        chain.write([Put(one, 1, 0, seq=1) for one in made_up(60)])
    reader = chain.reader()
    assert reader.segments[0].file.directory["dictionary"]
    with ThreadPoolExecutor(4) as threads:
        for answer in threads.map(lambda _: found(reader), range(8)):
            assert answer == {one: expected(put) for one, put in chain.models[1].items()}


def test_a_builder_knows_what_it_takes(tmp_path: Path) -> None:
    """Neither what it holds nor the peak of writing it is more than it says, nor less than half."""
    words = [f"word{number}" for number in range(2000)]
    random_ = random.Random(1)
    articles = [
        Article(id=f"a{number}", title="", body=" ".join(random_.choices(words, k=1500))) for number in range(1000)
    ]
    vocabulary = Vocabulary()
    for traced in (False, True):  # the first makes the vocabulary
        if traced:
            tracemalloc.start()
        builder = SegmentBuilder(vocabulary, DocumentCodec())
        for one in articles:
            builder.add(Put(one, 1, 0, seq=1))
        builder.prepare()
        builder.write(tmp_path / f"{traced}.segment", None)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert builder.size_bytes / 2 < peak_bytes < builder.size_bytes
