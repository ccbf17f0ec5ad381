"""Functions of a program's own that make messages, told by their names: `systemMessage(...)`, `Message.user(...)`.

The name alone does not tell a message of a chat with a model from a row of a table. Where such a call stands beside
messages that say something, it is one of them.
"""

from __future__ import annotations

from agentops.injection.syntax.code.prompts import role_of, words

_MAKES = frozenset(("create", "make", "build", "new", "format", "as", "to", "from", "of"))
_ENDS = frozenset(("message", "messages", "msg", "turn"))
_ROLES = frozenset(("system", "developer", "human", "user", "assistant", "ai", "bot", "tool"))


def role_of_helper(path: str) -> str | None:
    """The role that the name of a function tells: `createUserMessage`, `system_msg`, `ChatMessage.fromUser`."""
    owner, _, last = path.rpartition(".")
    said = [w for w in words(last) if w != "chat"]
    if said[:1] and said[0] in _MAKES:
        said = said[1:]
    if len(said) == 2 and said[0] in _ROLES and said[1] in _ENDS:
        return role_of(said[0])
    owned = words(owner.rpartition(".")[2])[-1:]
    if len(said) == 1 and said[0] in _ROLES and owned and owned[0] in _ENDS and owner.rpartition(".")[2][:1].isupper():
        return role_of(said[0])
    return None


def takes_role(path: str) -> bool:
    """Whether a function of this name makes a message of the role that it is given: `makeMessage("user", text)`."""
    said = [w for w in words(path.rpartition(".")[2]) if w != "chat"]
    if said[:1] and said[0] in _MAKES:
        said = said[1:]
    return len(said) == 1 and said[0] in ("message", "msg")
