"""What goes wrong, each with a type: where, what was expected, what came, and what to do."""

from __future__ import annotations


class CacheQuantError(Exception):
    """Every error that this package raises on purpose.

    ``code`` is the same word that the Node packages use. ``where``, ``expected``, ``got`` and ``hint`` are the parts
    of the message, or None.
    """

    code = "internal"

    def __init__(
        self,
        summary: str,
        *,
        where: str | None = None,
        expected: object = None,
        got: object = None,
        hint: str | None = None,
    ):
        self.summary = summary
        self.where = where
        self.expected = None if expected is None else str(expected)
        self.got = None if got is None else str(got)
        self.hint = hint
        super().__init__(self._message())

    def _message(self) -> str:
        head = self.summary if self.where is None else f"{self.where}: {self.summary}"
        facts = [f"expected {self.expected}"] if self.expected is not None else []
        facts += [f"got {self.got}"] if self.got is not None else []
        middle = f" ({', '.join(facts)})" if facts else ""
        return f"{head}{middle}{'' if self.hint is None else f'. {self.hint}'}"


class BundleError(CacheQuantError):
    """The bundle is damaged, altered, or was made by a newer version."""

    code = "bundle"


class UnsupportedError(CacheQuantError):
    """Something that this package does not know; the message names it."""

    code = "unsupported"


class InvalidArgumentError(CacheQuantError, ValueError):
    """A request that cannot be fulfilled."""

    code = "invalid-argument"


class NonFiniteError(CacheQuantError):
    """A network or the sampler gave NaN or an infinite value."""

    code = "non-finite"
