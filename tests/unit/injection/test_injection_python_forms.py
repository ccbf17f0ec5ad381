"""The forms in which projects write prompts in Python: each gives the roles and holes that its framework makes."""

from __future__ import annotations

import pytest

from agentops.injection.source import Source
from agentops.injection.syntax.python.entry import parse
from agentops.injection.template import Hole, TemplateKind

Turns = list[tuple[str | None, str]]
Form = tuple[str, str, Turns]


def shapes(text: str) -> list[Turns]:
    return [
        [(m.role, "".join("{" + s.name + "}" if isinstance(s, Hole) else s.text for s in m.spans)) for m in t.messages]
        for t in parse(Source("app.py", text))
    ]


FRAMEWORKS: list[Form] = [
    (
        "langchain chat tuples",
        "p = ChatPromptTemplate.from_messages([('system', 'You sort {kind}.'), ('human', '{question}')])",
        [("system", "You sort {kind}."), ("user", "{question}")],
    ),
    (
        "langchain chat constructor",
        "p = ChatPromptTemplate([('system', 'Be kind.'), ('placeholder', '{history}'), ('user', '{q}')])",
        [("system", "Be kind."), ("user", "{history}"), ("user", "{q}")],
    ),
    (
        "langchain message templates",
        "p = ChatPromptTemplate.from_messages([SystemMessagePromptTemplate.from_template('Be {tone}.'), "
        "HumanMessagePromptTemplate.from_template('{q}')])",
        [("system", "Be {tone}."), ("user", "{q}")],
    ),
    (
        "langchain message templates nested",
        "p = "
        "ChatPromptTemplate(messages=[SystemMessagePromptTemplate(prompt=PromptTemplate(template='Be "
        "{tone}.', input_variables=['tone'])), "
        "HumanMessagePromptTemplate.from_template(template='{q}')])",
        [("system", "Be {tone}."), ("user", "{q}")],
    ),
    (
        "langchain prompt template",
        "p = PromptTemplate(template='Sum up {text}', input_variables=['text'])",
        [(None, "Sum up {text}")],
    ),
    (
        "langchain mustache",
        "p = PromptTemplate.from_template('Sum up {{text}} as {\"a\": 1}', template_format='mustache')",
        [(None, 'Sum up {text} as {"a": 1}')],
    ),
    (
        "langchain pipe",
        "chain = ChatPromptTemplate.from_template('Sum up {text}') | llm | StrOutputParser()",
        [(None, "Sum up {text}")],
    ),
    (
        "langchain invoke messages",
        "r = llm.invoke([SystemMessage(content='Be kind.'), HumanMessage(content=f'Read {mail.body}')])",
        [("system", "Be kind."), ("user", "Read {mail.body}")],
    ),
    (
        "langchain few shot",
        "p = FewShotPromptTemplate(examples=ex, example_prompt=e, prefix='Label the text.', "
        "suffix='Text: {text}', input_variables=['text'])",
        [(None, "Label the text.Text: {text}")],
    ),
    (
        "langgraph react",
        "a = create_react_agent(model, tools=[t], prompt='You help the guests of the inn.')",
        [("system", "You help the guests of the inn.")],
    ),
    (
        "llamaindex prompt",
        "p = PromptTemplate('Context: {context_str}\\nAnswer: {query_str}')",
        [(None, "Context: {context_str}\nAnswer: {query_str}")],
    ),
    (
        "llamaindex rich",
        "p = RichPromptTemplate('{% chat role=\"system\" %}Use {{ context_str }}{% endchat %}')",
        [("system", "Use {context_str}")],
    ),
    (
        "llamaindex chat",
        "m = [ChatMessage(role=MessageRole.SYSTEM, content='Be kind.'), ChatMessage(role='user', content=q)]",
        [("system", "Be kind."), ("user", "{q}")],
    ),
    (
        "llamaindex chat template",
        "p = ChatPromptTemplate(message_templates=[ChatMessage(role='system', content='Be kind to "
        "{who}.'), ChatMessage(role='user', content='{query_str}')])",
        [("system", "Be kind to {who}."), ("user", "{query_str}")],
    ),
    (
        "haystack prompt builder",
        "b = PromptBuilder(template='Answer from {% for d in documents %}{{ d.content }}{% endfor %}: {{ question }}')",
        [(None, "Answer from {documents[].content}: {question}")],
    ),
    (
        "haystack chat builder",
        "b = ChatPromptBuilder(template=[ChatMessage.from_system('Be kind.'), "
        "ChatMessage.from_user('Answer {{ question }}')])",
        [("system", "Be kind."), ("user", "Answer {question}")],
    ),
]
AGENTS: list[Form] = [
    (
        "crewai agent",
        "a = Agent(role='Clerk', goal='Sort the {topic} mail', backstory='You worked in an office.')",
        [("system", "Clerk\nSort the {topic} mail\nYou worked in an office.")],
    ),
    (
        "crewai task",
        "t = Task(description='Research the {topic} and write it down.', expected_output='A short text', agent=a)",
        [("user", "Research the {topic} and write it down.\nA short text")],
    ),
    (
        "autogen",
        "a = AssistantAgent('x', system_message='You write the code that is asked for.', llm_config=c)",
        [("system", "You write the code that is asked for.")],
    ),
    (
        "autogen initiate",
        "user.initiate_chat(bot, message=f'Please sum up the page {page}')",
        [(None, "Please sum up the page {page}")],
    ),
    (
        "openai agents",
        "a = Agent(name='x', instructions=f'You help {customer.name} with orders.')",
        [("system", "You help {customer.name} with orders.")],
    ),
    (
        "openai agents function",
        "def instructions(ctx, agent):\n"
        "    return f'You help {ctx.context.name} with orders.'\n"
        "a = Agent(name='x', instructions=instructions)",
        [("system", "You help {ctx.context.name} with orders.")],
    ),
    (
        "pydantic-ai",
        "agent = Agent('openai:gpt', system_prompt='Be brief and kind.', deps_type=D)",
        [("system", "Be brief and kind.")],
    ),
    (
        "pydantic-ai decorator",
        "@agent.system_prompt\nasync def who(ctx):\n    return f'The customer is called {ctx.deps.name!r}'",
        [("system", "The customer is called {ctx.deps.name}")],
    ),
    (
        "pydantic-ai run",
        "r = await agent.run(f'Please sum up the mail {mail.body}')",
        [(None, "Please sum up the mail {mail.body}")],
    ),
    (
        "smolagents",
        "r = agent.run(f'Find the answer to the question {question} and write it')",
        [(None, "Find the answer to the question {question} and write it")],
    ),
    (
        "smolagents code agent",
        "a = CodeAgent(tools=[], model=m, instructions='You answer the questions of guests.')",
        [("system", "You answer the questions of guests.")],
    ),
    (
        "google adk",
        "root_agent = LlmAgent(name='x', model='m', description='Sorts mail', instruction='You sort the "
        "mail of {user_name}.')",
        [("system", "You sort the mail of {user_name}.")],
    ),
]
DECORATED: list[Form] = [
    (
        "dspy string",
        "p = dspy.ChainOfThought('context, question -> answer')",
        [(None, "{context}, {question} -> answer")],
    ),
    (
        "dspy class",
        "class QA(dspy.Signature):\n"
        '    """Answer it."""\n'
        "    question: str = dspy.InputField()\n"
        "    answer: str = dspy.OutputField()",
        [(None, "Answer it.{question}")],
    ),
    (
        "guidance",
        "with system():\n    lm += 'You are a kind bot.'\nwith user():\n    lm += f'Answer {question} now'",
        [("system", "You are a kind bot."), ("user", "Answer {question} now")],
    ),
    (
        "sk prompt",
        "f = kernel.add_function(plugin_name='p', function_name='f', prompt='Sum up {{$input}} in a word')",
        [(None, "Sum up {input} in a word")],
    ),
    (
        "sk config",
        "c = PromptTemplateConfig(template='Sum up {{$input}} in a word', name='f', template_format='semantic-kernel')",
        [(None, "Sum up {input} in a word")],
    ),
    (
        "sk kernel function tool",
        "class P:\n    @kernel_function(description='Gets the lights.')\n    def lights(self):\n        return 1",
        [(None, "Gets the lights.")],
    ),
    (
        "sk history",
        "h = ChatHistory(system_message='You are a host.')\nh.add_user_message(f'Answer {question} now')",
        [("system", "You are a host."), ("user", "Answer {question} now")],
    ),
    (
        "marvin fn",
        '@marvin.fn\ndef mood(text: str) -> str:\n    """Tells the mood of the `text`."""',
        [(None, "Tells the mood of the `text`.{text}")],
    ),
    (
        "mirascope decorator",
        "@openai.call('gpt')\n@prompt_template('SYSTEM: You sort books.\\nUSER: Sort {title}')\ndef f(title: str): ...",
        [("system", "You sort books.\n"), ("user", "Sort {title}")],
    ),
    (
        "mirascope return",
        "@openai.call('gpt-4o')\ndef f(genre: str):\n    return f'Recommend a {genre} book'",
        [("user", "Recommend a {genre} book")],
    ),
    (
        "mirascope messages",
        "@llm.call(provider='x')\n"
        "def f(g):\n"
        "    return [Messages.System('You sort books.'), Messages.User(f'Sort {g}')]",
        [("system", "You sort books."), ("user", "Sort {g}")],
    ),
    (
        "magentic",
        "@prompt('Add more {flavour} to: {phrase}')\ndef dude(flavour: str, phrase: str) -> str: ...",
        [("user", "Add more {flavour} to: {phrase}")],
    ),
    (
        "magentic chat",
        "@chatprompt(SystemMessage('You are a critic.'), UserMessage('Rate {film}'))\ndef rate(film: str) -> str: ...",
        [("system", "You are a critic."), ("user", "Rate {film}")],
    ),
    (
        "ell",
        "@ell.simple(model='m')\n"
        "def hello(name: str):\n"
        '    """You are a kind greeter."""\n'
        "    return f'Say hello to {name}!'",
        [("system", "You are a kind greeter."), ("user", "Say hello to {name}!")],
    ),
    (
        "ell messages",
        "@ell.complex(model='m')\ndef f(h):\n    return [ell.system('You are a bot.'), ell.user(f'Answer {h}')]",
        [("system", "You are a bot."), ("user", "Answer {h}")],
    ),
    (
        "outlines",
        "@outlines.prompt\n"
        "def few(question, examples):\n"
        '    """Answer it.\n'
        "    {% for e in examples %}Q: {{ e.q }}{% endfor %}\n"
        '    {{ question }}"""',
        [(None, "Answer it.\n    Q: {examples[].q}\n    {question}")],
    ),
    (
        "promptflow tool",
        "@tool\n"
        "def f(q: str) -> str:\n"
        "    return client.chat.completions.create(messages=[{'role': 'user', 'content': f'Answer "
        "{q}'}])",
        [("user", "Answer {q}")],
    ),
    (
        "lmql",
        "@lmql.query\ndef f(q):\n    '''lmql\n    \"Answer the question {q}: [ANSWER]\"\n    '''",
        [(None, 'lmql\n    "Answer the question {q}: [ANSWER]"\n    ')],
    ),
    (
        "mcp prompt",
        "@mcp.prompt()\ndef review(code: str) -> str:\n    return f'Please review this code: {code}'",
        [("user", "Please review this code: {code}")],
    ),
    (
        "mcp prompt messages",
        "@mcp.prompt()\n"
        "def f(error: str):\n"
        "    return [base.UserMessage('I see this error:'), base.UserMessage(error)]",
        [("user", "I see this error:"), ("user", "{error}")],
    ),
]
CLIENTS: list[Form] = [
    (
        "instructor",
        "u = client.chat.completions.create(model='m', response_model=User, messages=[{'role': 'user', "
        "'content': f'Extract: {text}'}])",
        [("user", "Extract: {text}")],
    ),
    (
        "openai responses",
        "r = client.responses.create(model='m', instructions='Talk like a clerk.', input=question)",
        [("system", "Talk like a clerk."), ("user", "{question}")],
    ),
    (
        "openai responses list",
        "r = client.responses.create(model='m', input=[{'role': 'developer', 'content': 'Be short.'}, "
        "{'role': 'user', 'content': [{'type': 'input_text', 'text': q}]}])",
        [("developer", "Be short."), ("user", "{q}")],
    ),
    (
        "openai completions",
        "r = openai.Completion.create(engine='d', prompt=f'Sum up this text: {text}')",
        [(None, "Sum up this text: {text}")],
    ),
    (
        "anthropic blocks",
        "r = c.messages.create(model='m', system=[{'type': 'text', 'text': f'Act for {tenant}.', "
        "'cache_control': {'type': 'ephemeral'}}], messages=[{'role': 'user', 'content': [{'type': "
        "'text', 'text': q}]}])",
        [("system", "Act for {tenant}."), ("user", "{q}")],
    ),
    (
        "vertexai",
        "m = GenerativeModel('g', system_instruction=['You are a guide.', f'The guest is {guest}.'])",
        [("system", "You are a guide.The guest is {guest}.")],
    ),
    (
        "google genai",
        "r = client.models.generate_content(model='g', contents=question, "
        "config=types.GenerateContentConfig(system_instruction='You are a guide of the town.'))",
        [("system", "You are a guide of the town."), ("user", "{question}")],
    ),
    (
        "google genai contents",
        "r = client.models.generate_content(model='g', contents=[types.Content(role='user', "
        "parts=[types.Part.from_text(text=f'Sum up {page}')])])",
        [("user", "Sum up {page}")],
    ),
    (
        "google plain",
        "r = model.generate_content(f'Sum up the following page: {page}')",
        [(None, "Sum up the following page: {page}")],
    ),
    (
        "ollama chat",
        "r = ollama.chat(model='m', messages=[{'role': 'system', 'content': 'Be short.'}, {'role': "
        "'user', 'content': q}])",
        [("system", "Be short."), ("user", "{q}")],
    ),
    (
        "ollama generate",
        "r = ollama.generate(model='m', system='Be short and kind please.', prompt=f'Sum up {text}')",
        [("system", "Be short and kind please."), ("user", "Sum up {text}")],
    ),
    (
        "litellm",
        "r = litellm.completion(model='m', messages=[{'role': 'user', 'content': f'Sum up {text}'}])",
        [("user", "Sum up {text}")],
    ),
    (
        "cohere v1",
        "r = co.chat(preamble='You answer the guests of the inn.', message=question)",
        [("system", "You answer the guests of the inn."), ("user", "{question}")],
    ),
    (
        "cohere v2",
        "r = co.chat(model='c', messages=[cohere.SystemChatMessageV2(content='Be kind.'), "
        "cohere.UserChatMessageV2(content=q)])",
        [("system", "Be kind."), ("user", "{q}")],
    ),
    (
        "bedrock converse",
        "r = b.converse(modelId='m', system=[{'text': f'Act for {tenant}.'}], messages=[{'role': "
        "'user', 'content': [{'text': q}]}])",
        [("system", "Act for {tenant}."), ("user", "{q}")],
    ),
    (
        "bedrock body",
        "body = json.dumps({'system': 'You are a kind bot.', 'messages': [{'role': 'user', 'content': "
        "[{'type': 'text', 'text': q}]}]})",
        [("system", "You are a kind bot."), ("user", "{q}")],
    ),
    (
        "bedrock text",
        "body = json.dumps({'prompt': f'Human: Please answer {question}\\n\\nAssistant:', 'max_tokens': 5})",
        [(None, "Human: Please answer {question}\n\nAssistant:")],
    ),
    (
        "transformers pipeline",
        "pipe = pipeline('text-generation')\n"
        "messages = [{'role': 'system', 'content': 'Be kind.'}, {'role': 'user', 'content': q}]\n"
        "out = pipe(messages)",
        [("system", "Be kind."), ("user", "{q}")],
    ),
    (
        "transformers template",
        "chat = [{'role': 'user', 'content': f'Sum up {text}'}]\n"
        "ids = tokenizer.apply_chat_template(chat, tokenize=False)",
        [("user", "Sum up {text}")],
    ),
    (
        "mistral",
        "r = client.chat.complete(model='m', messages=[SystemMessage(content='Be kind.'), UserMessage(content=q)])",
        [("system", "Be kind."), ("user", "{q}")],
    ),
    (
        "azure inference",
        "r = client.complete(messages=[SystemMessage('Be kind.'), UserMessage(f'Read {page}')])",
        [("system", "Be kind."), ("user", "Read {page}")],
    ),
    (
        "requests post",
        "r = requests.post(URL, json={'model': 'm', 'messages': [{'role': 'system', 'content': 'Be "
        "kind.'}, {'role': 'user', 'content': q}]})",
        [("system", "Be kind."), ("user", "{q}")],
    ),
    (
        "class constant format",
        "class S:\n"
        "    PROMPT = 'Please sum up {text} now'\n"
        "    def run(self, t):\n"
        "        return self.llm(self.PROMPT.format(text=t.body))",
        [(None, "Please sum up {t.body} now")],
    ),
    (
        "function inlined",
        "def rules(lang):\n"
        "    return f'Answer in {lang} only.'\n"
        "def build_prompt(q, lang):\n"
        "    return f'You are a bot. {rules(lang)} Question: {q}'",
        [(None, "You are a bot. Answer in {lang} only. Question: {q}")],
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [pytest.param(text, turns, id=name) for name, text, turns in (*FRAMEWORKS, *AGENTS, *DECORATED, *CLIENTS)],
)
def test_a_form_gives_its_roles_and_holes(text: str, expected: Turns) -> None:
    assert shapes(text) == [expected]


def test_an_agent_that_is_called_is_asked_beside_its_instructions() -> None:
    text = "agent = Agent(system_prompt='You help the guests of the inn.')\n"
    text += "agent(f'Please answer the question {q} for me')"
    assert shapes(text) == [
        [("system", "You help the guests of the inn.")],
        [(None, "Please answer the question {q} for me")],
    ]


def test_a_tool_is_no_prompt_of_the_function() -> None:
    found = parse(Source("app.py", "@kernel_function(description='Gets it.')\ndef f(self):\n    return 'You are on.'"))
    assert [t.kind for t in found] == [TemplateKind.TOOL]


def test_what_an_agent_is_asked_in_a_loop_of_chat_blocks_keeps_its_holes() -> None:
    text = "p = RichPromptTemplate('{% for m in history %}"
    text += "{% chat role=m.role %}{{ m.content }}{% endchat %}{% endfor %} Go')"
    assert shapes(text) == [[(None, "{history[].content} Go")]]
