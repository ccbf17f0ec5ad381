"""A question asked another way is still the same question."""

import re
import string
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.evals.packs import KINDS, transform
from agentops.evals.packs.filler import filler, shots
from agentops.evals.packs.transforms import LONG_CHARS
from agentops.model.case import Assertion, Case, Step, Turn
from agentops.model.finding import Location

PLACE = Location("s.yaml", 1)
QUESTION = "Hello, where is my order A-1001? I wrote to anna.bell@mail.example yesterday, and Marie told me nothing!"


def case(*texts: str, expect: tuple[Assertion, ...] = (), name: str = "order-status") -> Case:
    return Case(
        id=name,
        turns=tuple(Turn(text) for text in texts),
        tags=("typical",),
        expect=expect or (Assertion("contains", {"value": "shipped"}),),
        location=PLACE,
        weight=2.0,
        runs=4,
        setup=(Step("say", {"value": "Hi."}, PLACE),),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_question_changes(kind: str) -> None:
    before = case(QUESTION, "And when does it come?")
    after = transform(before, kind, 1)
    assert after.expect == before.expect
    assert (after.weight, after.runs, after.setup, after.location) == (2.0, 4, before.setup, PLACE)
    assert after.id == f"order-status.{kind}"
    assert after.origin == f"{kind} of order-status"
    assert after.tags == ("typical", "robustness", kind)
    texts = [turn.text for turn in after.turns]
    assert texts[-2:] != [turn.text for turn in before.turns]
    assert "A-1001" in texts[-2]
    assert "anna.bell@mail.example" in texts[-2]
    assert "Marie" in unicodedata.normalize("NFKC", texts[-2])


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_stable(kind: str) -> None:
    assert transform(case(QUESTION), kind, 7) == transform(case(QUESTION), kind, 7)


@pytest.mark.parametrize("kind", ["typos", "spaces", "emoji"])
def test_seeds_differ_and_ids_do_not(kind: str) -> None:
    several = [transform(case(QUESTION), kind, seed) for seed in range(6)]
    assert len({c.turns for c in several}) > 1
    assert len({c.id for c in several}) == 1


def test_each_form() -> None:
    text = "Where is my order A-1001, please?"
    asked = {kind: transform(case(text), kind, 1).turns[-1].text for kind in KINDS}
    assert asked["upper"] == "WHERE IS MY ORDER A-1001, PLEASE?"
    assert asked["lower"] == "where is my order A-1001, please?"
    assert asked["mixed_case"].startswith("wHeRe iS mY")
    assert asked["no_punctuation"] == "Where is my order A-1001 please"
    assert unicodedata.normalize("NFKC", asked["fullwidth"]) == text != asked["fullwidth"]
    assert asked["code_fence"] == f"```text\n{text}\n```"
    assert asked["quoted"].endswith(f"> {text}")
    assert asked["repeated"].count(text) == 3
    assert "\r\n" in asked["line_breaks"]
    assert asked["line_breaks"].split() == text.split() == asked["spaces"].split()
    assert asked["long"].endswith(text)
    assert len(asked["long"]) > LONG_CHARS * 0.9
    assert max(map(len, asked["long_word"].split())) > 1000
    assert any(unicodedata.bidirectional(c) in ("R", "AL") for c in asked["rtl"])
    assert any(ord(c) > 0x1F000 for c in asked["emoji"])
    assert transform(case(text), "contradicted", 1).turns[0].text.startswith("I have no question")
    assert asked["framed_de"].startswith("Hier ist meine Frage")
    assert all(text in asked[kind] for kind in KINDS if kind.startswith(("framed", "chatty", "contra", "rtl", "emoji")))
    assert transform(case("Yes, I do. Go on, please."), "tight_signs", 1).turns[0].text == "Yes,I do.Go on,please."


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_typos_are_few_small_and_spare_what_matters(seed: int) -> None:
    text = "Could you please tell me whether the parcel for Marie has arrived in the depot yet, order A-1001?"
    asked = transform(case(text), "typos", seed).turns[0].text
    assert asked != text
    pairs = list(zip(text.split(), asked.split(), strict=True))
    assert all(a == b for a, b in pairs if a.strip(",?") in ("Marie", "A-1001", "you", "me", "the"))
    assert all(a[0] == b[0] and abs(len(a) - len(b)) <= 1 for a, b in pairs)


def test_words_that_an_expectation_names_are_left_alone() -> None:
    expect = (
        Assertion(
            "all", {}, parts=(Assertion("tool_called", {"name": "find", "arguments": {"what": ["blue kayak"]}}),)
        ),
    )
    for seed in range(20):
        for kind in ("typos", "upper", "fullwidth", "mixed_case"):
            asked = transform(case("please find the blue kayak quickly", expect=expect), kind, seed).turns[0].text
            assert "blue kayak" in asked, kind
            assert "quickly" not in asked or kind == "typos"


TOKENS = st.text(string.ascii_letters + string.digits + "äß-_@./é漢字\u05d0 \n?!'\"", max_size=60)


@settings(deadline=None)
@given(TOKENS, st.sampled_from(KINDS), st.integers(0, 99))
def test_numbers_stay_whatever_the_text(text: str, kind: str, seed: int) -> None:
    asked = transform(case(text), kind, seed)
    for token in re.findall(r"\d+", text):
        assert token in asked.turns[-1].text
    assert asked.turns[-1].text.count("\x00") == 0


def test_long_ids_stay_ids() -> None:
    one, other = (transform(case("Hi", name="x" * 95 + end), "no_punctuation", 1).id for end in ("aaaaa", "bbbbb"))
    assert len(one) <= 100
    assert one != other


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError, match="upside_down"):
        transform(case("Hi"), "upside_down", 1)


@given(st.integers(0, 5000))
def test_fillers_fit(chars: int) -> None:
    text = filler(chars)
    assert len(text) <= chars
    assert chars < 100 or len(text) > chars - 100


def test_shots_join_what_they_name() -> None:
    for line in shots(40).replace(".\nAssistant", ". Assistant").splitlines():
        found = re.fullmatch(r"Visitor: .* join (\w+) and (\w+)\. Assistant: (\w+)", line)
        assert found
        assert found[1] + found[2] == found[3]
