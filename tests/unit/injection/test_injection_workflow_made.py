"""What earlier steps and jobs of a workflow make, and who wrote it."""

from __future__ import annotations

import contextlib
import time

import pytest

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.workflow import parse
from agentops.injection.template import Template, TemplateError

HEAD = "on: {issues: {types: [opened]}}\njobs:\n"
ASK = "      - uses: x/claude-code-action@v1\n        with:\n          prompt: Read ${{ %s }}\n"


def read(text: str) -> tuple[Template, ...]:
    found = parse(Source(".github/workflows/a.yml", text))
    for hole in (h for t in found for h in t.holes):
        assert text.startswith(hole.written, hole.offset)
    return found


def kinds(template: Template) -> list[Kind | None]:
    return [said.kind if (said := template.assigned.get(h.name)) else None for h in template.holes]


PLAN = (
    HEAD + "  plan:\n    outputs:\n      list: ${{ steps.s.outputs.list }}\n"
    "      safe: ${{ steps.k.outputs.v }}\n    steps:\n"
    "      - {id: s, run: 'L=$(gh issue list --json body); echo \"list=$L\" >> $GITHUB_OUTPUT'}\n"
    '      - {id: k, run: \'echo "v=[1,2]" >> "$GITHUB_OUTPUT"\'}\n'
    "  go:\n    needs: plan\n    strategy:\n      matrix:\n%s    steps:\n"
)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ("        e: ${{ fromJson(needs.plan.outputs.list) }}\n", Kind.THIRD_PARTY),
        ("        include: ${{ fromJson(needs.plan.outputs.list) }}\n", Kind.THIRD_PARTY),
        ("        e: ['${{ github.event.issue.title }}', b]\n", Kind.THIRD_PARTY),
        ("        include: [{e: '${{ github.event.issue.title }}'}]\n", Kind.THIRD_PARTY),
        ("        include: [{other: '${{ github.event.issue.title }}', e: 1}]\n", Kind.OPERATOR),
        ("        e: ${{ fromJson(needs.plan.outputs.safe) }}\n", Kind.CONSTANT),
        ("        e: ${{ fromJson(needs.else.outputs.list) }}\n", Kind.UNKNOWN),
        ("        e: [a, b]\n", Kind.OPERATOR),
    ],
)
def test_a_matrix_is_what_it_is_made_of(matrix: str, expected: Kind) -> None:
    (found,) = read(PLAN % matrix + ASK % "matrix.e.data")
    assert kinds(found) == [expected]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('echo "T=${{ github.event.issue.title }}" >> $GITHUB_ENV', Kind.THIRD_PARTY),
        ('echo "T=$BODY" >> "$GITHUB_ENV"', Kind.THIRD_PARTY),
        ('X="$BODY"; echo "T=$X" >> $GITHUB_ENV', Kind.THIRD_PARTY),
        ('echo "T<<E" >> $GITHUB_ENV\n          echo "$BODY" >> $GITHUB_ENV\n          echo E', Kind.THIRD_PARTY),
        # What is not seen counts as made of what the step gets.
        ('echo "T<<E" >> $GITHUB_ENV\n          cat log >> $GITHUB_ENV\n          echo E', Kind.THIRD_PARTY),
        ('echo "T=$(curl x)" >> $GITHUB_ENV', Kind.THIRD_PARTY),
        ('echo "T=${{ github.event.issue.number }}" >> $GITHUB_ENV', Kind.CONSTANT),
        ('echo "T=main" >> $GITHUB_ENV', Kind.CONSTANT),
        ('echo "OTHER=$BODY" >> $GITHUB_ENV', None),
    ],
)  # fmt: skip
def test_a_variable_that_an_earlier_step_sets(script: str, expected: Kind | None) -> None:
    steps = (
        "  a:\n    steps:\n      - env: {BODY: '${{ github.event.issue.body }}'}\n"
        f"        run: |\n          {script}\n" + ASK % "env.T" + '      - run: claude -p "Read $T"\n'
    )
    first, second = read(HEAD + steps)
    assert kinds(first) == kinds(second) == [expected]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('echo "t=$T" >> $GITHUB_OUTPUT', Kind.THIRD_PARTY),
        ('gh pr view 1; echo "t=7" >> $GITHUB_OUTPUT', Kind.CONSTANT),
        ('echo "t=$(jq . x)" >> $GITHUB_OUTPUT', Kind.THIRD_PARTY),
    ],
)
def test_an_output_is_what_its_script_writes(script: str, expected: Kind) -> None:
    env = "        env: {T: '${{ github.event.issue.title }}'}\n"
    step = f"      - id: s\n{env}        run: |\n          {script}\n"
    (found,) = read(HEAD + "  a:\n    steps:\n" + step + ASK % "steps.s.outputs.t")
    assert kinds(found) == [expected]


@pytest.mark.parametrize(
    "script",
    [
        'echo "t<<E" >> $GITHUB_OUTPUT',
        'echo "t=$(jq . x)" >> $GITHUB_OUTPUT',
        'echo "t<<E" >> $GITHUB_OUTPUT; cat log',
        "{ echo 't<<E'; cat log; echo E; } >> $GITHUB_OUTPUT",
        "{ echo 't<<E'\n          cat log\n          echo E\n          } >> $GITHUB_OUTPUT",
    ],
)
def test_an_output_of_which_nothing_is_seen_is_unknown(script: str) -> None:
    step = f"      - id: s\n        run: |\n          {script}\n"
    (found,) = read(HEAD + "  a:\n    steps:\n" + step + ASK % "steps.s.outputs.t")
    assert kinds(found) == [Kind.UNKNOWN]


def test_event_text_through_a_command_and_twice_in_one_text() -> None:
    steps = (
        "  a:\n    steps:\n      - env: {BODY: '${{ github.event.issue.body }}'}\n"
        '        run: claude -p "See $(printf %s "$BODY")"\n'
    )
    (found,) = read(HEAD + steps)
    assert kinds(found) == [Kind.THIRD_PARTY]
    two = (
        "  a:\n    steps:\n      - env: {T: fixed}\n        run: |\n          claude -p \"A $T\"\n"
        "          claude -p \"B $(gh issue view 1) $(gh issue view 1)\"\n"
    )  # fmt: skip
    (found,) = read(HEAD + two)
    assert kinds(found) == [Kind.CONSTANT, Kind.THIRD_PARTY, Kind.THIRD_PARTY]


def test_of_two_values_with_one_name_the_one_of_outsiders_counts() -> None:
    steps = (
        "  a:\n    steps:\n      - env: {BODY: '${{ github.event.issue.body }}'}\n"
        '        run: claude -p "$(tac one two three) $(tac one two three $BODY)"\n'
    )
    (found,) = read(HEAD + steps)
    assert len({h.name for h in found.holes}) == 1
    assert kinds(found) == [Kind.THIRD_PARTY] * 2


def test_prompt_files_that_a_step_writes() -> None:
    write = (
        "  a:\n    steps:\n      - run: |\n          cat > p.md <<EOF\n          Review this.\n"
        "          ${{ github.event.issue.body }}\n          EOF\n"
    )
    by_action = "      - uses: openai/codex-action@v1\n        with: {prompt-file: ./p.md}\n"
    (found,) = read(HEAD + write + by_action)
    assert [h.name for h in found.holes] == ["github.event.issue.body"]
    for command in ('claude -p "$(cat p.md)"', "cat p.md | claude -p"):
        (found,) = read(HEAD + write + f"      - run: '{command}'\n")
        assert kinds(found) == [Kind.THIRD_PARTY]
    assert read(HEAD + "  a:\n    steps:\n" + by_action + write.split("steps:\n")[1]) == ()
    (found,) = read(HEAD + "  a:\n    steps:\n      - run: cat p.md | claude -p\n")
    assert kinds(found) == [Kind.UNKNOWN]


@pytest.mark.parametrize(
    "command",
    ["npx @anthropic-ai/claude-code -p", "npx @google/gemini-cli -p", "gh copilot explain", "gh copilot -p",
     "aider --message", "ollama run llama3", "llm -m x", "npx @openai/codex exec"],
)  # fmt: skip
def test_commands_that_ask_a_model(command: str) -> None:
    (found,) = read(HEAD + f'  a:\n    steps:\n      - run: {command} "do ${{{{ github.head_ref }}}}"\n')
    assert kinds(found) == [Kind.THIRD_PARTY]


def test_a_called_workflow_gets_event_text() -> None:
    text = (
        HEAD + "  a:\n    uses: o/r/.github/workflows/claude.yml@main\n"
        "    with: {issue_body: '${{ github.event.issue.body }}'}\n"
    )
    (found,) = read(text)
    assert kinds(found) == [Kind.THIRD_PARTY]


@pytest.mark.parametrize(
    "steps",
    [
        '      - run: echo "A=$B" >> $GITHUB_ENV\n      - run: claude -p "x $A ${{ env.A }}"\n' * 3_000,
        "      - run: |\n" + "          A<<EOF\n          cat > p.md <<EOF\n" * 4_000
        + '      - run: claude -p "$A $(cat p.md)"\n' * 500,
        "      - run: |\n          cat > p.md <<EOF\n          x\n          EOF\n"
        "      - uses: o/codex@v1\n        with: {prompt-file: p.md}\n" * 1_500,
    ],
)  # fmt: skip
def test_what_steps_make_is_looked_for_once(steps: str) -> None:
    started = time.process_time()
    with contextlib.suppress(TemplateError):
        read(HEAD + "  a:\n    steps:\n" + steps)
    assert time.process_time() - started < 2
