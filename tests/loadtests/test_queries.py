"""The query stream: order and repeats are kept, and the generated log is Zipfian and repeatable."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from loadtests.queries import (
    NEWS_WORDS,
    POPULARITY_EXPONENT,
    QueryLogError,
    QueryStream,
    query_log,
    read_queries,
    words_of,
    zipf_log,
)

RECORDED = Path(__file__).parents[3] / "shared/data/queries"


def test_files_are_read_in_order_of_name_with_their_repeats(tmp_path: Path) -> None:
    """Order and repeats are what a cache is tested with; lines that ask nothing are left out."""
    (tmp_path / "b.txt").write_text("senate vote\n\n/\nmiami  white pages \nsenate vote\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("hubble\n?????\n", encoding="utf-8")
    (tmp_path / "notes.md").write_text("not a query\n", encoding="utf-8")
    assert read_queries(tmp_path) == ["hubble", "senate vote", "miami  white pages", "senate vote"]


def test_a_folder_without_queries_is_an_error(tmp_path: Path) -> None:
    """A log that was asked for and is not there never turns silently into a generated one."""
    with pytest.raises(QueryLogError, match="holds no query"):
        query_log(tmp_path / "absent", None, seed=1)


def test_the_stream_is_shared_and_starts_again_at_its_end() -> None:
    """Each taker gets the next query, and the count of those taken goes on."""
    stream = QueryStream(["a", "b", "a"])
    assert [stream.take() for _ in range(5)] == ["a", "b", "a", "a", "b"]
    assert stream.taken == 5


def test_the_generated_log_depends_on_the_seed_alone() -> None:
    """The same seed gives the same log, another seed another."""
    assert query_log(None, None, seed=7) == zipf_log(NEWS_WORDS, seed=7)
    assert zipf_log(NEWS_WORDS, seed=7, count=100) != zipf_log(NEWS_WORDS, seed=8, count=100)


def test_the_generated_log_has_a_few_popular_queries_and_a_long_tail() -> None:
    """Its frequencies fall with rank as a power, and most distinct queries are asked once or twice."""
    log = zipf_log([f"word{rank}" for rank in range(5_000)], seed=3)
    counts = [count for _, count in Counter(log).most_common()]
    assert len(log) == 50_000
    assert counts[0] / counts[99] == pytest.approx(100**POPULARITY_EXPONENT, rel=0.25)
    assert sum(count <= 2 for count in counts) > len(counts) / 2
    assert 0.2 < 1 - len(counts) / len(log) < 0.8


def test_generated_queries_are_of_the_given_words_without_repeats_within_one() -> None:
    """Every query has one to four distinct words, and common words come up more often."""
    log = zipf_log(NEWS_WORDS, seed=1, count=2_000)
    assert {len(query.split()) for query in log} == {1, 2, 3, 4}
    assert all(len(set(query.split())) == len(query.split()) for query in log)
    words = Counter(word for query in set(log) for word in query.split())
    assert set(words) <= set(NEWS_WORDS)
    assert words[NEWS_WORDS[0]] > words[NEWS_WORDS[-1]]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_words_of_articles_come_most_frequent_first(tmp_path: Path, suffix: str) -> None:
    """Titles and bodies count, short words do not, and ties are in order of the alphabet."""
    articles = tmp_path / f"articles.jsonl{suffix}"
    lines = "\n".join(
        json.dumps(article)
        for article in ({"title": "Harbour storm", "body": "The STORM of the year"}, {"title": "Harbour"})
    )
    with gzip.open(articles, "wt") if suffix else articles.open("w") as output:
        output.write(lines)
    assert words_of(articles) == ["harbour", "storm", "year"]


@pytest.mark.parametrize("content", ["{broken", "[1, 2]", '{"title": "a an of"}'])
def test_a_file_that_holds_no_articles_is_an_error(tmp_path: Path, content: str) -> None:
    """Broken JSON, something other than objects, and articles without a word name the file."""
    articles = tmp_path / "articles.jsonl"
    articles.write_text(content, encoding="utf-8")
    with pytest.raises(QueryLogError, match=r"articles\.jsonl"):
        words_of(articles)


@pytest.mark.corpus
@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded query logs are not beside the checkout")
def test_the_recorded_logs_are_read_whole() -> None:
    """All lines but those without a letter or digit, topics first, then the log whose order matters."""
    queries = read_queries(RECORDED)
    assert len(queries) == 50_275 - 10
    assert queries[0] == "International Organized Crime"
    assert queries[275:278] == [
        "pierson s twin lakes marina",
        "nurseries in woodbridge new jersey",
        "miami white pages",
    ]
