"""Requests of every kind, from a seed, for the articles of `generated.py`.

Contract: equal seeds make equal requests; most of them find something.

Not here: what is tested with them (`test_dependence.py`).
"""

import random

WORDS = ("budget", "senate", "storms", "storm", "vote", "votes", "of", "the", "Tax", "élan", "die", "東京")
RARE = ("bugdet", "senat", "zz", "storn", "tax17", "votes3", "storm12")
"""Misspelled, or in few articles."""


def request(made: random.Random) -> dict[str, str]:
    """Parameters of a search."""
    choose = made.choice
    given = {"q": _text(made, 2), "limit": choose(("2", "5", "50"))}
    for name, values, share in (
        ("sort", ("newest", "oldest", "relevance"), 0.3),
        ("section", ("politics", "!Sport", "none"), 0.15),
        ("source", ("wire", "!post"), 0.1),
        ("tag", ("x", "!y"), 0.1),
        ("author", ("Ann Storm",), 0.1),
        ("from", ("1969-12-31", "1970-01-02", "-60y"), 0.15),
        ("to", ("1970-01-01", "1970-01-02"), 0.1),
        ("date_field", ("modified", "indexed"), 0.1),
        ("facets", ("section", "section,tag,month", "author,year,language", "source,day"), 0.3),
        ("collapse", ("story",), 0.25),
        ("fields", ("id,score", "id,copies,story_id", "id,title,snippet,copies", "id,section,version"), 0.4),
        ("highlight", ("true",), 0.1),
        ("half_life", ("7d", "100y"), 0.1),
        ("total", ("none",), 0.1),
        ("explain", ("true",), 0.05),
    ):
        if made.random() < share:
            given[name] = choose(values)
    if given.get("sort", "relevance") != "relevance" or not given["q"]:
        given.pop("half_life", None)
    return given


def _text(made: random.Random, depth: int) -> str:
    choose = made.choice
    kind = choose(("word",) * 4 + ("few", "phrase", "field", "rest", "nothing") + ("all", "any", "not") * depth)
    match kind:
        case "word":
            return choose(WORDS)
        case "few":
            return choose(RARE)
        case "phrase":
            return f'"{choose(WORDS)} {choose(WORDS)}"' + choose(("", "", "~2"))
        case "field":
            return choose(("title:", "body:", "author:storm ", "section:sport ", "published:1970 ")) + choose(WORDS)
        case "rest":
            return choose(("sto*", "vot*", "st?rm", "b*g*t", "senat~", "budgt~", "elan~"))
        case "nothing":
            return choose(("", "*"))
        case "all":
            return " ".join(_text(made, depth - 1) for _ in range(choose((2, 2, 3))))
        case "any":
            return "(" + " OR ".join(_text(made, depth - 1) or "zz" for _ in range(choose((2, 3)))) + ")"
        case _:
            return f"{_text(made, depth - 1)} -{choose(WORDS)}"
