"""Files of the user's: only plain data, and every complaint with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.config import document
from agentops.errors import ConfigError

BOMB = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "f.yaml:1:4: anchors and aliases are not allowed"),
        ("a: 1\nb:\n  c: 2\n  c: 3\n", "f.yaml:4: the key 'c' stands here twice"),
        ("a: !!python/object/apply:os.system [true]\n", "f.yaml:1:4: the tag"),
        ("a: [1\n", "f.yaml:2:1: not YAML"),
        ("[" * 100 + "]" * 100, "nested deeper than 40"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
        ("? [1]\n: 2\n", "f.yaml:1: a key must be text"),
    ],
)
def test_what_is_not_plain_data_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        document.parse_yaml(text, "f.yaml")
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_scalars_follow_yaml_1_2() -> None:
    text = 'a: on\nb: 12:30\nc: 010\nd: 2024-01-02\ne: "1"\nf: 1e3\ng: ~\nh: 0x1f\ni: .5\nj: no\n'
    data = document.parse_yaml(text, "f").data
    assert data == {
        "a": "on", "b": "12:30", "c": 10, "d": "2024-01-02", "e": "1", "f": 1000.0, "g": None, "h": 31, "i": 0.5,
        "j": "no",
    }  # fmt: skip


def test_json_with_a_double_key_and_with_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1, "a": 2}')
    with pytest.raises(ConfigError, match="'a' stands twice"):
        document.read(path)
    path.write_text('{"a": 1,\n "b": }')
    with pytest.raises(ConfigError, match=r"a\.json:2:7: not JSON"):
        document.read(path)


@pytest.mark.parametrize(("raw", "said"), [(b"a: \xff", "not UTF-8 at byte 3"), (None, "no such file")])
def test_files_that_cannot_be_read(tmp_path: Path, raw: bytes | None, said: str) -> None:
    path = tmp_path / "a.yaml"
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(ConfigError, match=said):
        document.read(path)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        document.parse_yaml(text, "f")
    except ConfigError as error:
        assert error.message.startswith("f")


PLAIN_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=9)
LEAVES = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | PLAIN_TEXT
KEYS = st.text("abc", min_size=1, max_size=3)


@given(st.recursive(LEAVES, lambda x: st.lists(x, max_size=3) | st.dictionaries(KEYS, x, max_size=3), max_leaves=12))
def test_json_is_read_as_yaml_the_same(data: object) -> None:
    import json

    assert document.parse_yaml(json.dumps(data, ensure_ascii=False), "f").data == data
