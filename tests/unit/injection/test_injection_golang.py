"""Prompts in Go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.code import golang
from agentops.injection.template import Hole, NoteKind, Template, TemplateError, TemplateKind


def read(text: str) -> tuple[Template, ...]:
    found = golang.parse(Source("prompt.go", text))
    for template in found:
        for hole in template.holes:
            assert text.startswith(hole.written, hole.offset)
    return found


def shape(template: Template) -> list[tuple[str | None, list[str]]]:
    return [(m.role, [f"<{s.name}>" if isinstance(s, Hole) else s.text for s in m.spans]) for m in template.messages]


def test_sprintf_takes_its_arguments_in_order():
    text = 'func f(n int, doc string) { prompt := fmt.Sprintf("Use %d words, 100%%, for %q by %[2]s", n, doc) }'
    (found,) = read(text)
    assert shape(found) == [(None, ["Use ", "<n>", " words, 100%, for ", "<doc>", " by ", "<doc>"])]
    assert [h.filters for h in found.holes] == [("int",), ("tojson",), ()]
    assert found.types == {"n": "number"}


def test_a_format_that_is_filled_elsewhere_is_named_by_its_labels():
    (found,) = read("const reviewPrompt = `Review this change.\nTitle: %s\n<diff>%s</diff>\n%s`")
    assert [h.name for h in found.holes] == ["title", "diff", "arg3"]
    assert [h.written for h in found.holes] == ["%s", "%s", "%s"]


def test_a_constant_format_is_filled_where_it_is_used_and_reported_once():
    text = """
const reviewPrompt = `Review this change: %s`
func run(diff string) {
	req := openai.ChatCompletionRequest{Model: "m", Messages: []openai.ChatCompletionMessage{
		{Role: openai.ChatMessageRoleSystem, Content: "You review code."},
		{Role: openai.ChatMessageRoleUser, Content: fmt.Sprintf(reviewPrompt, diff)},
	}}
}
"""
    (found,) = read(text)
    assert shape(found) == [("system", ["You review code."]), ("user", ["Review this change: ", "<diff>"])]


def test_eino_messages_and_placeholders():
    text = """t := prompt.FromMessages(schema.FString,
	schema.SystemMessage("You are a {role}."),
	schema.MessagesPlaceholder("history", true), schema.UserMessage("{question}"))
m, _ := t.Format(ctx, map[string]any{"role": "tutor", "question": r.FormValue("q")})"""
    (found,) = read(text)
    assert shape(found) == [
        ("system", ["You are a ", "<role>", "."]), ("user", ["<history>"]), ("user", ["<question>"]),
    ]  # fmt: skip
    assert found.assigned["role"].kind is Kind.CONSTANT
    assert found.assigned["question"].kind is Kind.USER


def test_a_builder_is_one_text():
    text = """
func buildPrompt(docs []Doc, q string) string {
	var b strings.Builder
	b.WriteString("You answer from these notes.\\n")
	for i, d := range docs {
		fmt.Fprintf(&b, "%d. %s\\n", i, d.Text)
	}
	b.WriteString("Question: " + q)
	return b.String()
}
"""
    (found,) = read(text)
    assert [(h.name, h.in_loop) for h in found.holes] == [("i", True), ("docs[].Text", True), ("q", False)]


def test_join_and_replace_all():
    (found,) = read('prompt := strings.ReplaceAll("Explain NAME_HERE now please.", "NAME_HERE", topic)')
    assert shape(found) == [(None, ["Explain ", "<topic>", " now please."])]
    (found,) = read('prompt := strings.Join([]string{"Explain this.", text, "Be brief."}, "\\n")')
    assert shape(found) == [(None, ["Explain this.\n", "<text>", "\nBe brief."])]


def test_langchaingo_messages():
    (found,) = read(
        'm := []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeSystem, "You are kind."), '
        "llms.TextParts(llms.ChatMessageTypeHuman, input)}"
    )
    assert shape(found) == [("system", ["You are kind."]), ("user", ["<input>"])]


@pytest.mark.parametrize(
    "text",
    [
        'return fmt.Errorf("you must not do this, please answer: %w", err)',
        'log.Printf("You are here. Please answer %s now.", name)',
        'const q = `SELECT a FROM b WHERE c = %s`',
        'cmd := &cobra.Command{Use: "run", Short: "Run it", Long: "You can run it. Please read the manual."}',
    ],
)  # fmt: skip
def test_what_is_no_prompt(text: str):
    assert read(text) == ()


_PIECES = st.sampled_from([
    "`", "{", "}", "(", ")", "[", "]", '"', "'", "\\", "//", "/*", ":=", "=", "+", ".", ",", ":", "\n", "prompt",
    "Role", "Content",
    "fmt.Sprintf", "strings.Join", "append", "range ", "for ", "func ", "%s", "%[9]d", "%%", "{{.X}}", "{{if",
    "{x}", "You are. Please answer",
    "schema.SystemMessage", "return ", "[]string", "WriteString",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=40).map("".join) | st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str):
    try:
        read(text)
    except TemplateError as error:
        assert error.location.line is not None


def test_langchaingo_templates_and_what_fills_them():
    text = """
p := prompts.NewPromptTemplate("Explain {{.topic}} to {{.who}}.", []string{"topic", "who"})
out, err := p.Format(map[string]any{"topic": r.FormValue("t"), "who": "a child"})
"""
    (found,) = read(text)
    assert shape(found) == [(None, ["Explain ", "<topic>", " to ", "<who>", "."])]
    assert found.syntax == "go+go-template"
    assert found.assigned["topic"].kind is Kind.USER
    assert found.assigned["who"].kind is Kind.CONSTANT


@pytest.mark.parametrize(
    "text",
    [
        '[]*schema.Message{schema.SystemMessage("You are kind."), {Role: schema.User, Content: q}}',
        "[]llms.MessageContent{{Role: llms.ChatMessageTypeSystem, Parts: []llms.ContentPart{llms.TextPart("
        '"You are kind.")}}, {Role: llms.ChatMessageTypeHuman, Parts: []llms.ContentPart{llms.TextPart(q)}}}',
        '[]Message{{Role: "system", Content: "You are kind."}, {Role: "user", Content: q}}',
        'anthropic.MessageNewParams{Model: m, System: []anthropic.TextBlockParam{{Text: "You are kind."}}, Messages: '
        "[]anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(q))}}",
    ],
)
def test_roles_of_the_usual_libraries(text: str):
    (found,) = read("x := " + text)
    assert shape(found) == [("system", ["You are kind."]), ("user", ["<q>"])]
    assert found.notes == ()


def test_a_tools_description():
    (found,) = read('t := mcp.NewTool("send", mcp.WithDescription("Sends a letter to one person."))')
    assert found.kind is TemplateKind.TOOL


def test_the_first_of_several_names_is_the_value():
    text = """
func f(path string) {
	body, err := os.ReadFile(path)
	prompt := fmt.Sprintf("Sum up this file: %s", body)
}
"""
    (found,) = read(text)
    assert found.assigned["body"].kind is Kind.THIRD_PARTY
    assert found.name == "prompt"


def test_conditions_of_a_builder():
    text = """
func buildPrompt(note string) string {
	var b strings.Builder
	b.WriteString("You answer from these notes.\\n")
	if note != "" {
		b.WriteString("Note: " + note)
	}
	return b.String()
}
"""
    (found,) = read(text)
    assert [(h.name, h.condition) for h in found.holes] == [("note", 'note != ""')]


def test_a_prompt_function_is_read_where_it_is_called():
    text = """
func build(topic string) string { return fmt.Sprintf("You explain %s. Please be brief.", topic) }
func run(q string) {
	resp, err := client.CreateChatCompletion(ctx, openai.ChatCompletionRequest{Model: "m",
		Messages: []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleUser, Content: build(q)}}})
	cmd := exec.Command("sh", "-c", resp.Choices[0].Message.Content)
}
"""
    (found,) = read(text)
    assert shape(found) == [("user", ["You explain ", "<q>", ". Please be brief."])]
    assert [(n.kind, n.said) for n in found.notes] == [(NoteKind.OUTPUT_RUNS, "exec.Command(resp)")]


def test_a_template_whose_text_comes_from_outside():
    text = 'promptTmpl, _ := template.New("a").Parse(r.FormValue("prompt"))\nconst userPrompt = "Say it to me"'
    found, _ = read(text)
    assert [n.kind for n in found.notes] == [NoteKind.USER_TEMPLATE]
    assert read('when, _ := time.Parse(layout, r.FormValue("t"))') == ()


def test_einos_other_notations():
    (found,) = read('t := prompt.FromMessages(schema.Jinja2, schema.SystemMessage("You are {{ role|e }} {x}."))')
    assert [(h.name, h.filters) for h in found.holes] == [("role", ("e",))]
    (found,) = read('t := prompt.FromMessages(schema.GoTemplate, schema.UserMessage("Sum up {{.Doc}} {x}."))')
    assert [h.name for h in found.holes] == ["Doc"]
