"""What names of variables tell about where their values come from. Data, and nothing but names."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Containers: whatever is in them has their source.
HISTORY = _words(
    "messages history chat_history message_history conversation conversations conversation_history dialog dialogue "
    "dialogs turns thread chat_log memories memory chat transcript_history dlg conv convo chatlog chat_messages "
    "previous_messages past_messages prior_messages exchanges"
)
COLLECTIONS = _words(
    "documents docs chunks passages contexts results search_results retrieved_documents sources snippets articles "
    "pages emails comments tickets issues posts reviews observations tool_outputs tool_results attachments uploads "
    "files alerts hits citations excerpts paragraphs threads commits diffs patches pull_requests images transcripts "
    "tweets notes logs events records entries findings episodes facts urls links websites references passages_list"
)
# What code writes about each element of a container, and no outsider.
BOOKKEEPING = _words("role index idx score rank size length count number loop type kind id mime_type")

# The word that a name ends in decides first: `document_count` is a number, `user_language` a setting.
CONSTANT_HEADS = _words(
    "date today now time datetime year month day weekday timestamp timezone tz clock format_instructions "
    "output_format response_format format schema json_schema tools tool_names tool_descriptions tool_schemas "
    "functions language languages lang locale company company_name limit count counts num number numbers total max "
    "min size length width seconds minutes hours days round rounds iteration attempt n k top_k index idx version mode "
    "level temperature utc bot_username sample_data tool_description score threshold range rating_scale scale "
    "currency delimiter separator delimiter_start delimiter_end nonce boundary stop_sequence eos_token bos_token "
    "examples example few_shot few_shots fewshot shots labels label categories category classes options choices enum "
    "criteria criterion rubric tone style units unit platform environment model model_name bot_name assistant_name "
    "chatbot_name agent_name tool_name action_names flag enabled id ids uuid status types type tool_schema "
    "language_code country_code status_code currency_code latitude longitude output_schema response_schema "
    "output_structure database_schema db_schema table_schema sql_schema ontology dialect sql_dialect severity "
    "priority weight ratio percent percentage budget deadline port cutoff token_limit word_limit character_limit "
    "token_count operating_system os os_version shell cwd agents agent_list agent_names agents_list team_members "
    "participants roles available_actions actions allowed_actions action_space commands intents "
    "potential_user_intents available_functions function_names sample_conversation instruction_format citation_format "
    "citation_style sections_list separators prefix_tokens skills week topn top_n offset table_info schema_info "
    "tables_info column_info day_of_week columns ddl function_list option_list options_list members worker_names "
    "difficulty verbosity tone_of_voice capabilities env region season metrics i j"
)
CONSTANT_FIRST = _words("num max min n is has should enable use include allow number cnt count")
# These say as much where what follows is nobody's text: `known_types`, but `known_issues`.
CONSTANT_FIRST_OF_OWN = _words("total add with no allowed supported available default few valid possible known")
# Numbers, settings and names of things that stay the program's whoever they are about: `user_id`, `retrieved_count`.
SCALARS = _words(
    "count counts number num total size length limit id ids uuid index idx score type types kind date time timestamp "
    "datetime year month day language languages lang locale timezone tz version status level role tier plan age "
    "company company_name currency unit units rank seconds minutes hours days tone style format mode environment "
    "platform os"
)
# Endings that say how a value is written, not what it is.
FORM_WORDS = _words(
    "json str string list xml yaml md markdown block section var text_list formatted raw fmt txt value values "
    "placeholder snippet_text text data"
)
OPERATOR_HEADS = _words(
    "persona system_prompt system_message system_instruction system_instructions instructions custom_instructions "
    "guidelines policy policies rules ruleset rulesets tenant operator brand_voice playbook runbook background "
    "role_description role agent_description company_description system base_prompt preamble constitution principles "
    "api_docs tool_instructions multimodal_instruction agent_role expertise mission working_dir working_directory "
    "workdir workspace_dir coding_standards style_guide styleguide conventions project_root repo_root root_dir "
    "base_dir output_dir"
)
MODEL_HEADS = _words(
    "answer answers response responses completion completions generation reply draft reasoning thought thoughts "
    "rationale scratchpad agent_scratchpad prediction candidate plan summary critique hypothesis model_output "
    "llm_output output outputs summaries solution solutions trajectory prediction_text generated_text "
    "generated_answer candidate_answer analysis proposal reflection reflections short_summary previous_summary "
    "existing_summary essay story submission completion_text translation"
)
USER_HEADS = _words(
    "question questions query queries user_input input inputs message msg utterance request goal objective topic "
    "profile username user_name nickname bio display_name feedback complaint prompt_input user_prompt user_message "
    "ask statement claim sentence sentences keywords preferences user_request user_query customer_message "
    "task_description problem problem_statement subtopic theme argument selection user_text typed_text search_term "
    "search_query user_response user_answer joke idea intent symptom symptoms concern concerns wish "
    "wishes situation needs user_requirements comment_chain user_preferences first_name last_name full_name position "
    "job_title chat_input chat_question input_text"
)
THIRD_PARTY_HEADS = _words(
    "document doc context contexts passage snippet chunk excerpt paragraph article page webpage web_page website html "
    "url link email mail subject thread email_thread body attachment upload file file_content filename file_name "
    "transcript tool_output tool_result tool_response observation search_result result results evidence source text "
    "content contents diff patch pull_request issue ticket comment review post tweet log logs trace stack_trace "
    "error_message code snippet_code alert payload resume cv contract news knowledge retrieved retrieval info "
    "information facts fact data_text raw_text source_text extracted_text readme commit_message commit "
    "changelog release_notes code_snippet source_code codebase error errors stderr stdout exception traceback memo "
    "report story_text lyrics caption subtitles ocr ocr_text job_description cover_letter medical_record notes note "
    "details contextual_information additional_context additional_information tool_outputs function_result "
    "function_output api_response raw_response description_html page_content page_text competition_description "
    "dataset_description product_description product_reviews test_output test_case changed_files changes file_diff "
    "selected_text clipboard screen_text webpage_content web_content crawl_result knowledge_base search_context "
    "retrieved_context rag_context entity entities triplets triples relations relationships statements passages_text "
    "docstring file_path filepath documentation docs_text wiki_text reference references book_text web_text "
    "stacktrace abstract premise incident incident_description image_description dom accessibility_tree transcription "
    "subject_line spreadsheet clause testimony quote quotes headlines homework dataset_row"
)
# These speak for themselves only: `{prompt}` is what the user typed, a `tools_prompt` is the program's.
USER_ALONE = _words("prompt prompts instruction title headline args arguments input_args cmd command_args user_args")
# What a `user_` before it makes the user's own.
USERS_OWN = _words(
    "context comment comments note notes text content code info information details story essay reply subject"
)
# Fields that people fill in about themselves.
PERSONAL = _words("name first_name last_name full_name nickname bio about title location address age occupation job")
# A name that holds one of these anywhere, and no other sign, has that source.
USER_WORDS = _words(
    "user customer visitor client_message sender author human caller patient student applicant requester requesting "
    "username guest learner employee member"
)
THIRD_PARTY_WORDS = _words(
    "retrieved retrieval scraped crawled fetched external uploaded untrusted web website webpage document documents "
    "email mail article transcript search rag pr commit issue ticket pull diff code file files page wiki news "
    "observation tool_result episode node nodes memory chat conversation review comment"
)
# Objects of others: their plain attributes (a title, a name) are theirs.
OTHERS_OBJECTS = _words(
    "pr pull_request issue ticket commit email mail message comment review article page post repo repository channel "
    "team chat thread event document doc file f attachment upload row record item entry result hit source r s node "
    "edge product job candidate resume paper book video song pr_data issue_data"
)
# What a request carries was sent by somebody.
OUTSIDE_OBJECTS = _words(
    "request req payload form form_data formdata query_params search_params searchparams url_params webhook incoming "
    "argv stdin submission"
)
# What the program declares for the model: what stands in it is its own, but for what comes out of it.
DECLARED_OBJECTS = _words(
    "tool tools function functions skill skills schema schemas column columns table tables parameter option"
)
# What is said of a declared thing, although the word alone would be somebody's text.
DECLARED_FACTS = _words("comment comments docstring doc docs documentation source code note notes example_input info")
# What comes out of something.
OUTCOMES = _words(
    "output outputs result results response responses error errors message messages observation stdout stderr return "
    "returned"
)
# Attributes that hold what somebody wrote, where others only name or describe.
CONTENTS = _words("content contents text value values body data page_content raw text() to_text() get() string")
# Objects of the program that may stand for anything.
ANYTHING = _words("self this model agent assistant bot tool function action cls")
# First words that say something was brought in.
PROVENANCE = _words("uploaded retrieved scraped crawled fetched external untrusted imported")
# Bags of everything: what they hold decides.
BAGS = _words("context ctx data state")
# Pages and steps are counted where the word stands before its number.
COUNTED = _words("page chapter slide step turn round day week episode")
# `memory_name` is what the program calls its memory, `user_name` is not.
NAMED_BY_PROGRAM = _words(
    "memory activity agent tool model bot app function action table column field class module service namespace index "
    "workflow plugin skill server assistant command task step stage route endpoint database schema collection "
    "parameter variable chatbot product brand company organization department artifact metric dataset benchmark "
    "language country ai system"
)
# Attributes that say nothing by themselves: what they belong to decides.
PLAIN = _words(
    "content contents text value values body name title description data page_content raw item items element key "
    "string str str() text() to_text() get() to_string() render() format() info details full_title md markdown "
    "strip() trim() join() lower() upper() to_json() json() label summary_text head() slice() substring() tostring() "
    "to_string"
)
# Objects of the program: their plain attributes are its own.
OWN_OBJECTS = _words(
    "tool function action config settings app bot assistant schema field column env system loop self this agent param "
    "parameter prop property option category opts params_schema model cls skill tools"
)
