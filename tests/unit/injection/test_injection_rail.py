"""RAIL files and other XML with prompts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.rail import parse
from agentops.injection.template import Template, TemplateError, body


def templates(text: str, path: str = "a.rail") -> tuple[Template, ...]:
    found = parse(Source(path, text))
    for template in found:
        assert all(text.startswith(h.written, h.offset) for h in template.holes)
    return found


def test_messages_with_roles() -> None:
    (found,) = templates(
        '<rail version="0.1"><output><string name="x" description="Please write {y}"/></output>\n<messages>'
        '<message role="system">Help &amp; obey ${gr.complete_json_suffix}</message>\n'
        '<message role="user">é <b>${document}</b> ${output_schema}</message></messages></rail>'
    )
    assert [(m.role, [h.name for h in m.holes]) for m in found.messages] == [
        ("system", ["gr.complete_json_suffix"]), ("user", ["document", "output_schema"]),
    ]  # fmt: skip
    assert body(found.messages[0].spans)[0].startswith("Help & obey ")
    assert {k: a.kind for k, a in found.assigned.items()} == dict.fromkeys(("gr", "output_schema"), Kind.CONSTANT)
    assert (found.holes[1].line, found.holes[1].column) == (3, 27)


def test_a_prompt_alone_has_no_role_and_instructions_are_the_system() -> None:
    assert [m.role for t in templates("<rail><prompt>Do ${x}</prompt></rail>") for m in t.messages] == [None]
    both = templates("<rail><prompt>Do ${x}</prompt><instructions>You help.</instructions></rail>")
    assert [m.role for t in both for m in t.messages] == ["system", "user"]


def test_other_xml() -> None:
    assert templates("<project><v>${project.version}</v><d>A tool</d></project>", "pom.xml") == ()
    (found,) = templates(
        "<p><t>Given the text below you must answer in one word and explain:\n${text}</t></p>", "a.xml"
    )
    assert [h.name for h in found.holes] == ["text"]


def test_excerpts_and_loose_signs() -> None:
    assert [h.name for t in templates("<prompt>Do ${x}</prompt>\n<output/>") for h in t.holes] == ["x"]
    assert [h.name for t in templates("<prompt>Do ${x} if a < b</prompt>") for h in t.holes] == ["x"]


@pytest.mark.parametrize(
    "text",
    ['<!DOCTYPE l [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><l>&c;</l>', "<a>" * 300 + "</a>" * 300],
)
def test_hostile_files_are_refused(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(Source("a.rail", text))
    assert caught.value.location.line == 1


def test_broken_xml_is_an_error() -> None:
    with pytest.raises(TemplateError) as caught:
        parse(Source("a.xml", "<a>\n<b></a>"))
    assert caught.value.location.line == 2


@given(st.text(alphabet="ab <>/&;![]-'\"=${}\n?é", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    for path in ("a.rail", "a.xml"):
        try:
            parse(Source(path, text))
        except TemplateError as error:
            assert error.location.line is not None
