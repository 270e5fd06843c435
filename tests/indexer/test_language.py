"""Which language an article is in, where its source does not say.

Not here: what follows from it (`tests/partition/test_analysis.py`, `tests/search/test_languages.py`).
"""

import gzip
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from py3langid import modelio

from indexer import language
from indexer.article import validate
from indexer.language import detect

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "senate_press_2004_2008.jsonl.gz"
TEXTS = {
    "en": ("Storm hits coast", "The storm that hit the coast on Friday has left thousands of homes without power."),
    "de": ("Sturm trifft Küste", "Der Sturm, der am Freitag die Küste traf, ließ tausende Häuser ohne Strom zurück."),
    "fr": (
        "Tempête sur la côte",
        "La tempête qui a frappé la côte vendredi a privé des milliers de foyers d'électricité.",
    ),
    "es": (
        "La tormenta azota la costa",
        "La tormenta que azotó la costa el viernes dejó a miles de hogares sin luz.",
    ),
    "nl": (
        "Is de brug open?",
        (
            "Het is de vraag of de brug open of dicht is als de koningin komt, en of de burgemeester er dan bij is. "
            "Hij weet niet of het oude hout sterk genoeg is voor zoveel mensen of voor hun auto's, en zoekt daarom "
            "een boot die iedereen naar de andere kant van de rivier brengt."
        ),
    ),
    "ru": ("Шторм обрушился на побережье", "Этот шторм оставил тысячи домов на побережье без электричества."),
    "ja": (
        "台風が沿岸を直撃",
        "金曜日に沿岸を襲った台風で、数千世帯が停電しています。気象庁は警戒を呼びかけています。",
    ),
    "zh": ("风暴袭击海岸", "星期五袭击海岸的风暴造成数千户家庭停电。气象部门呼吁居民提高警惕。请注意安全。"),
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_paragraph_tells_its_language(language: str) -> None:
    """A headline and a sentence are enough, whatever looks English in it, and it is the same language always."""
    assert detect(*TEXTS[language]) == language
    assert detect(*TEXTS[language]) == language


@pytest.mark.parametrize(
    "text",
    [
        *("", "Reuters", "3:1, 2:2, 0:4", "NATO UN EU WHO", "El Niño", "東京", "\ud800"),
        *("Geschwindigkeitsbegrenzung auf Autobahnen", "Chelsea Arsenal Everton Liverpool Fulham"),
    ],
)
def test_what_is_not_certain_is_left_open(text: str) -> None:
    """Names, scores, abbreviations, a few words however long, and nothing at all."""
    assert detect(text, "") == ""


def test_what_the_source_says_counts() -> None:
    """A language that is told is taken as it is; one that is not is detected, and both are stored."""
    title, body = TEXTS["de"]
    told = validate({"id": "1", "title": title, "body": body, "language": "nl"}, now_ms=0)
    found = validate({"id": "1", "title": title, "body": body}, now_ms=0)
    assert told.article.language == "nl"
    assert found.article.language == "de"
    assert found.digest != told.digest


@pytest.mark.corpus
def test_press_releases_are_in_english_or_spanish() -> None:
    """Of 2,000 releases of US senators none is taken for anything else, and hardly any is left open."""
    if not CORPUS.exists():
        pytest.skip(f"{CORPUS} is not there")
    found: Counter[str] = Counter()
    with gzip.open(CORPUS, "rt") as lines:
        for number, line in enumerate(lines):
            if number % 36 == 0:
                fields = json.loads(line)
                found[detect(fields["title"] or "", fields["body"] or "")] += 1
    assert set(found) <= {"en", "es", ""}
    assert found["en"] > 0.99 * found.total()


def test_threads_that_ask_at_once_share_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would be as large as all else that a process holds."""
    loaded: list[object] = []

    def load_model(path: object) -> object:
        loaded.append(path)
        return modelio_load(path)

    modelio_load = modelio.load_model
    monkeypatch.setattr(modelio, "load_model", load_model)
    language._loaded.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(language.detect, ["Der Haushalt"] * 4, ["Das Parlament stimmt heute ab."] * 4))
    assert answers == ["de"] * 4
    assert len(loaded) == 1
