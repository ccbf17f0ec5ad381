"""Functions of a program's own that make messages, told by their names: `system_message(...)`, `createUserMsg(...)`.

The name alone does not tell a message of a chat with a model from a row of a table. Where such a call stands beside
messages that say something, it is one of them.
"""

from __future__ import annotations

import re

from agentops.injection.syntax.python.words import ROLES, words

_MAKES = r"(?:create|make|build|new|format|as|to)_"
_HELPER = re.compile(
    rf"({_MAKES})?(system|developer|human|user|assistant|ai|bot|tool)_(?:chat_)?(?:message|msg|turn)\Z"
)  # fmt: skip
_ANY = re.compile(rf"(?:{_MAKES})?(?:chat_)?(?:message|msg)\Z")
_SPEAKER = re.compile(r"(?:\w{0,40}(?:Message|Msg)s?|ell)\Z")


def role_of_helper(name: str) -> str:
    """The role that the name of a function tells, else ""."""
    found = _HELPER.match("_".join(words(name)))
    return ROLES[found[2]] if found else ""


def is_plain(name: str) -> bool:
    """Whether the name is that of the message alone (`user_message`), and does not say that one is made."""
    found = _HELPER.match("_".join(words(name)))
    return found is not None and not found[1]


def takes_role(name: str) -> bool:
    """Whether a function of this name makes a message of the role that it is given: `make_message("user", text)`."""
    return _ANY.match("_".join(words(name))) is not None


def role_of_speaker(owner: str, method: str) -> str:
    """The role of `ChatMessage.from_user(...)`, `Messages.User(...)`, `ell.user(...)`, else ""."""
    said = method.lower().removeprefix("from_").removeprefix("create_")
    return ROLES.get(said, "") if _SPEAKER.match(owner) else ""
