"""Assertions on numbers that stand in the text of an answer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from agentops.contracts import Judgement, Unjudgeable
from agentops.errors import ConfigError
from agentops.evals.metrics.text import Params, quote
from agentops.model.seen import Seen

MOST_NUMBERS = 10_000
"""An answer with more numbers is a dump in which any of them stands."""

# No quantifier can match what the one behind it could, so the search is linear. A space groups thousands only where
# three digits follow; a hyphen is a minus unless it joins (5-7); a part of a name (A-1001, v2, 3f9a) is no number.
_SPACES = "'’_ \u00a0\u202f"
_TOKEN = re.compile(
    r"(?<![\w.,])(?<![^\W\d_][-−–])(?P<minus>(?<![\w)\]])[-−])?\+?(?:[$€£¥] ?)?"
    rf"(?P<digits>\d{{1,3}}(?:[{_SPACES}]\d{{3}}(?!\d))+(?:[.,]\d+)?|\d+(?:[.,]\d+)*|\.\d+)"
    r"(?P<exponent>[eE][-+−]?\d{1,3})?(?=[^\W\d_]{0,8}(?!\w))(?P<percent>[ \u00a0\u202f]?%)?"
)
_LONGEST = 60
_UNIT_REACH = 24


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, and what it may mean: `1.234` is twelve hundred in one country and about one in another.
    `start` and `end` are the place of its digits, with the exponent and without currency and per cent."""

    written: str
    readings: tuple[float, ...]
    start: int
    end: int


def number(params: Params, seen: Seen) -> Judgement:
    """A number of the answer is `value`, give or take `abs` or `rel` (a share of the value), whichever is wider; the
    smallest of errors of rounding is forgiven. `which` says whose turn it is where there are several: `any` (unless
    given), `first`, `last`, or `only`, where there must not be another. With `unit` only numbers beside that text
    count."""
    value = float(params["value"])
    room = max(float(params.get("abs", 0)), abs(value) * float(params.get("rel", 0)), abs(value) * 1e-9)
    found = list(islice(find(seen.text), MOST_NUMBERS + 1))
    if len(found) > MOST_NUMBERS:
        raise Unjudgeable(f"the answer holds more than {MOST_NUMBERS} numbers")
    units = params.get("unit", ())
    units = [units] if isinstance(units, str) else list(units)
    if units:
        found = [n for n in found if _beside(seen.text, n, units)]
    which = params.get("which", "any")
    if not found:
        return Judgement(False, f"no number {'with ' + ' or '.join(units) + ' ' if units else ''}in {quote(seen.text)}")
    if which == "only" and len(found) > 1:
        return Judgement(False, f"{len(found)} numbers where one was expected: {_listed(found)}")
    looked = {"first": found[:1], "last": found[-1:]}.get(which, found)
    hit = next((n for n in looked if any(abs(r - value) <= room for r in n.readings)), None)
    wanted = f"{value:.12g}" + (f" ± {room:.6g}" if room > abs(value) * 1e-9 else "")
    if hit is None:
        return Judgement(False, f"expected {wanted}, got {_listed(looked)}")
    return Judgement(True, f"{hit.written} is {wanted}")


def check(params: Params) -> None:
    """Refuse what no number could meet."""
    if not math.isfinite(params["value"]):
        raise ConfigError("value must be a number that has an end", hint="mend the value")


def find(said: str) -> Iterator[Number]:
    """The numbers of a text in order: 1,234.5 and 1.234,5 and 1 234,5; 1e3; -3; 12 % (which means 12, or 0.12)."""
    for token in _TOKEN.finditer(said):
        if len(token[0]) > _LONGEST:
            continue
        power = int(token["exponent"][1:].replace("−", "-")) if token["exponent"] else 0
        values = [(-plain if token["minus"] else plain) * _power(power) for plain in _readings(token["digits"])]
        if token["percent"]:
            values += [value / 100 for value in values]
        finite = tuple(value for value in values if math.isfinite(value))
        end = max(token.end("digits"), token.end("exponent"))
        yield Number(token[0].strip(), finite, token.start("digits"), end)


def _power(of_ten: int) -> float:
    return 10.0**of_ten if of_ten <= 308 else math.inf


def _readings(digits: str) -> list[float]:
    """What the digits may mean. Several where a single sign could group thousands as well as begin the fraction."""
    spaced = re.split(f"[{_SPACES}]", digits)
    if len(spaced) > 1:
        return [float("".join(spaced).replace(",", "."))]
    parts = re.split("[.,]", digits)
    signs = [c for c in digits if c in ".,"]
    if not signs:
        return [float(digits)]
    if len(signs) > 1 and len(set(signs)) == 1:
        # Three groups or more with one sign: thousands where the groups have three digits, else a date or a version.
        return [float("".join(parts))] if all(len(p) == 3 for p in parts[1:]) else []
    if len(set(signs)) > 1:
        last = signs[-1]
        whole, _, fraction = digits.rpartition(last)
        groups = re.split("[.,]", whole)
        sound = signs.count(last) == 1 and all(len(g) == 3 for g in groups[1:])
        return [float("".join(groups) + "." + fraction)] if sound else []
    readings = [float((parts[0] or "0") + "." + parts[1])]
    if len(parts[1]) == 3 and 1 <= len(parts[0]) <= 3 and not parts[0].startswith("0"):
        readings.append(float("".join(parts)))
    return readings


def _beside(said: str, one: Number, units: list[str]) -> bool:
    """Whether a unit stands right behind the number or right before it."""
    behind = said[one.end : one.end + _UNIT_REACH].lstrip().casefold()
    before = said[max(one.start - _UNIT_REACH, 0) : one.start].rstrip().casefold()
    for unit in (u.strip().casefold() for u in units):
        rest = behind[len(unit) : len(unit) + 1]
        if behind.startswith(unit) and not (unit[-1:].isalpha() and rest.isalpha()):
            return True
        ahead = before[: -len(unit)][-1:] if before.endswith(unit) else None
        if ahead is not None and not (unit[:1].isalpha() and ahead.isalpha()):
            return True
    return False


def _listed(found: list[Number]) -> str:
    shown = ", ".join(n.written.strip() for n in found[:6])
    return shown + (f" and {len(found) - 6} more" if len(found) > 6 else "")
