"""Names of cached answers: any text becomes a short name that no other application uses.

Contract: a `Key` is a function of its text alone. The text must say everything the answer depends on, since
nothing else tells two answers apart. Keys made by different entry versions never meet, so that old and new
processes can share one server during a rolling restart.

Not here: what the text is made of; callers know.
"""

from dataclasses import dataclass
from hashlib import blake2b

VERSION = 3
"""Version of key names and of the entry format together; raise it when either changes."""

NAMESPACE = f"broadsheet:{VERSION}:"
"""Prefix of every name given to a backend, which may be shared with other applications."""

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """One key, ready for a backend."""

    digest: bytes
    """BLAKE2b-256 of the text's UTF-8 bytes; entries carry it to prove whose answer they hold."""
    name: str
    """What the backend is asked for: `NAMESPACE` and the digest in hexadecimal: always 77 characters."""

    @classmethod
    def of(cls, text: str) -> "Key":
        """The key of any text; lone surrogates are as good as any other character."""
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
        return cls(digest, NAMESPACE + digest.hex())

    @classmethod
    def named(cls, name: str) -> "Key":
        """The key with this name."""
        return cls(bytes.fromhex(name.removeprefix(NAMESPACE)), name)

    @property
    def spread(self) -> float:
        """A place in [-1, 1] for each key, even over all keys, so that lifetimes can differ."""
        return int.from_bytes(self.digest[:4], "big") / 0x7FFFFFFF - 1
