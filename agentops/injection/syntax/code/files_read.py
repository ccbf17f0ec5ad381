"""Reads of files whose path stands in the source: `fs.readFileSync("rules.txt")`, `os.ReadFile(filepath.Join(...))`."""

from __future__ import annotations

import re

from agentops.injection.syntax import own_files
from agentops.injection.template import Assigned

_READ = re.compile(
    r"\b(?:readFile(?:Sync)?|ReadFile|readTextFile(?:Sync)?|Files\.read(?:String|AllLines|AllBytes))\s{0,4}\("
)
_FILE_OF_KOTLIN = re.compile(r"\bFile\(\s{0,4}\"([^\"$\n]{1,300})\"\s{0,4}\)\s{0,4}\.read(?:Text|Lines)\(\s{0,4}\)")
_TOKEN = re.compile(r"\s++|'([^'\\\n]{0,300})'|\"([^\"\\\n]{0,300})\"|`([^`\\$]{0,300})`|([A-Za-z_$][\w$]*+)|(.)")
# Names that only say where the program lies or put a path together.
_PATH_NAMES = frozenset((
    "path", "join", "resolve", "filepath", "Join", "Path", "Paths", "of", "get", "new", "File", "URL", "import", "meta",
    "url", "dirname", "__dirname", "process", "cwd", "fileURLToPath", "StandardCharsets", "UTF_8", "encoding",
    "toString",
))  # fmt: skip
_MOST = 400


def blanked(text: str) -> tuple[str, Assigned | None]:
    """The code without its reads of the program's own files, and what the first of these says; None without one."""
    if "ead" not in text:
        return text, None
    if (found := _FILE_OF_KOTLIN.search(text)) is not None:
        start, end, path = found.start(), found.end(), found[1]
    elif (found := _READ.search(text)) is not None:
        start, (end, path) = found.start(), _argument(text, found.end())
    else:
        return text, None
    said = own_files.of_path(path)
    return (f"{text[:start]} {text[end:]}", said) if said is not None else (text, None)


def _argument(text: str, at: int) -> tuple[int, str]:
    """The offset behind the call's arguments, and the path that they write out; "" where a part of it is a value."""
    depth, pieces = 1, list[str]()
    limit = min(len(text), at + _MOST)
    path_done = False
    while at < limit and (token := _TOKEN.match(text, at)) is not None:
        at = token.end()
        written = next((g for g in token.groups()[:3] if g is not None), None)
        mark = token[5] or ""
        if written is not None and not path_done:
            pieces.append(written)
        elif token[4] and token[4] not in _PATH_NAMES and not path_done:
            return at, ""
        elif mark and mark in "([{":
            depth += 1
        elif mark and mark in ")]}":
            depth -= 1
            if depth == 0:
                return at, "/".join(p.removeprefix("/") if n else p for n, p in enumerate(pieces))
        elif mark == "," and depth == 1:
            path_done = True  # an encoding follows
        elif mark and mark not in ".,+?:;!" and not path_done:
            return at, ""
    return at, ""
