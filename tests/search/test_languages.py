"""An archive in several languages over HTTP: words are found in each, by its own rules, and ranked sensibly.

Not here: terms (`test_terms.py`), equal answers however it is partitioned (`test_layouts.py`).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_server import ApiServer
from tests.small_index import SmallIndex, article

ARTICLES = [
    article("de/1", "Häuser am Fluss", body="Die Häuser der Stadt stehen leer.", language="de"),
    article("de/2", "Wahlen in Bayern", body="Am Sonntag wählen die Bayern, die lange zögerten.", language="de-DE"),
    article("fr/1", "Élections au Québec", body="Les électeurs votent lundi dans la province.", language="fr"),
    article("es/1", "Naciones Unidas", body="La nación pidió ayuda a las Naciones Unidas.", language="es"),
    article("ru/1", "Выборы в Москве", body="Новые выборы назначены на сентябрь.", language="ru"),
    article("ja/1", "東京都の選挙", body="東京都知事選挙は日曜日に行われる。", language="ja"),
    article("ko/1", "서울의 선거", body="서울시장 선거가 열린다.", language="ko"),
    article("en/1", "Elections in Ohio", body="Voters in Ohio went to the polls; many die old.", language=""),
    article("en/2", "Houses by the river", body="The houses of the town stand empty.", language="en"),
    *(
        article(f"en/{number}", f"Report {number}", body="the town and the polls", language="en")
        for number in range(3, 40)
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server on it."""
    root: Path = tmp_path_factory.mktemp("languages") / "archive"
    with SmallIndex(root, partitions=3) as index:
        index.put(*ARTICLES)
        index.log.append_statistics()
        index.publish()
    with ApiServer(root) as server:
        yield server


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Haus", {"de/1"}),
        ("house", {"en/2"}),
        ("häuser OR houses", {"de/1", "en/2"}),
        ("nacion", {"es/1"}),
        ("élection", {"fr/1"}),
        ("election", {"en/1"}),
        ("выбор", {"ru/1"}),
        ("новый выборы", {"ru/1"}),
        ("東京", {"ja/1"}),
        ("知事選挙", {"ja/1"}),
        ("選挙東京", set()),
        ("東", {"ja/1"}),
        ("선거", {"ko/1"}),
        ('"Häuser der Stadt"', {"de/1"}),
        ('"house of the towns"', {"en/2"}),
        ("hous*", {"en/2"}),
        ("häus*", {"de/1"}),
        ("flu?s", {"de/1"}),
        ("stadt -haus", set()),
        ("language:de", {"de/1"}),
        ("title:haus", {"de/1"}),
    ],
)
def test_words_are_found_in_their_language(server: ApiServer, text: str, found: set[str]) -> None:
    """Whatever ending they have there."""
    assert set(server.ids({"q": text})) == found


def test_words_are_marked_in_their_language(server: ApiServer) -> None:
    """A snippet shows what matched, however its vowels are accented there."""
    for text, marked in (
        ("haus", "<mark>Häuser</mark>"),
        ("выбор", "<mark>выборы</mark>"),
        ("house", "<mark>houses</mark>"),
        ("東京都", "<mark>東京都</mark>知事"),
        ("知事選挙", "東京都<mark>知事選挙</mark>は"),
        ("선거", "<mark>선거</mark>가"),
    ):
        (item,) = server.page({"q": text, "highlight": "true"})["data"]
        assert marked in item["snippet"]
        assert marked in item["highlights"]["passages"][0]["html"]


def test_a_word_is_rare_among_those_that_could_hold_it(server: ApiServer) -> None:
    """`die` means little in German, and is a rare verb in English: what the verb says ranks first."""
    ids = server.ids({"q": "die"})
    assert ids[0] == "en/1"
    assert set(ids) == {"de/1", "de/2", "en/1"}


def test_a_walk_goes_on_when_a_language_is_new(tmp_path: Path) -> None:
    """The first article in another language changes neither the walk that is under way nor whose cursor it is."""
    root = tmp_path / "archive"
    with SmallIndex(root, partitions=2) as index:
        index.put(*(article(f"a/{number}", "houses and elections") for number in range(9)))
        index.publish()
        with ApiServer(root) as server:
            page = server.page({"q": "houses", "limit": 4})
            index.put(article("fr/1", "les houses", language="fr"))
            index.publish()
            assert server.page({"q": "houses", "min_seq": 10})["total"]["value"] == 10
            rest = [item["id"] for later in server.walk(page) for item in later["data"]]
            assert len({*rest, *(item["id"] for item in page["data"])}) == len(rest) + 4 == 9
