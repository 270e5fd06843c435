"""Relevance: a collection small enough to compute its figures by hand, and what a broken one is told."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from benchmarks.beir import CollectionError, Document, read_collection
from benchmarks.relevance import broadsheet, main

CORPUS = """\
{"_id": "both", "title": "", "text": "fire at the harbour"}
{"_id": "one", "title": "", "text": "snow at the harbour"}
{"_id": "3", "title": "Tariff", "text": "", "url": "passed over"}
{"_id": 4, "text": null}

{"_id": "a/b c", "title": "Levies"}
{"_id": "noise", "title": "Weather", "text": "sunny spells"}
"""

QUERIES = """\
{"_id": 1, "text": "Harbour fires"}
{"_id": "2", "text": "tariff"}
{"_id": "3", "text": "zeppelin"}
{"_id": "4", "text": "\\"levy^9 (body: *~ -] ^ <"}
{"_id": "not judged", "text": "weather"}
"""

JUDGEMENTS = """\
query-id\tcorpus-id\tscore
1\tone\t1
1\tboth\t0
2\t3\t1
2\t4\t2
3\tnoise\t1
4\ta/b c\t1
"""

# Of queries 1 to 4: the relevant one at rank 2; the lesser of two at rank 1, the other one never; nothing; all.
# nDCG@10: 1/log2(3), 1/(2 + 1/log2(3)), 0, 1.  AP: 1/2, 1/2, 0, 1.  R@100: 1, 1/2, 0, 1.
BY_HAND = {"ndcg@10": 0.50276, "map": 0.5, "recall@100": 0.625}


def _write(folder: Path, changed: Mapping[str, str] = MappingProxyType({}), *, packed: bool = False) -> Path:
    """A collection; its `corpus`, `queries` and `judgements` may be changed."""
    (folder / "qrels").mkdir(exist_ok=True)
    texts = {
        "corpus.jsonl": changed.get("corpus", CORPUS),
        "queries.jsonl": changed.get("queries", QUERIES),
        "qrels/test.tsv": changed.get("judgements", JUDGEMENTS),
    }
    for name, text in texts.items():
        if packed and name.endswith(".jsonl"):
            (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_the_figures_are_those_computed_by_hand(tmp_path: Path, packed: bool) -> None:
    """Empty titles and texts, odd ids, syntax in queries, graded judgements and misses all count as they should."""
    out = tmp_path / "out.json"
    assert main(["--collection", str(_write(tmp_path, packed=packed)), "--json", str(out)]) == 0
    assert json.loads(out.read_text()) == BY_HAND


def test_a_peer_is_measured_beside_us(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same figures under its name, ours unchanged, and a table of both."""
    out = tmp_path / "out.json"
    assert main(["--collection", str(_write(tmp_path)), "--json", str(out), "--peers", "bm25s"]) == 0
    assert json.loads(out.read_text()) == {**BY_HAND, "bm25s": BY_HAND}
    assert "6 documents, 4 judged queries" in (printed := capsys.readouterr().out)
    assert printed.count("0.5028") == 2


def test_a_word_said_twice_counts_twice(tmp_path: Path) -> None:
    """Of two documents that hold one of two equally rare words each, the one asked for twice comes first."""
    rank = broadsheet({"w": Document("", "the wind"), "r": Document("", "the rain")}, tmp_path)
    assert rank("wind rain wind") == ["w", "r"]
    assert rank("rain wind rain") == ["r", "w"]


def test_a_query_may_have_any_number_of_words(tmp_path: Path) -> None:
    """The limits of the search box do not hold here; a query without a word finds nothing."""
    rank = broadsheet({"w": Document("Wind", "")}, tmp_path)
    assert rank(" ".join(f"word{n}" for n in range(100)) + " wind") == ["w"]
    assert rank("?!") == []


def _changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"corpus": _changed(CORPUS, '"Tariff", ', '"Tariff" ')}, r"corpus\.jsonl:3: broken JSON"),
        ({"corpus": _changed(CORPUS, '"Tariff"', "7")}, r"corpus\.jsonl:3: title is 7; give a text"),
        ({"corpus": _changed(CORPUS, '"_id": "3"', '"id": "3"')}, r"corpus\.jsonl:3: _id is None; give a text"),
        ({"corpus": _changed(CORPUS, '"3"', '"4"')}, r"corpus\.jsonl:4: the _id '4' was there before"),
        ({"corpus": _changed(CORPUS, '{"_id": 4, "text": null}', "[4]")}, r"corpus\.jsonl:4: a JSON array"),
        ({"corpus": "\n"}, r"corpus\.jsonl: nothing is in it"),
        ({"queries": _changed(QUERIES, '"_id": 1', '"_id": true')}, r"queries\.jsonl:1: _id is True"),
        ({"queries": _changed(QUERIES, '"tariff"', "[]")}, r"queries\.jsonl:2: text is \[\]; give a text"),
        ({"judgements": _changed(JUDGEMENTS, "query-id", "query")}, r"test\.tsv:2: no column 'query-id'"),
        ({"judgements": JUDGEMENTS.partition("\n")[2]}, r"test\.tsv:1: not read: 2 columns are called '1'"),
        ({"judgements": JUDGEMENTS.partition("\n")[0]}, r"test\.tsv: nothing is in it"),
        ({"judgements": _changed(JUDGEMENTS, "2\t3\t1", "2 3 1")}, r"test\.tsv:4: 1 columns where the first"),
        ({"judgements": _changed(JUDGEMENTS, "2\t3\t1", "2\t3\tyes")}, r"test\.tsv:4: the score is 'yes'"),
        ({"judgements": _changed(JUDGEMENTS, "2\t3", "2\t33")}, r"test\.tsv:4: judges document '33', which"),
        ({"judgements": _changed(JUDGEMENTS, "2\t3", "22\t3")}, r"test\.tsv:4: judges query '22', which"),
        ({"judgements": JUDGEMENTS + "1\tone\t2\n"}, r"test\.tsv:8: judges document 'one' .* otherwise"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    """A broken line costs the run, and is named with its file."""
    with pytest.raises(CollectionError, match=message):
        read_collection(_write(tmp_path, changed))


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with status 2 and says which file it looked for."""
    (_write(tmp_path) / name).unlink()
    with pytest.raises(SystemExit) as ended:
        main(["--collection", str(tmp_path)])
    assert ended.value.code == 2
    assert f"{tmp_path / name}: there is no such file" in capsys.readouterr().err


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    """Half a gzip file is an error, not half a collection."""
    path = _write(tmp_path, packed=True) / "corpus.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CollectionError, match=r"corpus\.jsonl\.gz:\d: gzip file ends early"):
        read_collection(tmp_path)
