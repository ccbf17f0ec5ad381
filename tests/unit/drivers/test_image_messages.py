from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.drivers import image
from agentops.drivers.image import Image
from agentops.errors import MeasurementError

ID = "sha256:" + "a" * 64


def test_a_build_log_is_copied_and_gives_the_last_image():
    sink = io.StringIO()
    messages = [
        {"stream": "Step 1\n"},
        {"aux": {"ID": "sha256:" + "b" * 64}},
        {"status": "Pulling"},
        {"aux": {"ID": ID}},
    ]
    assert image.copy_log(messages, sink) == ID
    assert sink.getvalue() == "Step 1\nPulling\n"


@pytest.mark.parametrize("end", [{"error": "it broke"}, {"errorDetail": {"message": "it broke"}}])
def test_a_build_that_reports_an_error_fails_even_after_an_image(end):
    with pytest.raises(MeasurementError, match="it broke"):
        image.copy_log([{"aux": {"ID": ID}}, end], io.StringIO())


@pytest.mark.parametrize("messages", [[], [{"stream": "done"}], [{"aux": {"ID": "latest"}}], [{"aux": None}]])
def test_a_build_without_an_image_is_an_error(messages):
    with pytest.raises(MeasurementError, match="naming"):
        image.copy_log(messages, io.StringIO())


def test_an_error_without_words_is_still_an_error():
    with pytest.raises(MeasurementError):
        image.copy_log([{"error": ""}, {"aux": {"ID": ID}}], io.StringIO())


def test_the_buildkit_hint_needs_the_dockerfile_to_ask_for_it():
    assert "BuildKit" in image.failed_build("the --mount option requires BuildKit", "").hint
    assert "BuildKit" in image.failed_build("unknown instruction: ECHO", "FROM x\nRUN <<EOF\necho\nEOF\n").hint
    assert "BuildKit" in image.failed_build("Unknown flag: link", "FROM x\nCOPY --link a b\n").hint
    assert "BuildKit" not in image.failed_build("unknown instruction: RNU", "FROM x\nRNU true\n").hint


def test_a_failed_build_shows_no_terminal_codes():
    assert "\x1b" not in image.failed_build("\x1b[31mred\x1b[0m", "").message


def test_a_push_needs_a_digest():
    good = {"aux": {"Tag": "1", "Digest": ID, "Size": 1}}
    assert image.read_push([{"status": "Pushed"}, good], "a:1") == ID
    with pytest.raises(MeasurementError, match="no digest"):
        image.read_push([{"status": "Pushed"}], "a:1")
    with pytest.raises(MeasurementError, match="no digest"):
        image.read_push([{"aux": {"Digest": "sha256:short"}}], "a:1")
    with pytest.raises(MeasurementError, match="denied by me"):
        image.read_push([good, {"error": "denied by me"}], "a:1")


def test_a_pull_that_fails_says_why():
    with pytest.raises(MeasurementError, match="not there"):
        image.read_pull([{"status": "x"}, {"errorDetail": {"message": "not there"}}], "a:1")


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("agent", ("agent", None)),
        ("agent:1", ("agent", "1")),
        ("localhost:5000/a/agent", ("localhost:5000/a/agent", None)),
        ("localhost:5000/a/agent:1", ("localhost:5000/a/agent", "1")),
        (f"r.io/agent:1@{ID}", ("r.io/agent", ID)),
    ],
)
def test_references_are_split(reference, parts):
    assert image.split_reference(reference) == parts


def test_a_digest_is_that_of_the_repository_named():
    found = Image(ID, (), digests=(f"a/b@sha256:{'1' * 64}", f"python@sha256:{'2' * 64}"))
    assert found.digest("a/b:latest") == f"sha256:{'1' * 64}"
    assert found.digest("docker.io/library/python:3") == f"sha256:{'2' * 64}"
    assert found.digest("other") is None


def test_layers_prove_what_stands_on_what():
    base, top = Image("x", ("1", "2")), Image("y", ("1", "2", "3"))
    assert top.stands_on(base)
    assert base.stands_on(base)
    assert not base.stands_on(top)
    assert not Image("z", ("1", "3", "2")).stands_on(base)
    assert not top.stands_on(Image("empty", ())), "an image without layers proves nothing"


@given(st.text())
def test_any_name_becomes_a_repository(name):
    made = image.repository(name)
    assert made
    assert made == image.repository(made)
    assert all(c.isascii() and (c.isalnum() or c == "-") for c in made)


def test_inspect_bodies_with_nothing_in_them_are_read():
    assert image.read_inspect({"Id": ID, "Config": None, "RootFS": None}) == Image(ID, ())
    full = {"Id": ID, "Config": {"User": "7", "Env": ["A=b=c"]}, "RootFS": {"Layers": ["l"]}, "RepoDigests": ["r@d"]}
    assert image.read_inspect(full) == Image(ID, ("l",), "7", {"A": "b=c"}, ("r@d",))
