"""What is around an expression."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """What is around an expression: the names from the innermost out, and the call that it is an argument of."""

    names: tuple[str, ...] = ()
    call: str = ""
    function: str = ""

    @property
    def name(self) -> str:
        """The innermost name, "" for none."""
        return self.names[0] if self.names else ""

    @property
    def called(self) -> str:
        """The call's own name, without what it is called on."""
        return self.call.rsplit(".", 1)[-1].removeprefix("new ")
