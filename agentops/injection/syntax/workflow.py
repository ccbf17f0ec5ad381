"""Workflows and composite actions of GitHub: the steps that hand a text to a model.

What is filled in: docs.github.com "Contexts reference" and "Security hardening: untrusted input".
"""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.source import Source
from agentops.injection.syntax import tree_yaml, workflow_steps
from agentops.injection.syntax.tree import Items, Leaf, Pairs
from agentops.injection.syntax.workflow_steps import Count
from agentops.injection.syntax.workflow_where import Known, Where
from agentops.injection.template import Template


def parse(source: Source) -> tuple[Template, ...]:
    """A template for each step that asks a model, none where no step does. Raises TemplateError."""
    made: list[Template] = []
    count = Count()
    for root in tree_yaml.read(source).roots:
        if not isinstance(root, Leaf):
            for where in _steps(root):
                template = workflow_steps.template(source, where, number=len(made), count=count)
                if template is not None:
                    made.append(template)
    return tuple(made)


def _steps(root: Pairs | Items) -> Iterator[Where]:
    """Every step with what stands around it. A step that an alias repeats comes once."""
    if isinstance(root, Items):  # an excerpt: nothing but steps
        root = Pairs((("steps", root),), root.start, root.end)
    jobs = root.get("jobs")
    named = jobs.pairs if isinstance(jobs, Pairs) else ()
    runs = root.get("runs")
    if isinstance(runs, Pairs):
        named = (*named, ("", runs))
    if root.has("steps"):
        named = (*named, ("", root))
    seen: set[int] = set()
    known = Known()
    for name, job in named:
        if not isinstance(job, Pairs):
            continue
        steps = job.get("steps")
        if steps is None and job.has("uses", "with") and id(job) not in seen:
            seen.add(id(job))
            yield Where(root, job, job, name, known)  # a job that calls another workflow
        for step in steps.items if isinstance(steps, Items) else ():
            if isinstance(step, Pairs) and id(step) not in seen:
                seen.add(id(step))
                yield Where(root, job, step, name, known)
