"""No pickle is read or written while an index is built, merged, opened and searched.

The kernels are loaded before the audit hook listens: Numba keeps its own compiled code on disk as pickles, in a
folder that only its owner may write to (`partition/kernels/jit.py`), and reads them when a kernel is loaded; nothing
of that happens afterwards.
"""

import subprocess
import sys
from pathlib import Path

from tests.commands import environment

_SCRIPT = """
import sys
from pathlib import Path

import tests.leaf  # brings the kernels
from tests.small_index import SmallIndex, article, contents, small_dictionaries
from tests.archive import made_up

from partition.kernels.jit import load_kernels

load_kernels()

import pickle, _pickle

class Unpickled(BaseException):
    pass

def refuse(event, arguments):
    if event == "pickle.find_class":
        raise Unpickled(arguments)

def never(*arguments, **options):
    raise Unpickled("pickling")

sys.addaudithook(refuse)
for module in (pickle, _pickle):
    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        setattr(module, name, never)

from partition.manifest import Layout
from partition.reader import PartitionReader
from partition.statistics import Statistics
from search.leaf import Slice
from search.query import Filters, Phrase, Query, Term
from tests.leaf import answer_of

root = Path(sys.argv[1])
articles = made_up(120)
with small_dictionaries(), SmallIndex(root, partitions=1) as index:
    index.put(*articles[:80])
    index.log.append_statistics()
    index.publish()
    index.put(*articles[60:])
    index.withdraw(articles[3].id)
    index.log.append_statistics()
    manifest = index.publish()
assert len(contents(root)) == 119
with SmallIndex(root, partitions=1) as index:
    manifest = index.publish(merge=True)
    assert index.publish(merge=True).partitions[0].segments == 1
(record,) = manifest.partitions
layout = Layout(root)
reader = PartitionReader(layout.partition(0), record)
statistics = Statistics(layout.statistics / manifest.statistics_file.name)
for node in (Term("text", "budget"), Phrase("text", ("the", "senat"))):
    query = Query(node, Filters(), "relevance")
    answer = answer_of(reader, statistics, query, Slice(10))
    assert answer.total, node
    for match in answer.matches:
        assert reader.stored(match.segment, match.docnum)["id"] == match.position.article_id
try:
    sys.audit("pickle.find_class", "os", "system")
except Unpickled:
    print("refused")
"""


def test_no_pickle_anywhere(tmp_path: Path) -> None:
    """Every class that an unpickler looks for, and every call of the module, would end the process."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _SCRIPT, str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "refused\n"
