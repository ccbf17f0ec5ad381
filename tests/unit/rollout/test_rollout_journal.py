"""The journal in its ConfigMap: anybody with a hand in the namespace can write what stands there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_cluster import FakeCluster
from hypothesis import given
from hypothesis import strategies as st

from agentops.errors import ClusterError, Conflict
from agentops.model.codec import encode
from agentops.model.rollout import Cause, Phase, Plan, State
from agentops.rollout.journal import Journal, Unreadable
from agentops.rollout.names import Names

NAMES = Names("app", "app")
PLAN = Plan("canary", "splitter", "", (5,), 1, "", 1)
DEEP = "[" * 100_000


def a_state(name: str = "r1", **more: Any) -> State:
    return State(id=name, app="app", environment="t", namespace="d", image="new", before="old", plan=PLAN, **more)


def world(**data: str) -> tuple[FakeCluster, Journal]:
    """A journal with a rollout under way, and what somebody wrote over it."""
    cluster = FakeCluster()
    journal = Journal(cluster, NAMES)
    journal.begin(a_state())
    cluster.edit("ConfigMap", NAMES.journal, lambda doc: doc["data"].update(data))
    return cluster, Journal(cluster, NAMES)


def test_what_was_written_is_read() -> None:
    _, journal = world()
    assert journal.refresh() == a_state()
    assert journal.history == ()


@pytest.mark.parametrize(
    ("desired", "why", "by"),
    [
        ('{"abort": "smoke", "by": "ann"}', "smoke", "ann"),
        ('{"abort": "one\\u001b[2J\\ntwo"}', "one two", ""),
        ("abort", "asked for", ""),
        ("stop!", "asked for", ""),
        ("", "asked for", ""),
        ("GO", "asked for", ""),
        ("null", "asked for", ""),
        ("[1]", "asked for", ""),
        ('"go"', "asked for", ""),
        (DEEP, "asked for", ""),
    ],
)
def test_whatever_is_not_go_asks_for_the_way_back(desired: str, why: str, by: str) -> None:
    _, journal = world(desired=desired)
    state = journal.refresh()
    assert state is not None
    assert (state.desired, state.cause, state.reason, state.asked_by) == ("abort", Cause.ASKED, why, by)


def test_what_was_asked_first_stays() -> None:
    cluster, journal = world(desired="stop")
    first = a_state(desired="abort", cause=Cause.HARM, reason="errors")
    cluster.edit("ConfigMap", NAMES.journal, lambda doc: doc["data"].update(state=json.dumps(encode(first))))
    assert journal.refresh() == first


@given(st.text(max_size=30).filter(lambda text: text != "go"))
def test_no_word_keeps_a_rollout_going_but_one(desired: str) -> None:
    _, journal = world(desired=desired)
    state = journal.refresh()
    assert state is not None
    assert state.desired == "abort"
    assert "\n" not in state.reason


@pytest.mark.parametrize(
    "name", ["", "r-1", "R1", "r1\n", "r" * 17, "../x", "r1\x1b[2J", "r1,app=other", "\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_a_name_that_no_rollout_was_given_is_unreadable(name: str) -> None:
    _, journal = world(state=json.dumps(encode(a_state(name))))
    with pytest.raises(Unreadable) as found:
        journal.refresh()
    assert "agentops rollout abort" in found.value.hint
    assert not {"\n", "\x1b"} & set(found.value.message)


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"id": "r1"}', DEEP])
def test_what_is_no_state_is_unreadable(text: str) -> None:
    _, journal = world(state=text)
    with pytest.raises(Unreadable):
        journal.refresh()
    assert issubclass(Unreadable, ClusterError)


@pytest.mark.parametrize("history", ["{", "7", "null", '"x"', '{"id": "r1"}', DEEP])
def test_a_history_that_cannot_be_read_is_none(history: str) -> None:
    _, journal = world(history=history)
    assert journal.refresh() == a_state()
    assert journal.history == ()


def test_the_rest_of_a_history_is_kept() -> None:
    old = a_state("r0", phase=Phase.DONE)
    whole = [None, 7, {"id": "x"}, encode(old), {**encode(old), "plan": []}]
    _, journal = world(history=json.dumps(whole))
    journal.refresh()
    assert journal.history == (old,)


def test_one_that_cannot_be_read_is_written_over_and_only_as_it_was_read() -> None:
    cluster, journal = world(state="{", desired="stop")
    with pytest.raises(Unreadable):
        journal.refresh()
    journal.renew(a_state("r2", phase=Phase.ABORTING))
    again = Journal(cluster, NAMES)
    found = again.refresh()
    assert found is not None
    assert (found.id, found.desired) == ("r2", "go")

    cluster, journal = world(state="{")
    with pytest.raises(Unreadable):
        journal.refresh()
    cluster.edit("ConfigMap", NAMES.journal, lambda doc: doc["data"].update(state="[", more="x"))
    with pytest.raises(Conflict):
        journal.renew(a_state("r2"))
