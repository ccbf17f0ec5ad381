"""A part of the cases: by tag, by id, those that failed last, those that a change concerns; and what suites hold."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentops.config import load as config
from agentops.errors import UsageError
from agentops.evals import dataset
from agentops.evals.dataset import Choice, choose
from agentops.model import settings as s
from agentops.model.case import Suite

SUITES = {
    "one.yaml": """name: one
tags: [nightly]
cases:
  - {id: a-1, input: x, tags: [typical], expect: [{equals: y}]}
  - {id: a-2, input: x, tags: [edge, safety], expect: [{equals: y}]}
""",
    "two.yaml": """cases:
  - {id: b-1, input: x, tags: [edge], weight: 2, origin: generated, expect: [{not: {any: [{equals: y}, {regex: z}]}}]}
  - id: b-2
    turns: [{input: x}, {input: y, expect: [{equals: y}]}]
    after: [{http: {path: /x, expect: [{contains: y}]}}]
""",
}


def suites(root: Path) -> tuple[Suite, ...]:
    for name, text in SUITES.items():
        (root / name).write_text(text)
    return dataset.load(list(SUITES), root=root)


def plain(root: Path, **agent: Any) -> s.Settings:
    return s.Settings(root=root, agent=s.Agent("bot", url="http://localhost", **agent))


def ids(found: Sequence[Suite]) -> list[str]:
    return [case.id for suite in found for case in suite.cases]


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (Choice(), ["a-1", "a-2", "b-1", "b-2"]),
        (Choice(tags=("edge",)), ["a-2", "b-1"]),
        (Choice(tags=("typical", "safety")), ["a-1", "a-2"]),
        (Choice(tags=("!edge",)), ["a-1", "b-2"]),
        (Choice(tags=("nightly", "!edge")), ["a-1"]),
        (Choice(ids=("a-*",)), ["a-1", "a-2"]),
        (Choice(ids=("?-1", "b-2")), ["a-1", "b-1", "b-2"]),
        (Choice(ids=("?-1",), tags=("edge",)), ["b-1"]),
    ],
)
def test_tags_and_ids(tmp_path: Path, choice: Choice, left: list[str]) -> None:
    assert ids(choose(suites(tmp_path), choice, settings=plain(tmp_path)).suites) == left


def test_suites_stay_who_they_are(tmp_path: Path) -> None:
    whole = suites(tmp_path)
    chosen = choose(whole, Choice(ids=("a-1",)), settings=plain(tmp_path))
    (suite,) = chosen.suites
    assert (suite.name, suite.path, suite.sha256) == (whole[0].name, whole[0].path, whole[0].sha256)
    assert chosen.notices == ("a part was chosen: 1 of 4 cases",)
    assert choose(whole, Choice(), settings=plain(tmp_path)).notices == ()


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice(tags=("egde",)), "no case has the tag 'egde'; did you mean 'edge'?"),
        (Choice(tags=("edge", "safty")), "no case has the tag 'safty'; did you mean 'safety'?"),
        (Choice(tags=("!egde",)), "no case has the tag 'egde'"),
        (Choice(ids=("a-1", "c-*")), "no case has the id 'c-*'"),
        (Choice(ids=("a-1",), tags=("edge",)), "of 4 cases none is left: --tag edge; --id a-1"),
    ],
)
def test_nothing_left_names_what_there_is(tmp_path: Path, choice: Choice, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose(suites(tmp_path), choice, settings=plain(tmp_path))
    assert said in caught.value.message
    assert caught.value.hint == "tags are edge, nightly, safety, typical; ids are a-1, a-2, b-1, b-2"


def run(root: Path, run_id: str, outcomes: dict[str, str] | None, agent: str = "bot") -> None:
    folder = root / ".agentops/runs" / run_id
    folder.mkdir(parents=True)
    cases = [{"case_id": name, "outcome": outcome} for name, outcome in (outcomes or {}).items()]
    stages = [{"name": "evals", "cases": cases}] if outcomes is not None else [{"name": "code", "cases": []}]
    (folder / "run.json").write_text(json.dumps({"agent": agent, "stages": stages}))


def last(root: Path) -> dataset.Chosen:
    return choose(suites(root), Choice(last_failed=True, base=root / ".agentops"), settings=plain(root))


def test_what_failed_last_is_of_the_agents_newest_run(tmp_path: Path) -> None:
    run(tmp_path, "20260101-000000-aaaaaa", {"a-1": "fail"})
    run(tmp_path, "20260102-000000-aaaaaa", {"a-1": "pass", "a-2": "fail", "b-1": "error", "b-2": "inconclusive"})
    run(tmp_path, "20260103-000000-aaaaaa", {"a-1": "fail"}, agent="another")
    run(tmp_path, "20260104-000000-aaaaaa", None)
    (tmp_path / ".agentops/runs/20260105-000000-aaaaaa").mkdir()
    for number, text in enumerate(("{", "[]", '{"agent": "bot", "stages": [5, {"name": "evals", "cases": [1]}]}')):
        folder = tmp_path / f".agentops/runs/2026010{number + 6}-000000-aaaaaa"
        folder.mkdir()
        (folder / "run.json").write_text(text)
    chosen = last(tmp_path)
    assert ids(chosen.suites) == ["a-2", "b-1"]
    assert chosen.notices[1] == "chosen: what failed or was not measured in the run 20260102-000000-aaaaaa"


def test_no_run_and_no_failure_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run of the agent 'bot' that asked cases"):
        last(tmp_path)
    run(tmp_path, "20260101-000000-aaaaaa", {"a-1": "pass", "gone": "fail"})
    with pytest.raises(UsageError, match="of 4 cases none is left: chosen: what failed"):
        last(tmp_path)


CONFIG = """version: 1
agent:
  name: bot
  build: {context: app}
  tools: {schemas: tools.json}
prompts: {paths: [prompts/]}
evals: {suites: [sets/one.yaml, sets/two.yaml]}
"""
TABLE = """cases:
  - {id: t, input: "{{q}}", table: t.csv, expect: [{contains: x}]}
  - {id: f, input: x, files: [f.bin], expect: [{contains: x}]}
"""


class Project:
    """A repository with a first commit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in {
            "agentops.yaml": CONFIG, "tools.json": "{}", "prompts/p.txt": "Be kind.", "app/main.py": "pass",
            "app/Dockerfile": "FROM scratch", "app/.dockerignore": "*.md\n!keep.md\n",
            "sets/one.yaml": SUITES["one.yaml"], "sets/two.yaml": TABLE, "sets/t.csv": "id,q\nr,one\ns,two\n",
            "README.md": "x",
        }.items():  # fmt: skip
            self.write(name, text)
        (root / "sets/f.bin").write_bytes(b"\xff\xfe\0")
        self.git("init", "-q", "-b", "main")
        self.commit()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *words: str) -> None:
        line = ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false", *words]
        subprocess.run(line, cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")

    def chosen(self, ref: str = "main") -> dataset.Chosen:
        settings, _ = config.load(self.root / "agentops.yaml")
        assert settings.evals is not None
        found = dataset.load(settings.evals.suites, root=self.root)
        return choose(found, Choice(since=ref), settings=settings)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


ALL = ["a-1", "a-2", "t-r", "t-s", "f"]


def replaced(name: str, old: str, new: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        text = (project.root / name).read_text()
        assert old in text
        project.write(name, text.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (replaced("sets/one.yaml", "input: x, tags: [typical]", "input: z, tags: [typical]"), ["a-1"]),
        (replaced("sets/one.yaml", "cases:", "# x\n\ncases:\n  - {id: new, input: x, expect: [{equals: y}]}"), ["new"]),
        (replaced("sets/one.yaml", "tags: [nightly]", "tags: [weekly]"), ["a-1", "a-2"]),
        (replaced("sets/one.yaml", "cases:", "defaults: {expect: [{refusal: false}]}\ncases:"), ["a-1", "a-2"]),
        (replaced("sets/t.csv", "two", "three"), ["t-s"]),
        (lambda p: (p.root / "sets/f.bin").write_bytes(b"\xff\xfd\0"), ["f"]),
        (replaced("prompts/p.txt", "kind", "rude"), ALL),
        (lambda p: p.write("prompts/new.txt", "x"), ALL),
        (lambda p: (p.root / "prompts/p.txt").unlink(), ALL),
        (replaced("tools.json", "{}", '{"t": {}}'), ALL),
        (replaced("app/main.py", "pass", "raise"), ALL),
        (lambda p: p.write("app/keep.md", "x"), ALL),
        (replaced("agentops.yaml", "name: bot", "name: bot\n  env: {A: b}"), ALL),
    ],
)  # fmt: skip
@pytest.mark.parametrize("committed", [False, True], ids=["in the work tree", "committed"])
def test_what_a_change_concerns(
    project: Project, change: Callable[[Project], None], left: list[str], committed: bool
) -> None:
    change(project)
    if committed:
        project.git("branch", "before")
        project.commit()
    assert ids(project.chosen("before" if committed else "main").suites) == left


@pytest.mark.parametrize(
    "change",
    [
        lambda _p: None,
        replaced("README.md", "x", "y"),
        lambda p: p.write("app/notes.md", "x"),
        replaced("agentops.yaml", "evals: {", "evals: {seed: 3, "),
        replaced("sets/one.yaml", "cases:", "# moved\n\ncases:"),
    ],
)
def test_what_concerns_no_case_chooses_none(project: Project, change: Callable[[Project], None]) -> None:
    change(project)
    with pytest.raises(UsageError, match="no case, prompt or tool changed since main"):
        project.chosen()


def test_an_image_of_the_whole_repository_does_not_hold_the_evalsets(project: Project) -> None:
    replaced("agentops.yaml", "context: app", "context: .")(project)
    project.commit()
    replaced("agentops.yaml", "evals: {", "evals: {seed: 3, ")(project)
    for name, old, new in (("sets/one.yaml", "input: x, tags: [typical]", "input: z"), ("sets/t.csv", "two", "three")):
        replaced(name, old, new)(project)
    assert ids(project.chosen().suites) == ["a-1", "t-s"]
    replaced("README.md", "x", "y")(project)
    assert project.chosen().notices[1] == "every case is concerned: the image's file README.md changed since main"
    project.write(".dockerignore", "**/*.md\n")
    project.commit()
    project.git("checkout", "-q", "-b", "work")
    replaced("README.md", "y", "z")(project)
    with pytest.raises(UsageError, match="no case, prompt or tool changed since work"):
        project.chosen("work")


def test_a_link_that_leads_elsewhere_now_is_a_change(project: Project) -> None:
    project.write("sets/other.yaml", SUITES["two.yaml"])
    (project.root / "sets/link.yaml").symlink_to("one.yaml")
    replaced("agentops.yaml", "sets/one.yaml, ", "sets/link.yaml, ")(project)
    project.commit()
    (project.root / "sets/link.yaml").unlink()
    (project.root / "sets/link.yaml").symlink_to("other.yaml")
    assert ids(project.chosen().suites) == ["b-1", "b-2"]


def test_the_notice_says_why(project: Project) -> None:
    project.write("sets/new.yaml", SUITES["two.yaml"])
    replaced("agentops.yaml", "sets/two.yaml]", "sets/new.yaml]")(project)
    assert project.chosen().notices == (
        "a part was chosen: 2 of 4 cases",
        "every case of sets/new.yaml: it could not be read as of main",
    )
    replaced("prompts/p.txt", "kind", "rude")(project)
    assert project.chosen().notices == (
        "a part was chosen: 4 of 4 cases",
        "every case is concerned: the prompt prompts/p.txt changed since main",
    )


def test_a_suite_that_git_ignores_is_not_taken_for_unchanged(project: Project) -> None:
    project.write(".gitignore", "hidden.yaml\n")
    project.write("sets/hidden.yaml", SUITES["two.yaml"])
    replaced("agentops.yaml", "sets/two.yaml]", "sets/hidden.yaml]")(project)
    assert ids(project.chosen().suites) == ["b-1", "b-2"]


@pytest.mark.parametrize("ref", ["nope", "--output=x", "", "main:README.md"])
def test_a_commit_that_git_does_not_know(project: Project, ref: str) -> None:
    with pytest.raises(UsageError, match="git knows no commit"):
        project.chosen(ref)


def test_without_a_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies in no git repository"):
        choose(suites(tmp_path), Choice(since="main"), settings=plain(tmp_path))


def test_the_composition_counts(tmp_path: Path) -> None:
    made = dataset.composition(suites(tmp_path))
    assert (made.cases, made.suites, made.written, made.generated, made.probes) == (4, 2, 3, 1, 1)
    assert list(made.tags.items()) == [("edge", 2), ("nightly", 2), ("safety", 1), ("typical", 1)]
    assert (made.untagged, made.weights, made.turns) == (1, {1.0: 3, 2.0: 1}, {1: 3, 2: 1})
    assert made.assertions == {"equals": 4, "not any": 1, "regex": 1, "contains": 1}
    assert dataset.render(made).splitlines() == [
        "cases       4 in 2 suites: 3 written, 1 generated",
        "tags        edge 2, nightly 2, safety 1, typical 1, no tag 1",
        "weights     1: 3, 2: 1",
        "turns       1: 3, 2: 1",
        "assertions  equals 4, contains 1, not any 1, regex 1",
        "probes      1 after the cases",
    ]


def test_cases_that_were_seen_count_apart_from_made_ones(tmp_path: Path) -> None:
    (tmp_path / "i.yaml").write_text(
        """version: 1
cases:
  - {id: seen, input: x, tags: [imported], origin: traces.jsonl line 1, expect: [{equals: y}]}
  - {id: made, input: x, origin: typos of seen, expect: [{equals: y}]}
  - {id: own, input: x, tags: [imported], expect: [{equals: y}]}
"""
    )
    made = dataset.composition(dataset.load(["i.yaml"], root=tmp_path))
    assert (made.written, made.generated, made.imported) == (1, 1, 1)
    assert dataset.render(made).splitlines()[0] == "cases       3 in 1 suite: 1 written, 1 generated, 1 imported"
