"""The comparison with other engines: what it asks, that it refuses wrong answers, and what it reports."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.peers import lineup
from benchmarks.peers.__main__ import main
from benchmarks.peers.agreement import WrongAnswer, compare
from benchmarks.peers.corpus import (
    RANGE_DAYS,
    NothingToMeasure,
    Workload,
    articles_of,
    read_articles,
    read_workload,
    workload_of,
    write_articles,
    write_workload,
)
from benchmarks.peers.engine import QUERY_CLASSES, TOP, Answer, Ask, Engine, QueryClass, Question
from benchmarks.peers.lineup import ENGINES, make, missing
from benchmarks.peers.measure import check, summary, take_turns
from benchmarks.peers.oracle import Oracle, Truth
from benchmarks.peers.report import as_text, compared
from partition.types import Article

DAY_MS = 86_400_000
LATENCY = {"mean_ms", "p50_ms", "p95_ms", "p99_ms"}


class Bench:
    """Sixty articles, what is true of them, and what is asked."""

    def __init__(self, folder: Path) -> None:
        self.articles: list[Article] = articles_of(None, 60)
        self.ids = [article.id for article in self.articles]
        self.folder = folder
        make("broadsheet").build(self.articles, folder)
        self.oracle = Oracle(folder)
        self.workload: Workload = workload_of(None, self.articles, self.oracle.hits, 12)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Shared by all tests: nothing changes it."""
    return Bench(tmp_path_factory.mktemp("broadsheet"))


def agreement(bench: Bench, name: str, engine: Engine, folder: Path) -> dict[QueryClass, float]:
    """How far an engine whose index lies in `folder` agrees with the oracle."""
    with ExitStack() as stack:
        opened = {name: stack.enter_context(engine.open(folder))}
        return check(opened, {name: engine.exact}, bench.workload, bench.oracle, bench.ids)[name]


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_answers_rightly(name: str, bench: Bench, tmp_path: Path) -> None:
    """What is timed is right, in every class that the engine has; ours are right id by id."""
    if lacking := missing(name):
        pytest.skip(f"needs {' '.join(lacking)}")
    engine = make(name)
    engine.build(bench.articles, tmp_path)
    shares = agreement(bench, name, engine, tmp_path)
    assert set(shares) == ({"or"} if name == "bm25s" else {kind for kind, asked in bench.workload.items() if asked})
    assert engine.footprint(tmp_path)["size_bytes"] > 0
    if engine.exact:
        assert set(shares.values()) == {1.0}


class Wrong:
    """Broadsheet, but for what a fault makes of its answers."""

    def __init__(self, fault: str, *, exact: bool) -> None:
        self.exact = exact
        self._fault = fault
        self._right = make("broadsheet")

    def build(self, articles: object, folder: Path) -> None:
        """Never needed."""
        raise NotImplementedError

    @contextmanager
    def open(self, folder: Path) -> Iterator[Mapping[QueryClass, Ask]]:
        """Right answers, spoilt."""

        def spoilt(ask: Ask) -> Ask:
            def wrong(question: Question) -> Answer:
                answer = ask(question)
                match self._fault:
                    case "order":
                        return Answer(answer.ids[::-1], answer.total)
                    case "total":
                        return Answer(answer.ids, 2 * (answer.total or 0) + 1)
                    case "strangers":
                        return Answer(list(range(TOP)), answer.total)
                    case _:
                        return Answer([], answer.total)

            return wrong

        with self._right.open(folder) as asks:
            yield {kind: spoilt(ask) for kind, ask in asks.items()}

    def footprint(self, folder: Path) -> dict[str, int]:
        """Never needed."""
        raise NotImplementedError


@pytest.mark.parametrize("fault", ["order", "total", "strangers", "nothing"])
def test_no_exact_engine_passes_with_a_wrong_answer(fault: str, bench: Bench) -> None:
    """One id out of place, or a total that is not the oracle's, ends the measurement."""
    with pytest.raises(WrongAnswer, match="double answers or "):
        agreement(bench, "double", Wrong(fault, exact=True), bench.folder)


@pytest.mark.parametrize(
    ("fault", "kind"), [("total", "or_total"), ("strangers", "and"), ("nothing", "and"), ("order", None)]
)
def test_no_peer_passes_with_other_articles(fault: str, kind: str | None, bench: Bench) -> None:
    """Another order is a peer's right; articles that do not match, too few of them, or a wrong total are not."""
    double = Wrong(fault, exact=False)
    if kind is None:
        assert min(agreement(bench, "double", double, bench.folder).values()) == 1.0
    else:
        with pytest.raises(WrongAnswer, match=f"double agrees with the oracle on .* of {kind};"):
            agreement(bench, "double", double, bench.folder)


def test_an_answer_where_nothing_is_right_counts_as_wrong() -> None:
    """Where no article has all words, an empty answer is the right one; ordinals are read as ids."""
    nothing = Truth((), 0, frozenset())
    asked = Question("no such words")
    assert compare("peer", "and_empty", [(asked, Answer([], None), nothing)], ["a"], exact=False) == 1.0
    with pytest.raises(WrongAnswer, match=r"0\.0% of and_empty"):
        compare("peer", "and_empty", [(asked, Answer([0], None), nothing)], ["a"], exact=False)
    only = Truth(("a",), 1, frozenset({"a"}))
    assert compare("peer", "and", [(asked, Answer([0], None), only)], ["a"], exact=False) == 1.0


def test_questions_are_plain_words_and_the_same_every_time(bench: Bench, tmp_path: Path) -> None:
    """No parser finds an operator; queries whose words no article has are left out; ANDs are told apart by hits."""
    queries = tmp_path / "queries"
    queries.write_text('The +"council" AND vote: the*\nqqqq\n\nCOUNCIL vote the\ncouncil qqqq\n', encoding="utf-8")
    asked = workload_of(queries, bench.articles, bench.oracle.hits, 12)
    assert [question.text for question in asked["or"]] == ["the council and vote", "council vote the", "council qqqq"]
    assert [question.text for question in asked["and_empty"]][-1] == "council qqqq"
    assert {*asked["and"], *asked["and_empty"]} == set(asked["or"])
    assert asked == workload_of(queries, bench.articles, bench.oracle.hits, 12)
    assert {len(question.text.split()) for question in asked["phrase"]} <= {2, 3, 4}
    assert all(bench.oracle.hits("phrase", question) for question in asked["phrase"])
    for question in asked["date"]:
        assert question.to_ms - question.from_ms == RANGE_DAYS * DAY_MS
        assert question.from_ms % DAY_MS == 0
        dates = [article.published_ms for article in bench.articles]
        assert any(date is not None and question.from_ms <= date < question.to_ms for date in dates)


def test_nothing_to_measure_is_said(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No article, no question, no file, no number: each is told with the file or the value."""
    empty, out = tmp_path / "empty.jsonl", ["--json", str(tmp_path / "out")]
    empty.write_text("{}\n", encoding="utf-8")
    assert main(["--corpus", str(empty), "--engines", "fts5", *out]) == 1
    assert "empty.jsonl holds no valid article" in capsys.readouterr().err
    with pytest.raises(NothingToMeasure, match=r"no query of .*empty\.jsonl has a word"):
        workload_of(empty, bench.articles, bench.oracle.hits, 12)
    for wrong, said in (
        (["--corpus", "nowhere"], "there is no file nowhere"),
        (["--articles", "0"], "'0' is not a number of at least 1"),
    ):
        with pytest.raises(SystemExit):
            main([*wrong, *out])
        assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_articles_and_questions_survive_their_files(bench: Bench, tmp_path: Path) -> None:
    """Other processes get what this one has."""
    write_articles(tmp_path / "articles", bench.articles)
    write_workload(tmp_path / "questions", bench.workload)
    assert read_articles(tmp_path / "articles") == bench.articles
    assert read_workload(tmp_path / "questions") == bench.workload


def test_each_question_is_counted_once_for_each_engine(bench: Bench) -> None:
    """Beside the counted ones there are only the questions that lead into a turn."""
    asked: dict[str, list[Question]] = {"one": [], "two": []}

    def asking(name: str) -> Ask:
        def ask(question: Question) -> Answer:
            asked[name].append(question)
            return Answer([], None)

        return ask

    opened: dict[str, dict[QueryClass, Ask]] = {
        "one": {"or": asking("one"), "phrase": asking("one")},
        "two": {"or": asking("two")},
    }
    figures = take_turns(opened, bench.workload)
    assert {name: set(found) for name, found in figures.items()} == {"one": {"or", "phrase"}, "two": {"or"}}
    questions = bench.workload["or"]
    assert asked["two"] == [*questions[-5:], *questions]


def test_figures_are_mean_and_percentiles() -> None:
    """Percentiles are interpolated, times are rounded to a tenth of a microsecond."""
    assert summary([float(ms) for ms in range(101)]) == {
        "mean_ms": 50.0,
        "p50_ms": 50.0,
        "p95_ms": 95.0,
        "p99_ms": 99.0,
    }


def test_ratios_are_above_one_where_the_first_is_better() -> None:
    """Faster builds, smaller files, quicker answers; classes that one lacks are left out."""
    costs = {"build_articles_per_s": 300.0, "size_bytes": 10, "open_ms": 1.0, "or": dict.fromkeys(LATENCY, 1.0)}
    peer = {**costs, "build_articles_per_s": 100.0, "size_bytes": 5, "or": dict.fromkeys(LATENCY, 4.0)}
    ratios = compared({**costs, "and": dict.fromkeys(LATENCY, 1.0)}, peer)
    assert ratios == {"build": 3.0, "size": 0.5, "open": 1.0, "or mean_ms": 4.0, "or p99_ms": 4.0}


def test_the_command_builds_checks_measures_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From nothing to the JSON, the table and, where matplotlib is there, the picture."""
    out, picture = tmp_path / "new" / "bench.json", tmp_path / "bench.png"
    given = ["--articles", "60", "--asked", "8", "--engines", "fts5,broadsheet", "--json", str(out)]
    assert main([*given, "--plot", str(picture)]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["corpus"]["name"] == "sample"
    assert report["corpus"]["articles"] == 60
    assert report["corpus"]["words"] > 60 * 100
    assert set(report["machine"]) == {"cores", "cpu", "python", "versions"}
    assert list(report["queries"]) == list(QUERY_CLASSES)
    assert report["queries"]["or"] == report["queries"]["phrase"] == 8
    assert list(report["engines"]) == list(report["machine"]["versions"]) == ["broadsheet", "fts5"]
    asked = {kind for kind, count in report["queries"].items() if count}
    for figures in report["engines"].values():
        assert min(figures[key] for key in ("build_articles_per_s", "size_bytes", "open_ms")) > 0
        assert {kind for kind in QUERY_CLASSES if kind in figures} == asked
        assert all(set(figures[kind]) == LATENCY and min(figures[kind].values()) > 0 for kind in asked)
        assert set(figures["agreement"]) == asked
    printed, said = capsys.readouterr()
    assert printed.rstrip("\n") == as_text(report)
    assert "broadsheet : fts5" in printed
    assert picture.exists() == ("left out: the plot" not in said)


def test_engines_that_cannot_run_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is named with its cure; it is an error only for an engine that was asked for."""
    with pytest.raises(SystemExit):
        main(["--engines", "lucene", "--json", str(tmp_path / "out")])
    assert "there is no engine 'lucene'; there are broadsheet," in capsys.readouterr().err
    for name in ENGINES:
        if name != "broadsheet":
            monkeypatch.setitem(lineup._PACKAGES, name, {"no_such_module": "no-such-package"})
    with pytest.raises(SystemExit):
        main(["--engines", "broadsheet,fts5", "--json", str(tmp_path / "out")])
    assert "fts5 is not installed: pip install no-such-package" in capsys.readouterr().err
    assert main(["--articles", "20", "--asked", "2", "--json", str(tmp_path / "out")]) == 0
    assert "left out: fts5 is not installed" in capsys.readouterr().err
    assert list(json.loads((tmp_path / "out").read_text(encoding="utf-8"))["engines"]) == ["broadsheet"]
