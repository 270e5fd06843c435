"""Searches and look-ups that the documentation shows, and what they are answered.

Contract: the answers are those of an archive of two partitions that holds nothing but what the requests of
`indexer/examples.py` put into it; a test asks them and compares. Moments, sizes and cursors are another time's.

Not here: the operations (`routes.py`).
"""

from web.openapi import Example

SEARCHED = Example(
    query=(("q", "harbour OR budget"), ("limit", "2"), ("facets", "section")),
    answer={
        "data": [
            {
                "id": "2024-0001",
                "title": "Harbour budget approved",
                "published_at": "2024-03-01T17:30:00Z",
                "source": "Harbour Post",
                "section": "Politics",
                "url": "https://harbour-post.example/2024/0001",
                "score": 1.6077072620391846,
                "snippet": "… city council approved the <mark>harbour</mark> <mark>budget</mark> on Thursday. A "
                "new ferry terminal is part of it.",
            },
            {
                "id": "2024-0004",
                "title": "School budget delayed",
                "published_at": "2024-03-12T00:00:00Z",
                "source": "Wire",
                "section": "Politics",
                "url": "",
                "score": 1.1429958939552307,
                "snippet": "… vote on the school <mark>budget</mark> was delayed to April.",
            },
        ],
        "page": {
            "next": "/v1/search?q=harbour+OR+budget&limit=2&facets=section&cursor=BAEAV8DOheZWdpYA",
            "prev": None,
            "limit": 2,
            "has_more": True,
        },
        "total": {"value": 4, "relation": "eq", "unit": "article"},
        "coverage": {"complete": True, "partitions": {"total": 2, "ok": 2, "failed": []}, "missed": []},
        "facets": {
            "section": {
                "values": [
                    {"value": "Politics", "count": 2},
                    {"value": "Transport", "count": 1},
                    {"value": "Weather", "count": 1},
                ],
                "other": {"values": 0, "count": 0},
            }
        },
        "notes": [],
        "did_you_mean": None,
        "as_of": "2026-11-30T09:15:22.268Z",
        "origin": None,
    },
)
SUGGESTED = Example(
    query=(("q", "harb"), ("limit", "2")),
    answer={
        "phrases": [{"text": "harbour", "articles": 2}],
        "names": [{"text": "Harbour Post", "filter": "source", "articles": 2}],
        "titles": [
            {"id": "2024-0003", "title": "Storm closes the harbour", "published_at": "2024-03-11T00:00:00Z"},
            {"id": "2024-0001", "title": "Harbour budget approved", "published_at": "2024-03-01T17:30:00Z"},
        ],
        "as_of": "2026-11-30T09:15:22.268Z",
    },
)
ARTICLE = Example(
    answer={
        "id": "2024-0001",
        "title": "Harbour budget approved",
        "body": "The city council approved the harbour budget on Thursday. A new ferry terminal is part of it.",
        "summary": "",
        "authors": ["Ann Lee"],
        "source": "Harbour Post",
        "section": "Politics",
        "tags": ["budget"],
        "language": "en",
        "url": "https://harbour-post.example/2024/0001",
        "date_confidence": "instant",
        "version": 2,
        "published_at": "2024-03-01T17:30:00Z",
        "modified_at": None,
        "indexed_at": "2026-11-30T09:15:22.235Z",
        "status": "usable",
        "story_id": "0000000000000006",
        "copies": {"count": 0, "canonical": "2024-0001", "ids": []},
    }
)
SIMILAR_ONES = Example(
    query=(("limit", "2"), ("fields", "id,title,score")),
    answer={
        "data": [
            {"id": "2024-0002", "title": "Ferry terminal opens in May", "score": 3.283988296985626},
            {"id": "2024-0004", "title": "School budget delayed", "score": 1.1976227164268494},
        ],
        "coverage": {"complete": True, "partitions": {"total": 2, "ok": 2, "failed": []}, "missed": []},
        "terms": [
            {"term": "budget", "language": "en", "tf": 3, "idf": 0.6931471805599453},
            {"term": "harbour", "language": "en", "tf": 3, "idf": 0.3566749439387324},
            {"term": "citi", "language": "en", "tf": 1, "idf": 0.6931471805599453},
            {"term": "council", "language": "en", "tf": 1, "idf": 0.6931471805599453},
            {"term": "termin", "language": "en", "tf": 1, "idf": 0.6931471805599453},
            {"term": "ferri", "language": "en", "tf": 1, "idf": 0.3566749439387324},
            {"term": "a", "language": "en", "tf": 1, "idf": 0.06931471805599453},
            {"term": "on", "language": "en", "tf": 1, "idf": 0.03566749439387324},
            {"term": "the", "language": "en", "tf": 2, "idf": 0.010536051565782635},
        ],
        "as_of": "2026-11-30T09:15:22.268Z",
    },
)
PARTITIONS = Example(
    answer={
        "epoch": 2,
        "published_at": "2026-11-30T09:15:22.268Z",
        "articles": 4,
        "statistics_epoch": 1,
        "applied_seq": 6,
        "routing_version": 1,
        "data": [
            {
                "partition": 0,
                "generation": 0,
                "articles": 0,
                "tombstones": 0,
                "segments": 0,
                "size_bytes": 0,
                "applied_seq": 6,
                "indexed_through": "2026-11-30T09:15:22.235Z",
                "parked": 0,
            },
            {
                "partition": 1,
                "generation": 2,
                "articles": 4,
                "tombstones": 1,
                "segments": 2,
                "size_bytes": 15360,
                "applied_seq": 6,
                "indexed_through": "2026-11-30T09:15:22.235Z",
                "parked": 0,
            },
        ],
    }
)

BIBTEX_ENTRY = Example(
    answer="""@article{2024-0001,
  author = {Ann Lee},
  title = {{Harbour budget approved}},
  journal = {Harbour Post},
  language = {en},
  url = {https://harbour-post.example/2024/0001},
  date = {2024-03-01},
  year = {2024},
  month = {3},
}
"""
)

CSL_ITEM = Example(
    answer=[
        {
            "id": "2024-0001",
            "type": "article-newspaper",
            "title": "Harbour budget approved",
            "author": [{"literal": "Ann Lee"}],
            "container-title": "Harbour Post",
            "section": "Politics",
            "issued": {"date-parts": [[2024, 3, 1]]},
            "language": "en",
            "URL": "https://harbour-post.example/2024/0001",
        }
    ]
)
