"""What is around a step of a workflow, and what an expression in it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from agentops.injection.kinds import Kind
from agentops.injection.syntax import workflow_made
from agentops.injection.syntax.tree import Items, Leaf, Pairs
from agentops.injection.template import Assigned

MAX_STEPS = 300
"""More steps than a job that people write has; those behind are not looked into for what they make."""


@dataclass(slots=True)
class Known:
    """What was found out of a file already, by name and job: each is looked for once, whatever the file repeats."""

    values: dict[tuple[str, int], Value | None] = field(default_factory=dict)
    variables: dict[int, dict[str, list[tuple[str, Pairs]]]] = field(default_factory=dict)
    files: dict[int, dict[str, list[tuple[workflow_made.Written, Pairs]]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Where:
    """A step with the job and the workflow around it. `known` keeps what a file's earlier steps were found to make."""

    root: Pairs
    job: Pairs
    step: Pairs
    name: str
    known: Known = field(default_factory=Known, compare=False, repr=False)

    def steps(self) -> Iterator[Pairs]:
        """The steps of the job."""
        steps = self.job.get("steps")
        for step in steps.items[:MAX_STEPS] if isinstance(steps, Items) else ():
            if isinstance(step, Pairs):
                yield step

    def variables(self) -> dict[str, list[tuple[str, Pairs]]]:
        """What the job's steps write to `$GITHUB_ENV`, by name, with the step that does."""
        if id(self.job) not in self.known.variables:
            found: dict[str, list[tuple[str, Pairs]]] = {}
            for step in self.steps():
                for name, texts in workflow_made.values(script_of(step), "GITHUB_ENV").items():
                    found.setdefault(name, []).extend((t, step) for t in texts)
            self.known.variables[id(self.job)] = found
        return self.known.variables[id(self.job)]

    def files(self, path: str) -> list[tuple[workflow_made.Written, Pairs]]:
        """What the job's steps write into a file, with the step that does."""
        if id(self.job) not in self.known.files:
            found: dict[str, list[tuple[workflow_made.Written, Pairs]]] = {}
            for step in self.steps():
                for name, texts in workflow_made.files(step.text("run") or "").items():
                    found.setdefault(name, []).extend((t, step) for t in texts)
            self.known.files[id(self.job)] = found
        return self.known.files[id(self.job)].get(path.strip().strip("'\"").removeprefix("./"), [])[:20]

    def at(self, step: Pairs) -> Where:
        """Another step of the same job."""
        return replace(self, step=step)

    def env(self, name: str) -> Leaf | None:
        """The value of a variable of the environment, from the step outwards."""
        for around in (self.step, self.job, self.root):
            env = around.get("env")
            value = env.get(name) if isinstance(env, Pairs) else None
            if isinstance(value, Leaf):
                return value
        return None


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression stands for. `assigned` is None where nothing is known."""

    name: str
    assigned: Assigned | None

    @property
    def event(self) -> bool:
        """Whether outsiders wrote it: it is text of an event, or was fetched."""
        return self.assigned is not None and self.assigned.kind is Kind.THIRD_PARTY


def script_of(step: Pairs) -> str:
    """The script of a step: of a shell, or of the action that runs one."""
    inputs = step.get("with")
    return step.text("run") or (inputs.text("script") if isinstance(inputs, Pairs) else None) or ""
