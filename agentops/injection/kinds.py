"""Where the value of a hole comes from, as far as trust is concerned."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """Where a value comes from. The value is the word used in the configuration and in reports."""

    THIRD_PARTY = "third-party"
    USER = "user"
    MODEL = "model"
    UNKNOWN = "unknown"
    OPERATOR = "operator"
    CONSTANT = "constant"

    @property
    def verdict(self) -> str:
        """The public class: untrusted, unknown, operator or constant."""
        return "untrusted" if self.untrusted else self.value

    @property
    def untrusted(self) -> bool:
        """Whether outsiders write the value. An unknown one is not called untrusted."""
        return self in (Kind.THIRD_PARTY, Kind.USER, Kind.MODEL)
