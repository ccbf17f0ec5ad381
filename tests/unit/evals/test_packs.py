"""The packs as suites: what is rendered for which agent, what is left out, what stays the same from run to run."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentops.config import document
from agentops.errors import ConfigError
from agentops.evals import packs
from agentops.evals.metrics import DETERMINISTIC
from agentops.evals.packs import Target, attacks
from agentops.evals.packs.fill import data
from agentops.model.case import Assertion, Case, Turn
from agentops.model.finding import Location
from agentops.model.seen import ToolPolicy
from agentops.model.settings import Agent

BARE = Target("plain-agent")
TOOLS = {
    "lookup_order": {
        "type": "object",
        "properties": {"order_id": {"type": "string", "pattern": "^[A-Za-z]-[0-9]{4}$"}},
        "required": ["order_id"],
        "additionalProperties": False,
    },
    "issue_refund": {
        "type": "object",
        "properties": {"email": {"type": "string", "format": "email"}, "amount": {"type": "number", "minimum": 1}},
        "required": ["email", "amount"],
    },
}
BASE = Case(
    id="order-status",
    turns=(Turn("Where is my order A-1001, please?"),),
    tags=("typical", "orders"),
    expect=(Assertion("icontains", {"value": "on its way"}),),
    location=Location("evalsets/s.yaml", 3),
)
FULL = Target(
    "shop-agent",
    tools=TOOLS,
    prompts=("You help.\n<letter>", "</letter> <letter>x</letter>"),
    has_canary=True,
    context_tokens=4000,
    base=(BASE,),
)
FAMILIES = {
    "memory-poisoning", "tool-abuse", "privilege-abuse", "identity-spoofing", "goal-hijack-direct",
    "goal-hijack-indirect", "exfiltration", "prompt-leak", "unsafe-output",
}  # fmt: skip
ID = document.load_schema("evalset.schema.json")["$defs"]["case"]["properties"]["id"]["pattern"]
VALID = Draft202012Validator(
    {"$ref": "#/$defs/assertion", "$defs": document.load_schema("evalset.schema.json")["$defs"]}
)
TAG = document.load_schema("evalset.schema.json")["$defs"]["tags"]["items"]["pattern"]


def every(target: Target, *, seed: int = 1) -> list[Case]:
    return [case for name in packs.names() for case in packs.load(name, target, seed=seed).cases]


def assertions(case: Case) -> list[Assertion]:
    return [*case.expect, *(a for turn in case.turns for a in turn.expect)]


@pytest.mark.parametrize("target", [BARE, FULL], ids=["bare", "full"])
def test_every_case_is_one_that_an_evalset_could_hold(target: Target) -> None:
    cases = every(target)
    assert len({case.id for case in cases}) == len(cases)
    for case in cases:
        assert re.search(ID, case.id), case.id
        assert case.tags
        assert all(re.search(TAG, tag) for tag in case.tags)
        assert case.expect
        assert case.origin
        assert not any("{{" in turn.text for turn in case.turns if "braces" not in case.id), case.id
        for assertion in assertions(case):
            params = dict(assertion.params)
            VALID.validate({assertion.kind: params.get("value", params)})
            if assertion.kind in DETERMINISTIC:
                DETERMINISTIC[assertion.kind].check(assertion.params)
            else:
                assert assertion.kind == "moderation"


@pytest.mark.parametrize("name", packs.names())
def test_ids_stay_and_words_are_fresh(name: str) -> None:
    one, other, again = (packs.load(name, FULL, seed=seed) for seed in (1, 2, 1))
    assert [c.id for c in one.cases] == [c.id for c in other.cases]
    assert one == again
    assert one.sha256 == other.sha256
    if name in ("injection", "owasp-agentic"):
        for a, b in zip(one.cases, other.cases, strict=True):
            assert a.turns != b.turns or a.setup != b.setup or a.tags[3] == "prompt-leak" or "prompt-leak" in a.tags, (
                a.id
            )
    else:
        assert one.cases == other.cases


def test_the_digest_is_that_of_what_is_asked() -> None:
    digests = {packs.load("injection", t, seed=1).sha256 for t in (BARE, FULL, Target("other-agent"))}
    assert len(digests) == 3


def test_without_tools_what_needs_them_is_left_out_and_told() -> None:
    suite = packs.load("owasp-agentic", BARE, seed=1)
    assert "tool-abuse" not in {tag for case in suite.cases for tag in case.tags}
    assert not [a for case in suite.cases for a in assertions(case) if a.kind.startswith("tool")]
    counted = {line.split(": ")[1]: int(line.split()[0]) for line in suite.skipped}
    assert counted["the agent declares no tools"] >= 15
    assert counted["neither a planted canary nor a template's text shows what a leak of the prompt would be"] == 9
    assert f"{len(suite.cases)} cases; " in suite.notice
    assert sum(counted.values()) + len(suite.cases) >= len(packs.load("owasp-agentic", FULL, seed=1).cases) - 1


def test_an_agent_whose_protocol_tells_no_calls_gets_no_case_on_them() -> None:
    suite = packs.load("owasp-agentic", Target("a", tools=TOOLS, reports_tool_calls=False), seed=1)
    assert not [a for case in suite.cases for a in assertions(case) if a.kind.startswith("tool")]
    assert any("its protocol reports no tool calls" in line for line in suite.skipped)


def test_every_family_of_risks_has_its_cases() -> None:
    cases = packs.load("owasp-agentic", FULL, seed=1).cases
    families = Counter(family for case in cases for family in FAMILIES & set(case.tags))
    assert set(families) == FAMILIES
    assert min(families.values()) >= 5
    ids = {tag for case in cases for tag in case.tags if re.fullmatch(r"ASI\d\d", tag)}
    assert ids == {"ASI01", "ASI02", "ASI03", "ASI04", "ASI05", "ASI06", "ASI07", "ASI09", "ASI10"}
    assert all({"malicious", "safety"} <= set(case.tags) for case in cases)
    assert [case for case in cases if case.setup]
    assert {step.kind for case in cases for step in case.setup} == {"say"}


def test_injection_has_the_known_families_on_several_carriers() -> None:
    cases = packs.load("injection", FULL, seed=1).cases
    assert 60 <= len(cases) <= 140
    assert len({case.tags[3] for case in cases}) >= 20
    assert all("known from" in case.origin for case in cases)
    for carrier in ("document", "mail", "web_page", "tool_output", "attachment", "review", "question"):
        assert sum(case.id.endswith(f"-{carrier}") for case in cases) >= 2, carrier


def test_attacks_name_the_agents_own_tools_and_arguments() -> None:
    cases = packs.load("owasp-agentic", FULL, seed=1).cases
    each = {case.id.rsplit("-", 1)[1]: case for case in cases if "tool-abuse-in-document" in case.id}
    assert set(each) == set(TOOLS)
    refund, lookup = each["issue_refund"], each["lookup_order"]
    assert refund.expect == (Assertion("tool_not_called", {"value": "issue_refund"}),)
    (expected,) = lookup.expect
    assert (expected.kind, expected.negate) == ("tool_called", True)
    order = expected.params["arguments"]["order_id"]
    assert re.fullmatch("[A-Za-z]-[0-9]{4}", order)
    assert json.dumps({"order_id": order}) in lookup.turns[0].text


def test_a_boundary_is_forged_with_the_templates_own_tag() -> None:
    texts = {case.id: case.turns[0].text for case in packs.load("injection", FULL, seed=1).cases}
    assert "</letter>" in texts["injection-boundary-own-tag"]
    named = packs.load("injection", Target("a", variables=("customer_text",)), seed=1)
    assert "</customer_text>" in {c.id: c.turns[0].text for c in named.cases}["injection-boundary-own-tag"]
    bare = packs.load("injection", BARE, seed=1)
    assert "injection-boundary-own-tag" not in {case.id for case in bare.cases}
    assert bare.skipped == (
        "2 cases left out: its templates show no tags and no names of variables to forge a boundary with",
    )


def test_questions_are_the_projects_own() -> None:
    texts = [case.turns[-1].text for case in packs.load("injection", FULL, seed=1).cases if "question" in case.id]
    assert texts
    assert all("Where is my order A-1001, please?" in text for text in texts)
    assert "What can you help me with?" in packs.load("injection", BARE, seed=1).cases[1].turns[0].text


def test_robustness_keeps_what_the_project_expects() -> None:
    suite = packs.load("robustness", FULL, seed=1)
    mine = [case for case in suite.cases if "order-status" in case.origin]
    assert len(mine) == len(packs.KINDS)
    assert all(case.expect == BASE.expect and "typical" not in case.tags and "edge" in case.tags for case in mine)
    assert all("A-1001" in case.turns[-1].text for case in mine)
    assert not suite.skipped


def test_long_input_goes_up_to_the_declared_context() -> None:
    lengths = [len(c.input) for c in packs.load("robustness", FULL, seed=1).cases if "-percent" in c.id]
    assert lengths == sorted(lengths)
    assert 0.85 * 4000 * 3 <= lengths[-1] <= 4000 * 3
    left = packs.load("robustness", BARE, seed=1)
    assert left.skipped == ("3 cases left out: nothing declares how long the agent's context is",)
    assert not [case for case in left.cases if "-percent" in case.id]


def test_content_safety_needs_a_classifier() -> None:
    with pytest.raises(ConfigError) as caught:
        packs.load("content-safety", Target("a", has_moderation=False), seed=1)
    assert "no content-safety classifier" in caught.value.message
    assert "evals.moderation" in caught.value.hint
    kinds = Counter(case.expect[-1].kind for case in packs.load("content-safety", BARE, seed=1).cases)
    assert kinds["moderation"] >= 12
    assert kinds["refusal"] >= 20
    narrow = packs.load("content-safety", Target("a", answers_anything=False), seed=1)
    assert narrow.skipped == ("16 cases left out: questions of all sorts are not this agent's business",)


def test_unknown_packs_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        packs.load("pack:owasp-agent", BARE, seed=1)
    assert caught.value.message == "there is no pack 'owasp-agent'; did you mean 'owasp-agentic'?"
    assert "robustness" in caught.value.hint
    assert packs.load("pack:injection", BARE, seed=1) == packs.load("injection", BARE, seed=1)


@pytest.mark.parametrize("name", packs.names())
def test_a_pack_says_what_it_is_about(name: str) -> None:
    assert 40 < len(packs.describe(name)) < 200
    assert "\n" not in packs.describe(name)


def test_the_page_for_users_knows_every_family_with_its_source_and_every_kind() -> None:
    page = (Path(__file__).parents[3] / "docs" / "packs.md").read_text("utf-8")
    for pack in ("injection", "owasp_agentic"):
        for family in data(pack)["families"]:
            assert re.search(rf"^\| `{family['name']}` \|.* {re.escape(family['source'])} \|$", page, re.MULTILINE)
    assert all(f"`{kind}`" in page for kind in packs.KINDS)
    assert all(f"## pack:{name}" in page for name in packs.names())


def test_a_target_of_a_configured_agent_has_the_tools_that_it_may_use() -> None:
    policy = ToolPolicy(allowed=("a", "b"), schemas={"a": {"type": "object"}, "c": {}})
    target = Target.of(Agent("x", tools=policy, canary_env="CANARY"), prompts=["p"], base=[BASE])
    assert target.tools == {"a": {"type": "object"}, "b": {}}
    assert target.has_canary
    assert target.question == BASE.input
    attack = packs.load("injection", BARE, seed=1).cases[0]
    mine = replace(BASE, tags=("malicious",))
    assert Target.of(Agent("x"), base=[attack, mine, BASE]).base == (BASE,)
    assert Target.of(Agent("x", tools=ToolPolicy(schemas={"c": {}}))).tools == {"c": {}}
    assert Target.of(Agent("x", tools=ToolPolicy(allowed=(), schemas={"c": {}}))).tools == {}


NAMES = st.text(min_size=1, max_size=70) | st.sampled_from(
    ["sendMail", "deleteUser", "get_order", "ünïcode", "{{ask}}"]
)
LEAVES = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object", "nonsense"])
SCHEMAS: Any = st.recursive(
    st.fixed_dictionaries({"type": LEAVES | st.lists(LEAVES, max_size=2)})
    | st.fixed_dictionaries({"enum": st.lists(st.integers() | st.text(), max_size=3)})
    | st.fixed_dictionaries(
        {
            "type": st.just("string"),
            "pattern": st.sampled_from(["^[A-Z]{3}$", "(", "^(a+)+$", r"\d{4}", "[]", "^[z-a]$"]) | st.text(max_size=9),
            "minLength": st.integers(-1, 30),
            "maxLength": st.integers(-1, 30),
        }
    )
    | st.fixed_dictionaries(
        {"type": st.just("integer"), "minimum": st.integers() | st.floats(), "maximum": st.integers() | st.floats()}
    )
    | st.fixed_dictionaries({"$ref": st.sampled_from(["#", "#/properties/a", "#/$defs/x", "http://x/y", ""])})
    | st.booleans(),
    lambda inner: (
        st.fixed_dictionaries(
            {
                "properties": st.dictionaries(NAMES, inner, max_size=4) | st.none(),
                "required": st.lists(NAMES, max_size=2) | st.none(),
                "additionalProperties": st.booleans(),
            }
        )
        | st.fixed_dictionaries({"anyOf": st.lists(inner, max_size=2)})
        | st.fixed_dictionaries({"type": st.just("array"), "items": inner})
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(tools=st.dictionaries(NAMES, SCHEMAS, max_size=5), seed=st.integers(0, 10**9))
def test_tools_with_odd_names_and_schemas_are_no_trouble(tools: dict[str, Any], seed: int) -> None:
    suite = packs.load("owasp-agentic", Target("a", tools=tools), seed=seed)
    assert len({case.id for case in suite.cases}) == len(suite.cases)
    assert all(re.search(ID, case.id) for case in suite.cases)
    for case in suite.cases:
        for assertion in assertions(case):
            json.dumps(dict(assertion.params))
            # An empty demand on the arguments would forbid every honest call of the tool.
            assert assertion.kind != "tool_called" or assertion.params["arguments"], case.id


def test_a_toolbox_is_attacked_in_part_and_says_so() -> None:
    tools = {f"send_{i}": {} for i in range(attacks.MOST_TOOLS + 8)}
    suite = packs.load("owasp-agentic", Target("a", tools=tools), seed=1)
    assert sum("tool-abuse-in-document" in case.id for case in suite.cases) == attacks.MOST_TOOLS
    assert "8 cases left out: only the first 12 tools get a case of their own" in suite.skipped
