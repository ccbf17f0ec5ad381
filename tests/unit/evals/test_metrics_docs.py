"""docs/metrics.md: every metric is there with a line that the schema takes and its check lets through."""

import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from agentops.config import document
from agentops.evals.metrics import ASKED, CUSTOM, DETERMINISTIC, JOINS, language, personal, refusals

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def examples() -> list[dict[str, Any]]:
    return [document.parse_yaml(cell, "docs").data for cell in re.findall(r"^\| `([^`]+: [^`]*)` \|", PAGE, flags=re.M)]


def test_every_metric_has_an_example_that_is_sound() -> None:
    root = document.load_schema("evalset.schema.json")
    validator = Draft202012Validator({"$ref": "#/$defs/assertion", "$defs": root["$defs"]})
    for example in examples():
        assert not list(validator.iter_errors(example)), example
        ((kind, value),) = example.items()
        if kind in DETERMINISTIC:
            whole = isinstance(value, dict) and kind != "json_schema"
            DETERMINISTIC[kind].check(value if whole else {"value": value})
    assert {kind for example in examples() for kind in example} == {*DETERMINISTIC, *JOINS, *ASKED, CUSTOM, "not"}


def test_the_schema_names_the_metrics_that_there_are_and_weighs_each() -> None:
    definitions = document.load_schema("evalset.schema.json")["$defs"]
    known = set(definitions["assertion"]["properties"])
    assert known == {*DETERMINISTIC, *JOINS, *ASKED, CUSTOM, "not"}
    assert set(definitions["weighted"]["properties"]) == {"weight", *known}
    kinds = definitions["assertion"]["properties"]["pii"]["anyOf"][1]["properties"]["kinds"]["items"]["enum"]
    assert set(kinds) == set(personal.NAMES)


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"knows {len(language.KNOWN)} languages" in PAGE
    assert "sixteen languages" in PAGE
    assert len(refusals.LANGUAGES) == 16
    assert all(f"`{kind}`" in PAGE for kind in personal.NAMES)
