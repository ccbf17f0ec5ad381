"""What names of variables tell about where their values come from. Data, and nothing but names."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Containers: whatever is in them has their source.
HISTORY = _words(
    "messages history chat_history message_history conversation conversation_history dialog dialogue turns thread "
    "chat_log memories memory chat transcript_history"
)
COLLECTIONS = _words(
    "documents docs chunks passages contexts results search_results retrieved_documents sources snippets articles "
    "pages emails comments tickets issues posts reviews observations tool_outputs tool_results attachments "
    "uploads files alerts"
)
# What code writes about each element of a container, and no outsider.
BOOKKEEPING = _words("role index idx score rank size length count number loop type kind")

# The word that a name ends in decides first: `document_count` is a number, `user_language` a setting.
CONSTANT_HEADS = _words(
    "date today now time datetime year month day weekday timestamp timezone tz clock format_instructions "
    "output_format response_format format schema json_schema tools tool_names tool_descriptions tool_schemas "
    "functions language lang locale company company_name limit count counts num number total max min size length "
    "width seconds minutes hours days round iteration attempt n k top_k index idx version mode level temperature "
    "score threshold range rating_scale scale currency delimiter separator delimiter_start delimiter_end nonce "
    "boundary stop_sequence eos_token bos_token examples example few_shot few_shots fewshot shots labels label "
    "categories classes options choices enum criteria criterion rubric tone style units platform environment "
    "model model_name bot_name assistant_name chatbot_name agent_name tool_name action_names flag enabled id uuid "
    "status types"
)
CONSTANT_FIRST = _words("num max min total n is has should enable")
# Endings that say how a value is written, not what it is.
FORM_WORDS = _words("json str string list xml yaml md markdown block section var")
OPERATOR_HEADS = _words(
    "persona system_prompt system_message system_instruction system_instructions instructions custom_instructions "
    "guidelines policy policies rules ruleset rulesets tenant operator brand_voice playbook runbook background "
    "role_description role agent_description company_description"
)
MODEL_HEADS = _words(
    "answer answers response responses completion completions generation reply draft reasoning thought thoughts "
    "rationale scratchpad agent_scratchpad prediction candidate plan summary critique hypothesis model_output "
    "llm_output output outputs"
)
USER_HEADS = _words(
    "question questions query queries user_input input inputs message msg utterance request goal objective topic "
    "profile username user_name nickname bio display_name feedback complaint prompt_input user_prompt "
    "user_message ask statement claim sentence sentences keywords preferences"
)
THIRD_PARTY_HEADS = _words(
    "document doc context contexts passage snippet chunk excerpt paragraph article page webpage web_page website "
    "html url link email mail subject thread email_thread body attachment upload file file_content filename "
    "file_name transcript tool_output tool_result tool_response observation search_result result results evidence "
    "source text content diff patch pull_request issue ticket comment review post tweet log logs trace "
    "stack_trace error_message code snippet_code alert payload resume cv contract news knowledge retrieved "
    "retrieval"
)
# A name that holds one of these anywhere, and no other sign, has that source.
USER_WORDS = _words("user customer visitor client_message sender author human caller patient student applicant")
THIRD_PARTY_WORDS = _words(
    "retrieved retrieval scraped crawled fetched external uploaded untrusted web website webpage document email "
    "mail article transcript search rag"
)
# Attributes that say nothing by themselves: what they belong to decides.
PLAIN = _words(
    "content contents text value values body name title description data page_content raw item items element key "
    "string str str() text() to_text() get() to_string() render() format() info details full_title md markdown"
)
# Objects of the program: their plain attributes are its own.
OWN_OBJECTS = _words("tool function action config settings app bot assistant schema field column env system loop")
