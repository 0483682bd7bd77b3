/**
 * Requests that the gateway writes for a provider otherwise than the author of the same test did there, each with its
 * reason: matters of that author's taste, never of ours.
 */

interface Row {
  because: string;
  /** The author asks the two providers for different things, or in different ways, so that nothing follows from it. */
  taste?: true;
  scenarios: readonly string[];
  /** The recorded APIs between which it applies; all where absent. */
  from?: readonly string[];
  to?: readonly string[];
}

const OF_OBJECTS = ["fantasy/complex_object", "fantasy/complex_object_streaming", "fantasy/simple_object"];

const BY_TOOL_OR_SENTENCE = [
  "mirascope-py/input/test_structured_output_resume",
  "mirascope-py/input/test_structured_output_resume_cross_model",
  "mirascope-py/input/test_structured_output_resume_stream",
  "mirascope-ts/output/format/parses-structured-output-with-defineformat",
  "mirascope-ts/output/format/parses-structured-output-with-zod-schema",
];

const ROWS: readonly Row[] = [
  {
    taste: true,
    because: "Its author asks some providers for an object by a forced tool, others natively.",
    scenarios: OF_OBJECTS,
  },
  {
    taste: true,
    because: "Its author adds a tool and a sentence of its own for JSON at one provider.",
    scenarios: BY_TOOL_OR_SENTENCE,
  },
  {
    taste: true,
    because: "JSON of no schema is asked of Claude by a forced tool; its author asks for it in the prompt only.",
    scenarios: ["mirascope-py/input/test_structured_output_resume/json"],
    to: ["anthropic.messages"],
  },
  {
    taste: true,
    because: "Its author asks some providers another question, or leaves tools out.",
    scenarios: [
      "pydantic-ai/test_tool_choice_matrix/none",
      "pydantic-ai/test_tool_choice_matrix/list_single",
      "pydantic-ai/test_tool_choice_matrix/none_with_output",
    ],
  },
  {
    taste: true,
    because:
      "Two ways of writing one schema: null as one of the types, or as nullable, which its author folds it into.",
    scenarios: ["ruby_llm/chat_function_calling/handles_anyof_params"],
    to: ["gemini.generateContent"],
  },
  {
    taste: true,
    because: "Its author writes the mode in lower case, which the digest does not read.",
    scenarios: ["ruby_llm/chat_tool_choice_and_calls_control/respects_choice_none"],
    to: ["gemini.generateContent"],
  },
  {
    taste: true,
    because: "Thoughts that its author hands on as text to one provider, and not at all to another.",
    scenarios: ["mirascope-ts/input/text-encoded-thoughts/encodes-thoughts-as-text-for-model-consumption"],
  },
  {
    because: "Responses has no stop sequences: refused by name, where its author leaves them out.",
    scenarios: ["mirascope-ts/input/call/encodes-messages-and-all-params", "mirascope-py/input/test_call_with_params"],
    to: ["openai.responses"],
  },
  {
    because: "A message that says nothing, which Anthropic answered with 400: refused by name.",
    scenarios: ["mirascope-ts/input/empty-call/handles-empty-string-content"],
    to: ["anthropic.messages"],
  },
  {
    because: "A search of one provider's own is not another's: refused by name.",
    scenarios: ["ruby_llm/chat_web_search_with/can_continue"],
  },
  {
    because: "Parts of a message become one text, a line each, for servers that may take no lists of parts.",
    scenarios: [
      "mirascope-py/input/test_call_with_two_empty_string",
      "mirascope-ts/input/call/encodes-multi-part-user-content",
    ],
    from: ["openai.responses"],
    to: ["openai.chat"],
  },
];

/** Why a request for this provider's API may differ from what the same author asked there; undefined: it may not. */
export function askedOtherwise(scenario: string, from: string, to: string): Pick<Row, "because" | "taste"> | undefined {
  return ROWS.find(
    (row) => row.scenarios.includes(scenario) && (row.from ?? [from]).includes(from) && (row.to ?? [to]).includes(to),
  );
}

/** Recorded requests to Responses that are refused, each with the field and the reason. */
export const RESPONSES_REQUESTS_REFUSED: Readonly<Record<string, { field: string; why: string }>> = {
  "ddtrace/openai--response_with_file_inputs--457efe#0": {
    field: "model",
    why: "a stored prompt names the model, and the gateway has to know it",
  },
  "ddtrace/openai--response_with_mixed_prompt_url_preserved--5ce170#0": {
    field: "model",
    why: "a stored prompt names the model, and the gateway has to know it",
  },
  "pydantic-ai/openai--test_openai_responses_model_http_error--33f6fa#0": {
    field: "temperature",
    why: "a temperature below zero, which OpenAI refused too",
  },
};

/** Recorded requests of Gemini's dialect that are refused, with the reason. */
export const GEMINI_REQUESTS_REFUSED: Readonly<Record<string, string>> = {
  "otel-python/vertex--test_generate_content_invalid_temperature--9e3c31#0":
    "a temperature of -1000, which Google refused too",
};

const BY_TOOL = "its author asks the other provider for an object by a forced tool";
const ORDERED = "its author adds the order of properties for Gemini";
const LEFT_OUT = "its author leaves tools out for one provider";
const FOLDED = "its author folds the type null into nullable for Gemini";
const LOWER_CASE = "its author writes the mode in lower case, which the digest does not read";

/** Scenarios that one author recorded differently for Gemini, with the reason. */
export const GEMINI_REQUESTS_OTHERWISE: Readonly<Record<string, string>> = {
  "fantasy/complex_object ← anthropic.messages": BY_TOOL,
  "fantasy/complex_object ← openai.chat": BY_TOOL,
  "fantasy/complex_object_streaming ← anthropic.messages": BY_TOOL,
  "fantasy/complex_object_streaming ← openai.chat": BY_TOOL,
  "fantasy/simple_object ← anthropic.messages": BY_TOOL,
  "fantasy/simple_object ← openai.chat": BY_TOOL,
  "mirascope-py/input/test_strict_mode ← anthropic.messages": ORDERED,
  "mirascope-py/input/test_strict_mode_streamed ← anthropic.messages": ORDERED,
  "mirascope-py/input/test_strict_mode_with_streamed_thinking ← anthropic.messages": ORDERED,
  "mirascope-py/input/test_strict_mode_with_tools ← anthropic.messages": ORDERED,
  "mirascope-py/input/test_structured_output_resume ← anthropic.messages": BY_TOOL,
  "mirascope-py/input/test_structured_output_resume_cross_model ← anthropic.messages": BY_TOOL,
  "mirascope-py/input/test_structured_output_resume_stream ← anthropic.messages": BY_TOOL,
  "mirascope-py/input/test_structured_output_with_formatting_instructions ← anthropic.messages": ORDERED,
  "mirascope-py/input/test_structured_output_with_formatting_instructions ← openai.chat": ORDERED,
  "mirascope-py/input/test_structured_output_with_formatting_instructions/strict ← anthropic.messages": ORDERED,
  "mirascope-py/input/test_structured_output_with_formatting_instructions/strict ← openai.chat": ORDERED,
  "mirascope-ts/output/format/parses-structured-output-with-defineformat ← anthropic.messages": BY_TOOL,
  "mirascope-ts/output/format/parses-structured-output-with-zod-schema ← anthropic.messages": BY_TOOL,
  "pydantic-ai/test_tool_choice_matrix/list_single ← openai.chat": LEFT_OUT,
  "pydantic-ai/test_tool_choice_matrix/none ← anthropic.messages": "its author asks another question",
  "pydantic-ai/test_tool_choice_matrix/none ← openai.chat": LEFT_OUT,
  "pydantic-ai/test_tool_choice_matrix/none_with_output ← openai.chat": LEFT_OUT,
  "ruby_llm/chat_function_calling/handles_anyof_params ← anthropic.messages": FOLDED,
  "ruby_llm/chat_function_calling/handles_anyof_params ← openai.chat": FOLDED,
  "ruby_llm/chat_tool_choice_and_calls_control/respects_choice_none ← anthropic.messages": LOWER_CASE,
  "ruby_llm/chat_tool_choice_and_calls_control/respects_choice_none ← openai.chat": LOWER_CASE,
};

/** Scenarios of which one author asks Cohere something else. */
export const ASKED_OTHERWISE: Readonly<Record<string, string>> = {
  "pydantic-ai/test_tool_choice_matrix/none": "its author asks some providers another question, or leaves tools out",
};

/** Requests of Chat Completions, asked of Anthropic. */
export const CHAT_AS_MESSAGES_OTHERWISE: Readonly<Record<string, string>> = {
  "mirascope-py/input/test_structured_output_resume": "its author adds a tool and a sentence of its own for JSON",
  "mirascope-py/input/test_structured_output_resume/json": "its author asks for JSON in the prompt only",
  "mirascope-py/input/test_structured_output_resume_stream":
    "its author adds a tool and a sentence of its own for JSON",
  "mirascope-ts/input/empty-call/handles-empty-string-content":
    "a message that says nothing, which Anthropic answered with 400",
  "mirascope-ts/output/format/parses-structured-output-with-defineformat":
    "its author adds a tool and a sentence of its own",
  "mirascope-ts/output/format/parses-structured-output-with-zod-schema":
    "its author adds a tool and a sentence of its own",
  "pydantic-ai/test_tool_choice_matrix/list_single": "its author leaves tools out for one provider",
  "pydantic-ai/test_tool_choice_matrix/none": "its author asks another question",
  "pydantic-ai/test_tool_choice_matrix/none_with_output": "its author leaves tools out for one provider",
};

/** Requests of Messages, asked of OpenAI. */
export const MESSAGES_AS_CHAT_OTHERWISE: Readonly<Record<string, string>> = {
  "fantasy/complex_object": "its author asks Anthropic for an object by a forced tool",
  "fantasy/complex_object_streaming": "its author asks Anthropic for an object by a forced tool",
  "fantasy/simple_object": "its author asks Anthropic for an object by a forced tool",
  "mirascope-py/input/test_structured_output_resume": "its author adds a tool and a sentence of its own for JSON",
  "mirascope-py/input/test_structured_output_resume_stream":
    "its author adds a tool and a sentence of its own for JSON",
  "mirascope-ts/output/format/parses-structured-output-with-defineformat":
    "its author adds a tool and a sentence of its own",
  "mirascope-ts/output/format/parses-structured-output-with-zod-schema":
    "its author adds a tool and a sentence of its own",
  "pydantic-ai/test_tool_choice_matrix/none": "its author asks another question",
  "ruby_llm/chat_tool_choice_and_calls_control/respects_calls_one_for_sequential_execution":
    "Anthropic's switch for one call at a time needs the choice auto beside it, OpenAI's does not",
};

/** Requests of any dialect, asked of Bedrock. */
export const BEDROCK_REQUESTS_OTHERWISE: Readonly<Record<string, string>> = {
  "pydantic-ai/test_tool_choice_matrix/list_single": "its author leaves tools out for one provider",
  "pydantic-ai/test_tool_choice_matrix/none": "its author asks another question",
  "pydantic-ai/test_tool_choice_matrix/none_with_output": "its author leaves tools out for one provider",
};

const ADDED_FOR_JSON = "its author adds a tool and a sentence of its own for JSON";
const FORCED_FOR_JSON = "its author asks Anthropic for an object by a forced tool";
const NO_STOP = "Responses has no stop sequences: its author leaves them out, we refuse";
/** Requests of Responses and to it, by the road. */
export const RESPONSES_ROADS_OTHERWISE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "openai.responses → openai.chat": {},
  "openai.responses → anthropic.messages": {
    "mirascope-py/input/test_structured_output_resume": ADDED_FOR_JSON,
    "mirascope-py/input/test_structured_output_resume/json": "its author asks for JSON in the prompt only",
    "mirascope-py/input/test_structured_output_resume_stream": ADDED_FOR_JSON,
    "mirascope-ts/input/empty-call/handles-empty-string-content":
      "a message that says nothing, which Anthropic refuses",
    "mirascope-ts/input/text-encoded-thoughts/encodes-thoughts-as-text-for-model-consumption":
      "its author tells OpenAI nothing of the thoughts",
    "mirascope-ts/output/format/parses-structured-output-with-defineformat": ADDED_FOR_JSON,
    "mirascope-ts/output/format/parses-structured-output-with-zod-schema": ADDED_FOR_JSON,
    "pydantic-ai/test_tool_choice_matrix/none": "its author asks another question",
    "ruby_llm/chat_web_search_with/can_continue": "OpenAI's web search is not Anthropic's",
  },
  "openai.chat → openai.responses": {
    "fantasy/complex_object": "its author asks for an object by a forced tool",
    "fantasy/complex_object_streaming": "its author asks for an object by a forced tool",
    "fantasy/simple_object": "its author asks for an object by a forced tool",
    "mirascope-ts/input/call/encodes-messages-and-all-params": NO_STOP,
    "pydantic-ai/test_tool_choice_matrix/list_single": "its author leaves tools out for one provider",
    "pydantic-ai/test_tool_choice_matrix/none": "its author leaves tools out for one provider",
    "pydantic-ai/test_tool_choice_matrix/none_with_output": "its author leaves tools out for one provider",
  },
  "anthropic.messages → openai.responses": {
    "fantasy/complex_object": FORCED_FOR_JSON,
    "fantasy/complex_object_streaming": FORCED_FOR_JSON,
    "fantasy/simple_object": FORCED_FOR_JSON,
    "mirascope-py/input/test_call_with_params": NO_STOP,
    "mirascope-py/input/test_structured_output_resume": ADDED_FOR_JSON,
    "mirascope-py/input/test_structured_output_resume_stream": ADDED_FOR_JSON,
    "mirascope-ts/input/call/encodes-messages-and-all-params": NO_STOP,
    "mirascope-ts/input/text-encoded-thoughts/encodes-thoughts-as-text-for-model-consumption":
      "its author tells OpenAI nothing of the thoughts",
    "mirascope-ts/output/format/parses-structured-output-with-defineformat": ADDED_FOR_JSON,
    "mirascope-ts/output/format/parses-structured-output-with-zod-schema": ADDED_FOR_JSON,
    "pydantic-ai/test_tool_choice_matrix/none": "its author asks another question",
    "ruby_llm/chat_tool_choice_and_calls_control/respects_calls_one_for_sequential_execution":
      "Anthropic's switch for one call at a time needs the choice auto beside it, OpenAI's does not",
    "ruby_llm/chat_web_search_with/can_continue": "Anthropic's web search is not OpenAI's",
  },
};
