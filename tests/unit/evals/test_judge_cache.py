"""Judge answers kept between runs: whole or not at all, and errors never."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.evals.metrics.judge.cache import JudgeCache

KEY = "a" * 64
RESULT = {"score": 0.8, "reason": "r", "model": "m", "steps": ["s"], "calls": 2, "input_tokens": 3, "output_tokens": 1}


def test_what_was_put_is_found_and_nothing_else(tmp_path):
    cache = JudgeCache(tmp_path / "new" / "folder")
    assert cache.get(KEY) is None
    cache.put(KEY, RESULT | {"id": 7})
    assert cache.get(KEY) == JudgeCache(tmp_path / "new" / "folder").get(KEY) == RESULT
    assert cache.get("b" * 64) is None


@pytest.mark.parametrize(
    "result",
    [
        {"error": "no"},
        {"empty": True},
        RESULT | {"error": "no"},
        RESULT | {"score": 1.5},
        RESULT | {"score": None},
        RESULT | {"score": float("nan")},
        RESULT | {"score": True},
        {k: v for k, v in RESULT.items() if k != "model"},
    ],
)
def test_what_is_no_answer_is_not_kept(tmp_path, result):
    JudgeCache(tmp_path).put(KEY, result)
    assert list(tmp_path.iterdir()) == []


def entry(tmp_path):
    JudgeCache(tmp_path).put(KEY, RESULT)
    return tmp_path / "aa" / f"{KEY}.json"


@pytest.mark.parametrize("size", [0, 1, 50, -1])
def test_an_entry_cut_off_is_a_miss(tmp_path, size):
    path = entry(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    assert JudgeCache(tmp_path).get(KEY) is None


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_other_data_is_a_miss(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cache")
    entry(folder).write_text(json.dumps(data))
    assert JudgeCache(folder).get(KEY) is None


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"key": "b" * 64}, {"result": RESULT | {"score": 9}}, {"result": []}]
)
def test_an_entry_of_something_else_is_a_miss(tmp_path, change):
    path = entry(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert JudgeCache(tmp_path).get(KEY) is None


def test_a_folder_that_cannot_be_used_is_an_empty_cache(tmp_path):
    (tmp_path / "file").write_text("x")
    cache = JudgeCache(tmp_path / "file")
    cache.put(KEY, RESULT)
    assert cache.get(KEY) is None


def test_writers_at_once_leave_one_whole_entry(tmp_path):
    stop, seen = threading.Event(), []

    def write(n):
        while not stop.is_set():
            JudgeCache(tmp_path).put(KEY, RESULT | {"reason": f"{n}" * 20_000})

    entry(tmp_path)
    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for writer in writers:
        writer.start()
    seen = [JudgeCache(tmp_path).get(KEY) for _ in range(200)]
    stop.set()
    for writer in writers:
        writer.join()
    assert None not in seen
    assert [p.name for p in (tmp_path / "aa").iterdir()] == [f"{KEY}.json"]


def test_a_key_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="64 hexadecimal"):
        JudgeCache(tmp_path).get("../../etc/passwd")
