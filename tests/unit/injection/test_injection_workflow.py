"""Steps of workflows that hand a text to a model, and who writes what is filled in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.detect import detect
from agentops.injection.syntax.workflow import parse
from agentops.injection.template import NoteKind, Template, TemplateError, TemplateKind

HEAD = "on:\n  issues:\n  workflow_dispatch:\n    inputs:\n      topic: {type: string}\n      size: {type: number}\n"


def templates(steps: str, head: str = HEAD) -> tuple[Template, ...]:
    text = f"{head}jobs:\n  one:\n    steps:\n{steps}"
    source = Source(".github/workflows/a.yml", text)
    assert detect(source).name == "workflow"
    found = parse(source)
    for template in found:
        assert all(text.startswith(h.written, h.offset) for h in template.holes)
    return found


def kind(expression: str) -> Kind | None:
    (found,) = templates(
        f"    - uses: x/ai-review@v1\n      with:\n        prompt: |\n          Look at ${{{{ {expression} }}}}\n"
    )
    said = found.assigned.get(found.holes[0].name)
    noted = [n.hole for n in found.notes if n.kind is NoteKind.EVENT_TEXT]
    assert bool(noted) is (said is not None and said.kind is Kind.THIRD_PARTY)
    return said.kind if said else None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("github.event.issue.title", Kind.THIRD_PARTY), ("github.event.pull_request.head.ref", Kind.THIRD_PARTY),
        ("github.head_ref", Kind.THIRD_PARTY), ("github.event.commits[0].message", Kind.THIRD_PARTY),
        ("toJSON(github.event)", Kind.THIRD_PARTY), ("github.event.comment.body || 'none'", Kind.THIRD_PARTY),
        ("github.event.issue.number", Kind.CONSTANT), ("github.repository", Kind.CONSTANT),
        ("secrets.KEY", Kind.CONSTANT),
        ("github.run_id", Kind.CONSTANT), ("inputs.topic", Kind.OPERATOR), ("inputs.size", Kind.CONSTANT),
        ("contains(github.event.comment.body, 'x') && 'a' || 'b'", Kind.CONSTANT),
    ],
)  # fmt: skip
def test_who_writes_an_expression(expression: str, expected: Kind) -> None:
    assert kind(expression) is expected


def test_a_test_of_a_text_does_not_hide_the_text() -> None:
    (found,) = templates(
        "    - uses: x/ai@v1\n      with:\n"
        "        prompt: \"${{ github.event.issue.title == 'x' }} ${{ github.event.issue.title }}\"\n"
    )
    assert found.assigned["github.event.issue.title"].kind is Kind.THIRD_PARTY


def test_roles_of_an_action() -> None:
    (found,) = templates(
        "    - id: ask\n      uses: actions/ai-inference@v1\n      with:\n"
        "        system-prompt: You sort.\n        prompt-file: a.txt\n"
        "        prompt: ${{ github.event.issue.body }}\n        token: ${{ secrets.T }}\n"
    )
    assert (found.name, found.kind, found.syntax) == ("one.ask", TemplateKind.WORKFLOW, "workflow")
    assert [(m.role, [h.name for h in m.holes]) for m in found.messages] == [
        ("system", []),
        ("user", ["github.event.issue.body"]),
    ]


def test_steps_that_ask_no_model() -> None:
    steps = (
        "    - uses: actions/checkout@v4\n      with: {ref: '${{ github.head_ref }}'}\n"
        "    - run: echo ${{ github.head_ref }}\n"
    )
    assert templates(steps) == ()
    assert (
        templates("    - uses: actions/github-script@v7\n      with: {script: 'f(${{ github.event.issue.body }})'}\n")
        == ()
    )


def test_values_of_the_environment() -> None:
    steps = (
        "    - env: {BODY: '${{ github.event.issue.body }}', TONE: kind}\n      run: |\n"
        "        llm \"Judge $BODY in ${TONE} tone\"\n        llm 'Judge $BODY'\n"
    )
    (found,) = templates(steps)
    assert [h.name for h in found.holes] == ["BODY", "TONE"]
    assert [found.assigned[n].kind for n in ("BODY", "TONE")] == [Kind.THIRD_PARTY, Kind.CONSTANT]
    named = (
        "    - uses: x/ai@v1\n      env: {B: '${{ github.event.issue.body }}'}\n"
        "      with: {prompt: Read what is in $B}\n"
    )
    assert templates(named)[0].holes == ()


def test_commands_heredocs_and_pipes() -> None:
    steps = (
        "    - run: |\n        TALK=$(gh issue view 3)\n        git diff | claude -p \"Review with $TALK\"\n"
        "        gemini -p \"$(cat <<EOF\n        See $(git log -3)\n        EOF\n        )\"\n"
    )  # fmt: skip
    (found,) = templates(steps)
    assert [h.name for h in found.holes] == ["TALK", "command.git_diff", "command.git_log_3"]
    assert {found.assigned[h.name].kind for h in found.holes} == {Kind.THIRD_PARTY}


def test_outputs_of_earlier_steps() -> None:
    steps = (
        "    - id: get\n      run: gh pr view 1 --json body\n    - id: ai\n      uses: x/claude-y@v1\n"
        "    - uses: x/ai@v1\n      with:\n"
        "        prompt: ${{ steps.get.outputs.text }} ${{ steps.ai.outputs.text }} ${{ steps.no.outputs.text }}\n"
    )
    (found,) = templates(steps)
    assert [found.assigned[h.name].kind for h in found.holes] == [Kind.THIRD_PARTY, Kind.MODEL, Kind.UNKNOWN]


def test_an_excerpt_of_steps_is_a_workflow() -> None:
    text = "- name: Ask\n  uses: x/claude-code-action@v1\n  with:\n    prompt: Read ${{ github.event.issue.body }}\n"
    source = Source("a.yaml", text)
    assert detect(source).name == "workflow"
    assert [h.name for t in parse(source) for h in t.holes] == ["github.event.issue.body"]


@given(st.text(alphabet="ab ${}()'\"|&<E\\\n.-", max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_script_is_read_or_refused(text: str) -> None:
    script = text.replace("\n", "\n          ")
    try:
        parse(Source("a.yml", f"jobs:\n  a:\n    steps:\n      - run: |\n          llm {script}\n"))
        parse(Source("a.yml", text))
    except TemplateError as error:
        assert error.location.line is not None
