"""Prompts in Java and Kotlin."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.code import java
from agentops.injection.template import Hole, NoteKind, Template, TemplateError, TemplateKind


def read(text: str, path: str = "Service.java") -> tuple[Template, ...]:
    found = java.parse(Source(path, text))
    for template in found:
        for hole in template.holes:
            assert text.startswith(hole.written, hole.offset)
    return found


def shape(template: Template) -> list[tuple[str | None, list[str]]]:
    return [(m.role, [f"<{s.name}>" if isinstance(s, Hole) else s.text for s in m.spans]) for m in template.messages]


def test_the_annotations_of_a_method_are_one_template():
    text = '''
interface Clerk {
    @SystemMessage("You are a clerk.")
    @UserMessage("""
        Sum up:
          {letter}
        In {{words}} words.
        """)
    String sum(String letter, int words);
}
'''
    (found,) = read(text)
    assert shape(found) == [
        ("system", ["You are a clerk."]), ("user", ["Sum up:\n  ", "<letter>", "\nIn ", "<words>", " words.\n"]),
    ]  # fmt: skip
    assert found.types == {"words": "number"}
    assert [(h.line, h.column) for h in found.holes] == [(6, 11), (7, 12)]
    assert found.name == "sum"


def test_lines_of_an_array_and_a_named_variable():
    (found,) = read('interface A { @UserMessage({"Say hello", "to {{who}}"}) String x(@V("who") LocalDate day); }')
    assert shape(found) == [("user", ["Say hello\nto ", "<who>"])]
    assert found.types["who"] == "date"


def test_a_parameter_alone_is_the_users_message():
    text = (
        'interface A { @SystemMessage("You are terse.") String chat(@MemoryId String id, @UserMessage String text); }'
    )
    (found,) = read(text)
    assert shape(found) == [("system", ["You are terse."]), ("user", ["<text>"])]


def test_the_types_system_message_goes_for_its_methods():
    (found,) = read('@SystemMessage("You are terse.") interface A { String chat(String text); }')
    assert shape(found) == [("system", ["You are terse."]), ("user", ["<text>"])]


def test_a_resource_is_a_text_that_is_not_seen():
    (found,) = read('interface A { @SystemMessage(fromResource = "a.txt") String chat(String text); }')
    assert found.assigned["fromResource"].kind is Kind.UNKNOWN


def test_formatted_text_blocks_and_builders():
    text = '''
class A {
  static final String PROMPT = """
      Sum up: %s
      Words: %d
      """;
  String one(String text, int n) { return model.chat(PROMPT.formatted(text, n)); }
  String notesPrompt(List<Doc> docs) {
    StringBuilder sb = new StringBuilder();
    sb.append("Answer the question from these notes.\\n");
    for (Doc d : docs) { sb.append("- ").append(d.getTitle()); }
    return sb.toString();
  }
}
'''
    found = read(text)
    assert [h.name for t in found for h in t.holes] == ["text", "n", "docs[].title"]
    assert found[-1].holes[0].in_loop
    texts = "".join(s for t in found for _, spans in shape(t) for s in spans)
    assert texts.count("Answer the question") == 1


def test_spring_chains():
    text = 'client.prompt().system("You are kind.").user(u -> u.text("Greet {name} now").param("name", name)).call();'
    (found,) = read(text)
    assert shape(found) == [("system", ["You are kind."]), ("user", ["Greet ", "<name>", " now"])]


def test_kotlin_strings():
    text = 'fun f(n: Int) {\n val prompt = """\n Use $n words for ${mail.body}.\n """.trimIndent()\n}'
    (found,) = read(text, "f.kt")
    assert [h.name for h in found.holes] == ["n", "mail.body"]
    assert found.types == {"n": "number"}


@pytest.mark.parametrize(
    "text",
    [
        'log.info("You are here. Please answer " + name + " now.");',
        'throw new IllegalStateException("You must not do this. Please answer with care next time.");',
        '@Query("SELECT a FROM B b WHERE b.c = :c") List<A> find(String c);',
    ],
)
def test_what_is_no_prompt(text: str):
    assert read(text) == ()


_PIECES = st.sampled_from([
    '"""', '"', "{", "}", "(", ")", "[", "]", "'", "\\", "//", "/*", "@", "=", "+", ".", ",", ";", "\n",
    "@SystemMessage", "@UserMessage",
    "@V", "String ", "prompt", "interface A ", "formatted", "append", "%s", "{x}", "{{it}}", "$x", "${", "->",
    "fromResource", "You are. Please answer",
    "new ", "PromptTemplate", ".system", ".user", "for ", ":", "fun ", "val ",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=40).map("".join) | st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str):
    for path in ("A.java", "a.kt"):
        try:
            read(text, path)
        except TemplateError as error:
            assert error.location.line is not None


def test_langchain4j_messages_templates_and_tools():
    text = 'm = List.of(SystemMessage.from("You are kind."), UserMessage.from("Say: " + a), AiMessage.from(b));'
    (found,) = read(text)
    assert shape(found) == [("system", ["You are kind."]), ("user", ["Say: ", "<a>"]), ("assistant", ["<b>"])]
    (found,) = read('PromptTemplate t = PromptTemplate.from("Explain {{topic}} to a child.");')
    assert shape(found) == [(None, ["Explain ", "<topic>", " to a child."])]
    tool, given = read(
        'class T { @Tool("Sends a letter to one.") void send(@P("who gets it, by full name") String to) {} }'
    )
    assert tool.kind is given.kind is TemplateKind.TOOL
    assert (tool.name, given.name) == ("Tool", "P")


def test_spring_messages_and_templates():
    (found,) = read('var p = new Prompt(List.of(new SystemMessage("You are kind."), new UserMessage(question)));')
    assert shape(found) == [("system", ["You are kind."]), ("user", ["<question>"])]
    text = 'new SystemPromptTemplate("You are {voice}.").createMessage(Map.of("voice", request.getParameter("v")));'
    (found,) = read(text)
    assert shape(found) == [("system", ["You are ", "<voice>", "."])]
    assert found.assigned["voice"].kind is Kind.USER
    (found,) = read('ChatClient c(Builder b) { return b.defaultSystem("You are a friendly clerk.").build(); }')
    assert shape(found) == [("system", ["You are a friendly clerk."])]


def test_statements_of_kotlin_that_are_messages():
    text = 'val p = prompt("x") {\n system("You are kind.")\n user("Answer $question")\n}'
    (found,) = read(text, "a.kt")
    assert shape(found) == [("system", ["You are kind."]), ("user", ["Answer ", "<question>"])]


def test_a_prompt_method_is_read_where_it_is_called_and_its_answer_followed():
    text = """
class A {
  String buildPrompt(String topic) { return "You explain " + topic + ". Please be brief."; }
  void run(String q) {
    String answer = chatModel.call(buildPrompt(q));
    Runtime.getRuntime().exec(answer);
  }
}
"""
    (found,) = read(text)
    assert shape(found) == [(None, ["You explain ", "<q>", ". Please be brief."])]
    assert [n.kind for n in found.notes] == [NoteKind.OUTPUT_RUNS]
