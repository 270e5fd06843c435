"""From the text of a query to its tree.

    words             all of them must match                     climate summit
    "a phrase"        in this order; "..."~2 allows two others   "prime minister"~1
    AND OR NOT - + () capital letters                            (storm OR flood) -insurance
    title: body:      in a field; before words, phrases, groups  author:akaka title:(tax cut)
    section: source: tag: language:   a whole value              section:politics tag:"health care"
    published: modified: indexed:     2007, 2007-04-10, from..to, >=, >, <=, <, [a TO b]   published:2007-04..2007-06
    word*             a beginning, at least three letters        elect*
    wo?d wo*d         one letter, any letters; three come first  gover?or labo*r
    word~ word~2      words spelled alike, by one letter or two  ahmedinejad~
    word^2            counts twice                               tariff^2 trade

OR binds closer than words that stand side by side, and AND closer than OR: `a b OR c` is a AND (b OR c).

Contract: any text gives a tree, in time that grows with its length, or a `QueryError` when it is too much: too long,
too deep, too many words. What is wrong otherwise is taken for text, or left out, and a note says so; who wants to be
strict refuses a text with notes. Equal meanings get equal trees as far as spelling goes: case, white space and the
order of clauses do not count.

Not here: request parameters (`parameters.py`), terms and languages (`terms.py`), execution (`share.py`).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import normalize

from partition.analysis import exact, ideographic, runs, words
from partition.schema import POSITION_FIELDS, TEXT
from search.canonical import Clause, conjunction, disjunction, scaled, together
from search.periods import CLOCKS, PeriodError, period_of
from search.query import And, Every, Near, Node, Nothing, Or, Pattern, Quote, Start, Value, Word

MAX_QUERY_CHARS = 512
MAX_CLAUSES = 32
MAX_DEPTH = 8
MAX_PHRASE_TERMS = 16
_WORDS_OF_CLAUSE = 6
"""A phrase counts as a clause for each so many words."""
MAX_SLOP = 3
MAX_BOOST = 100.0
MIN_PREFIX_CHARS = 3
MAX_STARS = 2
"""In one word."""
MAX_EDITS = 2
VALUES = {"section": "section", "source": "source", "tag": "tag", "language": "language"}
"""Name in a query to keyword field."""


class QueryError(ValueError):
    """The query cannot be executed; the message says what is wrong and what to write instead."""

    def __init__(self, detail: str, position: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.position = position
        """Offset of the offending character in the query text, where known."""


class Note(NamedTuple):
    """Something in a query that was not understood as it may have been meant."""

    position: int
    """Offset of the character in the query text."""
    detail: str


class Parsed(NamedTuple):
    """What a text means."""

    node: Node
    notes: tuple[Note, ...]


OPERATORS = frozenset({"AND", "OR", "NOT"})
"""Words that are operators, in capitals only."""


def edits_for(form: str) -> int:
    """How many letters a word may be wrong by, if nobody says: none of two letters, one of five, two of more."""
    return min(MAX_EDITS, len(form) // 3)


class _Token(NamedTuple):
    kind: str
    """`open`, `close`, `phrase`, `sign`, `field`, `bracket` or `chunk`."""
    text: str
    """Of a phrase what is quoted, of a parenthesis its boost, of a field its name."""
    position: int
    suffix: str = ""
    """Slop and boost of a phrase."""


_NAMES = "|".join((*POSITION_FIELDS, *VALUES, *CLOCKS))
_BOOST = r"\^(?:\d+\.?\d*|\.\d+)"
_TOKEN = re.compile(
    rf"""\s+
    |\((?P<open>)
    |\)(?P<close>(?:{_BOOST})?)
    |"(?P<phrase>[^"]*)"(?P<suffix>(?:~\d+)?(?:{_BOOST})?)
    |(?P<quote>")
    |(?<![^\s()":+-])(?P<sign>[-+])(?=[^\s)])
    |(?<![^\s()":+-])(?P<field>{_NAMES}):(?=[^\s)])
    |(?<=:)(?P<bracket>\[[^\]\s]+\s+TO\s+[^\]\s]+\])
    |(?P<chunk>[^\s"()]+)
    """,
    re.VERBOSE,
)
_SUFFIX = re.compile(rf"(?:~(?P<number>\d*))?(?P<boost>{_BOOST})?")
_CHUNK = re.compile(rf"(?P<body>.*?)(?P<suffix>(?:~\d*)?(?:{_BOOST})?)", re.DOTALL)
_PIECE = re.compile(r"(?P<pattern>\w+(?:[?*]+\w+)+\*?)(?![\w*])|(?P<start>\w+)\*$|(?P<word>\w+)|(?P<star>\*)")
_UNKNOWN = re.compile(r"(?P<name>[a-z_]{2,20}):\w")


def parse_query(text: str) -> Parsed:
    """The tree of a query text; an empty text, or a lone `*`, matches every article.

    Raises:
        QueryError: a limit is exceeded.
    """
    if len(text) > MAX_QUERY_CHARS:
        raise QueryError(f"the query has {len(text)} characters; {MAX_QUERY_CHARS} are allowed", MAX_QUERY_CHARS)
    if found := _NO_TEXT.search(text):
        raise QueryError("the query holds a character that is not text", found.start())
    if not text.strip():
        return Parsed(Every(), ())
    if plain := _WORDS.fullmatch(text):  # most queries; the whole way takes five times as long
        either = plain["either"] is not None
        forms = text.split(" OR " if either else " ")
        if len(forms) <= MAX_CLAUSES:
            boosts: dict[tuple[str, str], float] = {}
            for form in forms:
                word = TEXT, form.lower()
                boosts[word] = boosts.get(word, 0.0) + 1.0
            return Parsed(together(Or if either else And, Word, boosts), ())
    parser = _Parser(normalize("NFC", text))
    node = parser.parse()
    return Parsed(node, tuple(sorted(parser.notes)))


_PLAIN = "(?!AND|OR|NOT)[A-Za-z]{1,64}"
_WORDS = re.compile(f"{_PLAIN}(?:(?P<either>(?: OR {_PLAIN})+)|(?: {_PLAIN})*)")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.notes: list[Note] = []
        self._clauses = 0
        self._tokens = list(self._cut(text))
        self._at = 0

    def _cut(self, text: str) -> Iterator[_Token]:
        opened: list[int] = []
        for match in _TOKEN.finditer(text):
            kind, position = match.lastgroup, match.start()
            match kind:
                case None:  # white space
                    continue
                case "quote":
                    self._note(position, "a quotation mark without a second one; it is left out")
                    continue
                case "open":
                    opened.append(position)
                    if len(opened) > MAX_DEPTH:
                        raise QueryError(f"parentheses are nested more than {MAX_DEPTH} deep", position)
                case "close":
                    if not opened:
                        self._note(position, "a parenthesis that closes nothing; it is left out")
                        continue
                    opened.pop()
                case "suffix":
                    kind = "phrase"
            yield _Token(kind, match[kind], position, match["suffix"] or "")
        for position in opened:
            self._note(position, "a parenthesis that is not closed; it reaches to the end")

    def _note(self, position: int, detail: str) -> None:
        self.notes.append(Note(position, detail))

    def _count(self, words_: int = 1) -> None:
        self._clauses += 1 + (words_ - 1) // _WORDS_OF_CLAUSE
        if self._clauses > MAX_CLAUSES:
            raise QueryError(f"the query has more than {MAX_CLAUSES} words and phrases; leave some out")

    def _peek(self, ahead: int = 0) -> _Token | None:
        """The next token of this group, `None` at its end."""
        at = self._at + ahead
        token = self._tokens[at] if at < len(self._tokens) else None
        return None if token is None or token.kind == "close" else token

    def parse(self) -> Node:
        """The whole text."""
        node, negated = self._group(None)
        return conjunction([(node, True)]) if negated else node

    def _group(self, field: str | None) -> Clause:
        """Clauses side by side, up to a parenthesis that closes them."""
        clauses = []
        begun = self._at
        while self._peek():
            if (word := self._operator("AND", "OR")) and not (self._at == begun and self._peek(1) is None):
                self._note(word.position, f"{word.text} has nothing on one side; it is left out")
                self._at += 1
            else:
                clauses.append(self._either(field))
        return clauses[0] if len(clauses) == 1 else (conjunction(clauses), False)

    def _either(self, field: str | None) -> Clause:
        """Alternatives with OR between."""
        must: list[Clause] = []
        may: list[Clause] = []
        while True:
            required, clause = self._both(field)
            (must if required else may).append(clause)
            if not self._joined("OR"):
                break
        if len(must) + len(may) == 1:
            return (must or may)[0]
        if not must:
            return disjunction(may), False
        # Whatever must be there is; the others add to the score.
        return conjunction([*must, (disjunction([*may, (Every(), False)]), False)] if may else must), False

    def _both(self, field: str | None) -> tuple[bool, Clause]:
        """Clauses with AND between, and whether it is one with a plus before it."""
        plus, first = self._signed(field)
        clauses = [first]
        while self._joined("AND"):
            clauses.append(self._signed(field)[1])
        return (plus, first) if len(clauses) == 1 else (False, (conjunction(clauses), False))

    def _operator(self, *names: str, ahead: int = 0) -> _Token | None:
        token = self._peek(ahead)
        return token if token and token.kind == "chunk" and token.text in names else None

    def _joined(self, name: str) -> bool:
        """Whether such an operator comes next, with something behind it; it is taken then."""
        if not self._operator(name) or not self._peek(1) or self._operator("AND", "OR", ahead=1):
            return False
        self._at += 1
        return True

    def _signed(self, field: str | None) -> tuple[bool, Clause]:
        """One clause with what stands before it, and whether that is a plus."""
        negated = plus = False
        while token := self._peek():
            if token.kind == "sign":
                negated, plus = negated ^ (token.text == "-"), token.text == "+"
            elif self._operator("NOT") and self._peek(1) and not self._operator("AND", "OR", ahead=1):
                negated = not negated
            else:
                break
            self._at += 1
        node, inner = self._operand(field)
        return plus, (node, (negated ^ inner) and node != Nothing())

    def _operand(self, field: str | None) -> Clause:
        token = self._peek()
        if token is None:
            return Nothing(), False
        self._at += 1
        match token.kind:
            case "field":
                return self._signed(token.text)[1]
            case "open":
                node, negated = self._group(field)
                closing = self._tokens[self._at] if self._at < len(self._tokens) else None
                self._at += 1
                return self._boosted(node, closing.text if closing else "", token.position), negated
            case _:
                return self._leaf(token, field), False

    def _leaf(self, token: _Token, field: str | None) -> Node:
        quoted = token.kind == "phrase"
        if field in CLOCKS:
            try:
                period = period_of(field, token.text)
            except PeriodError as error:
                self._note(token.position, str(error))
                return self._chunk(token._replace(text=f"{field} {token.text}"), TEXT)
            self._count()
            return period
        if field in VALUES:
            self._count()
            value = exact(token.text)
            return Value(VALUES[field], value) if value else Nothing()
        if quoted:
            return self._phrase(token, field or TEXT)
        if field is None and (found := _UNKNOWN.match(token.text)):
            self._note(token.position, f"there is no field {found['name']}; it is taken for text")
        return self._chunk(token, field or TEXT)

    def _phrase(self, token: _Token, field: str) -> Node:
        suffix = _SUFFIX.fullmatch(token.suffix)
        assert suffix, "it was cut so"
        slop = int(suffix["number"][:4]) if suffix["number"] else 0
        if slop > MAX_SLOP:
            self._note(token.position, f"a phrase allows {MAX_SLOP} other words at most, not {slop}")
            slop = MAX_SLOP
        forms = tuple([word.lower() for word in words(token.text)])
        if not forms:
            return Nothing()
        if len(forms) > MAX_PHRASE_TERMS:
            raise QueryError(f"a phrase has {len(forms)} words; {MAX_PHRASE_TERMS} are allowed", token.position)
        self._count(len(forms))
        node = Word(field, forms[0]) if len(forms) == 1 else Quote(field, forms, slop)
        return self._boosted(node, suffix["boost"] or "", token.position)

    def _chunk(self, token: _Token, field: str) -> Node:
        """What stands between white space: words, perhaps with a suffix, a star or question marks."""
        if token.text == "*":
            return Every()
        match = _CHUNK.fullmatch(token.text)
        assert match, "it matches anything"
        suffix = _SUFFIX.fullmatch(match["suffix"])
        assert suffix, "it was cut so"
        found: list[Node] = []
        for piece in _PIECE.finditer(match["body"]):
            found += self._piece(piece, field, token.position)
        if suffix["number"] is not None and found:
            found = self._near(found, suffix["number"], token.position)
        node = found[0] if len(found) == 1 else conjunction((one, False) for one in found)
        return self._boosted(node, suffix["boost"] or "", token.position)

    def _piece(self, piece: "re.Match[str]", field: str, position: int) -> list[Node]:
        text, position = piece.group(), position + piece.start()
        match piece.lastgroup:
            case "star":
                self._note(position, "a * may end a word, or stand inside one; it is left out")
                return []
            case "start":
                beginning = piece["start"].lower()
                if len(beginning) >= MIN_PREFIX_CHARS or ideographic(beginning):
                    *whole, last = words(beginning)
                    self._count(len(whole) + 1)
                    return [*self._words(" ".join(whole), field), Start(field, last)]
                self._note(position, f"{text} is too short: a beginning needs {MIN_PREFIX_CHARS} letters")
            case "pattern":
                pattern = text.lower()
                if len(re.split(r"[?*]", pattern, maxsplit=1)[0]) < MIN_PREFIX_CHARS:
                    self._note(position, f"{text} is too vague: {MIN_PREFIX_CHARS} letters must come before ? and *")
                elif len(re.findall(r"\*+", pattern)) > MAX_STARS:  # each multiplies the time by a word's length
                    self._note(position, f"{text} is too vague: {MAX_STARS} * in a word are allowed")
                else:
                    self._count()
                    return [Pattern(field, re.sub(r"\*+", "*", pattern))]
        return self._words(text, field)

    def _words(self, text: str, field: str) -> list[Node]:
        """Words that stand together; of ideographs in a row as a phrase, of a single one as a beginning."""
        found: list[Node] = []
        for run in runs(text.lower()):
            if not ideographic(run):
                self._count()
                found.append(Word(field, run))
            elif len(run) == 1:
                self._count()
                found.append(Start(field, run))
            else:
                pairs = words(run)
                for at in range(0, len(pairs), MAX_PHRASE_TERMS):
                    some = tuple(pairs[at : at + MAX_PHRASE_TERMS])
                    self._count(len(some))
                    found.append(Word(field, some[0]) if len(some) == 1 else Quote(field, some))
        return found

    def _near(self, found: list[Node], number: str, position: int) -> list[Node]:
        """The last word, or one that is spelled like it."""
        *others, last = found
        if number not in {"", "1", "2"}:
            self._note(position, f"a word may be {MAX_EDITS} letters apart at most: ~, ~1 or ~2; it is left out")
        elif not isinstance(last, Word):
            self._note(position, "a ~ may follow a word or a phrase; it is left out")
        elif edits := int(number) if number else edits_for(last.form):
            return [*others, Near(last.field, last.form, edits)]
        return found

    def _boosted(self, node: Node, boost: str, position: int) -> Node:
        """The node, which counts so many times."""
        if not boost:
            return node
        factor = float(boost[1:])
        try:
            return scaled(node, factor, MAX_BOOST)
        except ValueError:
            self._note(position, f"a boost of {factor:g} is not in (0, {MAX_BOOST:g}]; it is left out")
            return node
