"""A part of the cases: by tag, by id, those that failed last, those that a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from agentops.config.document import nearest
from agentops.contracts import MetricKind
from agentops.errors import UsageError
from agentops.evals.dataset import last, since
from agentops.evals.metrics import DETERMINISTIC
from agentops.model.case import Case, Suite
from agentops.model.settings import Settings
from agentops.text import one_line

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for; every part that is given has to hold.

    `tags`: a case has one of them, and none of those that are written with a `!` before. `ids`: it is one of them, `*`
    and `?` stand for any characters. `last_failed`: it failed, or was not measured, in the agent's newest run below the
    folder `base`. `since`: it, or what all cases depend on, changed since that commit, branch or tag.
    """

    tags: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    last_failed: bool = False
    since: str | None = None
    base: Path = Path(".agentops")

    @property
    def given(self) -> bool:
        """Whether anything is asked for at all."""
        return bool(self.tags or self.ids or self.last_failed or self.since is not None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The suites with the cases that were chosen, without those that have none left. Name, path and sha256 are those of
    the whole suite. `notices` say what was chosen and why, a line each."""

    suites: tuple[Suite, ...]
    notices: tuple[str, ...] = ()


def choose(
    suites: Sequence[Suite],
    choice: Choice,
    *,
    settings: Settings,
    metrics: Mapping[str, MetricKind] = DETERMINISTIC,
) -> Chosen:
    """The cases that are asked for. `metrics` are those with which the suites were read.

    Raises UsageError that names what there is where a tag or id fits no case, where nothing is left, where there is no
    earlier run, and where git does not know the commit.
    """
    if not choice.given:
        return Chosen(tuple(suites))
    cases = [case for suite in suites for case in suite.cases]
    tests: list[Callable[[Case], bool]] = [*_of_tags(choice.tags, cases), *_of_ids(choice.ids, cases)]
    notices: list[str] = []
    if choice.last_failed:
        run_id, failed = last.failed(choice.base, agent=settings.agent.name)
        tests.append(_among(failed))
        notices.append(f"chosen: what failed or was not measured in the run {run_id}")
    if choice.since is not None:
        changed = since.changed(suites, choice.since, settings=settings, metrics=metrics)
        tests.append(_among(changed.ids))
        notices += changed.notices
    left = tuple(
        replace(suite, cases=kept)
        for suite in suites
        if (kept := tuple(case for case in suite.cases if all(test(case) for test in tests)))
    )
    if not left:
        raise UsageError(
            f"of {len(cases)} cases none is left: {'; '.join(_told(choice, notices))}",
            hint=_exists(cases),
        )
    count = sum(len(suite.cases) for suite in left)
    return Chosen(left, (f"a part was chosen: {count} of {len(cases)} cases", *notices))


def _of_tags(tags: Iterable[str], cases: Sequence[Case]) -> list[Callable[[Case], bool]]:
    known = sorted({tag for case in cases for tag in case.tags})
    wanted = {tag for tag in tags if not tag.startswith("!")}
    unwanted = {tag.removeprefix("!") for tag in tags if tag.startswith("!")}
    for tag in sorted(wanted | unwanted):
        if tag not in known:
            raise UsageError(f"no case has the tag {one_line(tag, 60)!r}{nearest(tag, known)}", hint=_exists(cases))
    tests: list[Callable[[Case], bool]] = []
    if wanted:
        tests.append(lambda case: not wanted.isdisjoint(case.tags))
    if unwanted:
        tests.append(lambda case: unwanted.isdisjoint(case.tags))
    return tests


def _of_ids(ids: Iterable[str], cases: Sequence[Case]) -> list[Callable[[Case], bool]]:
    patterns = tuple(ids)
    known = [case.id for case in cases]
    chosen: set[str] = set()
    for pattern in patterns:
        fits = {name for name in known if name == pattern or fnmatchcase(name, pattern)}
        if not fits:
            raise UsageError(
                f"no case has the id {one_line(pattern, 60)!r}{nearest(pattern, known)}", hint=_exists(cases)
            )
        chosen |= fits
    return [_among(chosen)] if patterns else []


def _among(ids: Collection[str]) -> Callable[[Case], bool]:
    return lambda case: case.id in ids


def _told(choice: Choice, notices: Sequence[str]) -> list[str]:
    told = [f"--tag {one_line(tag, 60)}" for tag in choice.tags] + [f"--id {one_line(i, 60)}" for i in choice.ids]
    return told + list(notices)


def _exists(cases: Sequence[Case]) -> str:
    """The tags and the first ids that there are."""
    tags = sorted({tag for case in cases for tag in case.tags})
    return f"tags are {_some(tags)}; ids are {_some([case.id for case in cases])}"


def _some(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return (", ".join(one_line(word, 60) for word in words[:_SHOWN]) or "none") + more
