"""The sample news: reproducible, the length that was asked for, and like real text where a search engine notices."""

import hashlib
import json
import math
import re
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice, pairwise
from statistics import linear_regression, mean, median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.article import validate
from indexer.fields import FieldMap
from indexer.sample import MIN_MEAN_WORDS, generate
from indexer.sample.drawing import SLOTS, draws, rank, walk, zipf_table
from indexer.sample.grammar import Sentences, Words
from indexer.sample.names import brand, place, surname, town
from indexer.sample.story import SECTIONS, Story, section_lexicon

GOLDEN = "0d717d11e80b6de8818e97076a19b1e817ad4deef7cfa6fb35d8e0e7366aad79"
"""SHA-256 of the first 40 articles of seed 7, as sorted JSON. A change of it is news: say so in the changelog."""

Record = dict[str, Any]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """4,000 articles that no test changes."""
    return list(generate(4000, 3))


@pytest.fixture(scope="module")
def growth(records: list[Record]) -> list[Counter[str]]:
    """How often each word has been seen after each 100 articles."""
    seen: Counter[str] = Counter()
    counts = []
    for number, record in enumerate(records, 1):
        seen.update(re.findall(r"\w+", record["body"].lower()))
        if number % 100 == 0:
            counts.append(seen.copy())
    return counts


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of a line through `points` on paper with two logarithmic scales."""
    return linear_regression([math.log(x) for x, _ in points], [math.log(y) for _, y in points]).slope


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(*(words[offset:] for offset in range(4)), strict=False))


def _resemblance(left: Record, right: Record) -> float:
    """Jaccard's coefficient of the shingles of two bodies (Broder, 1997)."""
    a, b = _shingles(left["body"]), _shingles(right["body"])
    return len(a & b) / len(a | b)


def test_a_seed_gives_the_same_bytes_everywhere() -> None:
    """The first articles are those of every other machine and version of Python."""
    text = json.dumps(list(generate(40, 7)), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == GOLDEN


@settings(max_examples=25, deadline=None)
@given(st.integers(-5, 2**70), st.integers(0, 10**9), st.integers(1, 6), st.integers(MIN_MEAN_WORDS, 500))
def test_an_article_does_not_depend_on_how_many_there_are(seed: int, start: int, many: int, mean_words: int) -> None:
    """A run can be split and resumed anywhere: the parts are the whole."""
    whole = list(generate(many, seed, mean_words, start=start))
    parts = [next(generate(10**12, seed, mean_words, start=start + offset)) for offset in range(many)]
    assert whole == parts


def test_other_seeds_give_other_articles() -> None:
    """Two seeds share no body and no id."""
    one, two = list(generate(200, 1)), list(generate(200, 2))
    for field in ("id", "body"):
        assert not {record[field] for record in one} & {record[field] for record in two}


@pytest.mark.parametrize(("mean_words", "articles"), [(MIN_MEAN_WORDS, 3000), (120, 2000), (400, 1500), (1500, 400)])
def test_bodies_have_the_mean_length_asked_for(mean_words: int, articles: int) -> None:
    """The mean is within 5 % of the setting, and lengths differ."""
    lengths = [len(str(record["body"]).split()) for record in generate(articles, 11, mean_words)]
    assert mean(lengths) == pytest.approx(mean_words, rel=0.05)
    assert max(lengths) > 3 * min(lengths)


def test_word_frequencies_follow_zipf(growth: list[Counter[str]]) -> None:
    """Over the middle ranks, frequency falls about as fast as rank rises."""
    frequencies = [count for _, count in growth[-1].most_common()]
    ranks = sorted({round(50 * 40 ** (step / 60)) for step in range(61)})
    assert -1.3 <= _slope([(rank, frequencies[rank - 1]) for rank in ranks]) <= -0.8


def test_the_vocabulary_grows_as_heaps_says(growth: list[Counter[str]]) -> None:
    """Different words are a power of all words, with an exponent found in real text; new words never run out."""
    curve = [(float(seen.total()), float(len(seen))) for seen in growth]
    assert 0.45 <= _slope(curve) <= 0.75
    assert 0.5 <= _slope(curve[len(curve) // 2 :]) <= 0.75


def test_memory_is_constant() -> None:
    """2,000 articles need hardly more than the first 200: what is remembered of names has a bound."""
    records = generate(2200, 5, 150)
    tracemalloc.start()
    try:
        for _ in islice(records, 200):
            pass
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in records:
            pass
        assert tracemalloc.get_traced_memory()[1] - before < 1_000_000
    finally:
        tracemalloc.stop()


def test_records_are_valid_articles(records: list[Record]) -> None:
    """Every field is recognised by its name, no article is rejected, and none loses its date or its id."""
    fields = FieldMap()
    for record in records:
        article = validate(fields.rename(record), now_ms=2**43).article
        assert (article.id, article.title, article.body) == (record["id"], record["title"], record["body"])
        assert article.date_confidence == "instant"
        assert article.modified_ms is None or article.modified_ms > (article.published_ms or 0)
    assert len({record["id"] for record in records}) == len(records)


def test_dates_rise_but_for_a_few_late_arrivals(records: list[Record]) -> None:
    """The archive spans years, hardly ever goes back in time, and is quieter at the weekend and at night."""
    dates = [datetime.fromisoformat(record["published_at"]) for record in records]
    assert (dates[-1] - dates[0]).days > 700
    late = sum(later < earlier for earlier, later in pairwise(dates))
    assert 0 < late < 0.04 * len(dates)
    weekdays, hours = Counter(date.weekday() for date in dates), Counter(date.hour for date in dates)
    assert max(weekdays[5], weekdays[6]) * 1.5 < min(weekdays[day] for day in range(5))
    assert max(hours[hour] for hour in range(4)) * 2 < min(hours[hour] for hour in range(9, 17))


def test_a_million_articles_end_before_2025() -> None:
    """The newspaper grows, so that millions of articles do not reach into the future."""
    last = next(generate(1, 1, start=999_999))
    assert str(last["published_at"]) < "2025"


def test_all_sections_appear(records: list[Record]) -> None:
    """Each has its share, the first the largest."""
    sections = Counter(record["section"] for record in records)
    assert set(sections) == set(SECTIONS)
    assert sections.most_common(1)[0][0] == SECTIONS[0]
    assert min(sections.values()) > 0.04 * len(records)


def test_copies_tell_the_story_they_name(records: list[Record]) -> None:
    """A few per cent retell an earlier article, nearly word for word, elsewhere and under another headline."""
    originals = {record["id"]: record for record in records if record["story"] == record["id"]}
    copies = [record for record in records if record["story"] != record["id"]]
    assert 0.02 < len(copies) / len(records) < 0.06
    resemblances = []
    for copy in copies:
        original = originals[copy["story"]]
        assert copy["published_at"] >= original["published_at"]
        assert copy["body"] != original["body"]
        assert copy["title"] != original["title"]
        assert copy["source"] != original["source"]
        resemblances.append(_resemblance(copy, original))
    assert mean(resemblances) > 0.75
    assert min(resemblances) > 0.3


def test_other_stories_do_not_look_like_copies(records: list[Record]) -> None:
    """Stories of one section share sentences, but far less than copies do."""
    stories = [record for record in records if record["story"] == record["id"] and record["section"] == "sport"][:60]
    assert max(_resemblance(one, two) for one, two in pairwise(stories)) < 0.3


def test_people_and_places_come_back(records: list[Record]) -> None:
    """Some are in the news time and again, most are not."""
    stories: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for tag in record["tags"]:
            stories[tag].add(record["story"])
    sizes = [len(group) for group in stories.values()]
    assert max(sizes) >= 20
    assert median(sizes) <= 2
    assert len(Counter(author for record in records for author in record["authors"])) < len(records) / 2


def test_texts_are_clean(records: list[Record]) -> None:
    """Every name is filled, no word stands twice, articles fit their nouns, paragraphs begin and end well."""
    for record in records:
        assert not re.search(r"[{}_|%]|  |\b(\w+) \1\b|\ba the\b", record["title"] + "\n" + record["body"])
        assert not re.search(r"\ba (?!use|uni|one)[aeiou]|\ban [bcdfgjklmnpqrstvwxz]", record["body"])
        for paragraph in record["body"].split("\n\n"):
            assert re.fullmatch(r'["$A-Z0-9].*[."]', paragraph), paragraph
        assert record["body"].count('"') % 2 == 0
        assert record["title"][0] in '"$' or not record["title"][0].islower()


@pytest.mark.parametrize("section", SECTIONS)
def test_every_name_in_the_grammar_has_a_meaning(section: str) -> None:
    """All sentences of a section can be told, angles have three headlines and classes three words."""
    story = next(
        story
        for number in range(1000)
        if (story := Story(1, number, datetime(2020, 2, 29, 12), 400)).section == section  # noqa: DTZ001 - no zone in it
    )
    story.ask("lead")
    for name, entry in section_lexicon(section).items():
        if isinstance(entry, Words):
            assert len(set(entry)) == len(entry) >= 3, name
        for text in entry if isinstance(entry, Sentences) else ():
            for key in re.findall(r"{(.*?)}", text):
                assert story.ask(key), (name, key)
        if name == "angle":
            assert all(text.count(" | ") == 3 for text in entry)


@pytest.mark.parametrize(("arguments", "message"), [((-1, 1), "articles=-1"), ((1, 1, 19), "mean_words=19")])
def test_impossible_requests_are_refused_at_once(arguments: tuple[int, ...], message: str) -> None:
    """The error comes from the call, not from the first article, and holds the value."""
    with pytest.raises(ValueError, match=message):
        generate(*arguments)


@pytest.mark.parametrize("coin", [surname, brand, place, town])
def test_names_differ(coin: Callable[[int], str]) -> None:
    """Numbers near and far give different, capitalised names, but for a very few."""
    numbers = [*range(20_000), *range(10**6, 10**6 + 5000), *range(10**15, 10**15 + 100)]
    names = [coin(number) for number in numbers]
    assert len(set(names)) > 0.97 * len(numbers)
    assert all(re.fullmatch("[A-Z][a-z]+", name) for name in names)


def test_ranks_follow_their_law() -> None:
    """Half of them lie below 2^(3/2) - 1 shifts, and there is always a greater one."""
    draw = draws(1, 2, "ranks")
    drawn = [rank(draw, 1000) for _ in range(4000)]
    assert median(drawn) == pytest.approx(1000 * (2**1.5 - 1), rel=0.1)
    assert max(drawn) > 100_000


def test_zipf_tables_hold_every_word() -> None:
    """Slots fall from the first word to the last, and all are taken."""
    words = tuple(f"word{ordinal}" for ordinal in range(300))
    counts = Counter(zipf_table(words))
    assert counts.total() == SLOTS
    assert [counts[word] for word in words] == sorted(counts.values(), reverse=True)
    assert counts[words[-1]] >= 1


@given(st.integers(1, 60), st.integers(0, 1000))
def test_walks_come_to_everything_before_they_repeat(length: int, number: int) -> None:
    """Any stretch as long as the list is a permutation of it."""
    steps = walk(draws(0, number, "walk"), length)
    assert sorted(islice(steps, length)) == list(range(length))
    assert sorted(islice(steps, length)) == list(range(length))
