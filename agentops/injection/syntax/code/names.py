"""Keys and calls of the usual libraries by which prompts are found. Data."""

from __future__ import annotations

SYSTEM_KEYS = ("system", "systemPrompt", "system_prompt", "systemInstruction", "system_instruction",
               "SystemInstruction", "System",
                "instructions", "Instructions", "preamble", "Instruction", "systemMessage", "developer",
               "SystemPrompt", "SystemMessage", "SYSTEM_PROMPT", "system_message", "sysPrompt")  # fmt: skip
LIST_KEYS = ("messages", "Messages", "contents", "Contents", "input", "Input", "history")
USER_KEYS = ("prompt", "Prompt", "input", "userPrompt", "query", "UserPrompt", "user_prompt", "userMessage",
             "UserMessage", "user_message", "userContent", "UserContent")  # fmt: skip
BESIDE_KEYS = ("user", "User", "message", "Message", "question", "Question", "text", "content")
"""What the text beside a system text is called where nothing else says that a model gets both."""
INNER_OPTIONS = ("config", "Config", "generationConfig", "options")
MODEL_KEYS = (
    "model", "Model", "config", "Config", "temperature", "max_tokens", "maxTokens", "MaxTokens", "tools", "output",
    "schema",
)  # fmt: skip
MODEL_CALLS = frozenset((
    "generateText", "streamText", "generateObject", "streamObject", "create", "generate", "generateContent",
    "Agent", "ToolLoopAgent",
    "stream", "parse", "chat", "complete", "completion", "generateStream", "createAgent", "defineAgent",
    "createReactAgent", "invoke",
    "startChat", "getGenerativeModel", "definePrompt", "startConversation", "createChatCompletion", "callLLM", "ask",
))  # fmt: skip
TEMPLATE_CALLS = frozenset(("fromTemplate", "PromptTemplate", "NewPromptTemplate", "ChatPromptTemplate",
                            "fromMessages", "FromMessages",
                             "NewChatPromptTemplate", "fromPromptMessages", "SystemPromptTemplate"))  # fmt: skip
TEXT_CALLS = frozenset(
    ("fromTemplate", "PromptTemplate", "NewPromptTemplate", "SystemPromptTemplate", "PromptTemplate.from")
)
FILLING = frozenset(("Format", "format", "invoke", "formatMessages", "formatPrompt", "FormatPrompt", "render",
                     "apply", "create",
                      "of", "FormatMessages", "Execute", "stream", "call", "param", "add"))  # fmt: skip
TOOL_CALLS = frozenset(("tool", "registerTool", "addTool", "NewTool", "defineTool", "Tool", "DynamicTool",
                        "DynamicStructuredTool",
                         "NewToolWithRawSchema", "WithDescription", "createTool"))  # fmt: skip
SCHEMA_KEYS = ("inputSchema", "input_schema", "InputSchema", "parameters", "Parameters", "execute", "schema", "func")
ROLE_CALLS = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "defaultSystem": "system",
    "defaultUser": "user",
}
SPOKEN = frozenset((
    "question", "query", "input", "text", "message", "content", "document", "documents", "context", "user_input",
    "userinput", "it",
))  # fmt: skip
KEYWORDS = frozenset(
    ("if", "for", "while", "switch", "catch", "when", "with", "else", "do", "try", "return", "function", "func", "fun")
)
UNTOLD = frozenset(("sql", "gql", "graphql", "css", "html", "svg", "styled", "keyframes", "raw", "String.raw"))
