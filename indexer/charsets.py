"""Which character set a label from the network means.

Contract: `character_set` gives the name of a Python codec that is a character set, or None: Python's registry holds
more than those, and some that are none (`punycode`, `unicode_escape`) take quadratic time or change the text. What
calls itself ASCII or Latin-1 is Windows-1252, as in the Encoding Standard.

Not here: where labels stand in XML (`indexer/feeds/xml_tree.py`) and HTML (`indexer/readers/extraction.py`).
"""

import codecs
import re

_CHARACTER_SETS = re.compile(
    r"utf-8|utf-16(?:-[lb]e)?|utf-32(?:-[lb]e)?|ascii|iso8859-\d+|cp\d+|koi8-\w|mac-\w+|gb2312|gbk|gb18030|big5(?:hkscs)?"
    r"|shift_jis\w*|euc_\w+|iso2022_\w+|tis-620|johab|ptcp154|kz1048"
)
_WIDER = {"iso8859-1": "cp1252", "ascii": "cp1252"}


def character_set(label: str) -> str | None:
    """The codec for a label; None for an unknown one, and for codecs that are no character sets."""
    try:
        found = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    return _WIDER.get(found, found) if _CHARACTER_SETS.fullmatch(found) else None
