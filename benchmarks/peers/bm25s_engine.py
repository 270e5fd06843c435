"""bm25s: precomputed scores in a sparse matrix, added up by Numba.

What differs: no positions, no dates, no totals, no requirement of all words, and no fields: title and body are one
text, and the text is not stored. English Snowball stems, no stop words, Lucene's formula with k1 = 1.2. The matrix is
read into memory on opening.

Contract: as `engine.Engine` says; ids are ordinals. Articles that score nothing are left out.

Not here: ranking quality.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import bm25s
import Stemmer

from benchmarks.peers.engine import TOP, Answer, Ask, QueryClass, Question, folder_bytes
from partition.types import Article


class Bm25s:
    """Only the class `or`."""

    exact = False

    def build(self, articles: Sequence[Article], folder: Path) -> None:
        """As `Engine` says."""
        tokens = bm25s.tokenize(
            [f"{article.title}\n{article.body}" for article in articles],
            token_pattern=r"\w+",  # noqa: S106 - an expression for words, not a password
            stopwords=[],
            stemmer=Stemmer.Stemmer("english"),
            show_progress=False,
        )
        index = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numba")
        index.index(tokens, show_progress=False)
        index.save(str(folder), show_progress=False)

    @contextmanager
    def open(self, folder: Path) -> Iterator[Mapping[QueryClass, Ask]]:
        """As `Engine` says."""
        index = bm25s.BM25.load(str(folder), show_progress=False)
        top = min(TOP, index.scores["num_docs"])
        stemmer = Stemmer.Stemmer("english")

        def ask(question: Question) -> Answer:
            terms = index.get_tokens_ids(stemmer.stemWords(question.text.split()))
            if not terms:
                return Answer([], None)
            found = index.retrieve([terms], k=top, show_progress=False)
            numbers, scores = found.documents[0].tolist(), found.scores[0].tolist()
            return Answer([number for number, score in zip(numbers, scores, strict=True) if score > 0], None)

        yield {"or": ask}

    def footprint(self, folder: Path) -> dict[str, int]:
        """As `Engine` says."""
        return {"size_bytes": folder_bytes(folder)}
