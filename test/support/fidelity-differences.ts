import type { Dialect } from "../../src/spec/dialect.ts";
import type { Digest, Exchange } from "./recordings.ts";

/**
 * Kinds of differences between a recording and what a caller gets that are meant, each with
 * its reason. Fix causes, not cases: a new entry needs a reason that would convince a user.
 */

/** One recording and what was found different in it. */
export interface Difference {
  exchange: Exchange;
  /** What the recording says, by its digest. */
  want: Digest;
  found: readonly string[];
}

export interface Listed {
  because: string;
  applies(difference: Difference): boolean;
}

export const named = (because: string, ...names: string[]): Listed => ({
  because,
  applies: ({ exchange }) => names.includes(exchange.name),
});

export const textOf = ({ response }: Exchange): string => response.text ?? JSON.stringify(response.json);

const NO_ANSWER: Listed[] = [
  named(
    "A chunk that is no JSON, made by hand: the stream broke there.",
    "semantic-kernel/openai--chat_completion_invalid_streaming_test_response--f48167#0",
  ),
  named(
    "One chunk without a choice that ends, in the form of Azure's extension of 2023, made by hand.",
    "semantic-kernel/azure--chat_completion_with_data_streaming_test_response--ea3fed#0",
    "semantic-kernel/openai--chat_completion_with_data_streaming_test_response--170042#0",
  ),
];

const ENDS_IN_AN_ERROR: Listed = {
  because: "An error in an answer, also inside a 200, ends it: in our words, with a status if nothing was sent yet.",
  applies: ({ want }) => want.error !== null,
};

const WAS_CUT: Listed = {
  because: "The recording ends before its finish reason: it was cut, and the caller is told so.",
  applies: ({ exchange, want }) => want.finish === null && exchange.response.text !== undefined,
};

/** What the canonical form, or the digest, cannot hold as it came. */
const READ_OTHERWISE: Listed[] = [
  {
    because:
      "More tokens from the cache than the prompt has: Anthropic's three counts of a prompt are parts of it, and none is negative.",
    applies: ({ want, found }) =>
      (want.cached ?? 0) > (want.in ?? 0) && found.every((each) => each.startsWith("usage.cached:")),
  },
  {
    because: "Thoughts in a form that the digest does not read.",
    applies: ({ want, found }) => want.reasoning === "" && found.every((each) => each.startsWith("reasoning:")),
  },
  named("A call of no function, made by hand.", "apisix/openai--null-function--586148#0"),
];

export const SPLICED_NAMES = ["vercel-ai/anthropic--spliced-message-start--272912#0"];
const SPLICED = named(
  "A second message begins inside the first one's tool call; what was said before cannot be taken back.",
  ...SPLICED_NAMES,
);

/** To a caller of the same dialect: what does not arrive as it came. */
export const RELAYED_OTHERWISE: readonly Listed[] = [...NO_ANSWER, ENDS_IN_AN_ERROR, WAS_CUT];

/** To a caller of the other dialect: what does not mean the same. By the provider's dialect. */
export const TOLD_OTHERWISE: Readonly<Record<"openai.chat" | "anthropic.messages", readonly Listed[]>> = {
  "anthropic.messages": [SPLICED],
  "openai.chat": [
    {
      because: "A refusal is text with stop_reason refusal there; it has no place of its own.",
      applies: ({ want }) => want.refusal !== "",
    },
    {
      because: "OpenAI says stop beside a forced tool's call; agents of the other dialect look for tool_use.",
      applies: ({ want, found }) =>
        want.finish === "stop" && want.tools.length > 0 && found.every((each) => each.startsWith("finish:")),
    },
    {
      because: "The digest does not read the function_call of old; we tell it as the tool call that it is.",
      applies: ({ exchange }) => /"function_call":\s*\{/.test(textOf(exchange)),
    },
    {
      because: "Arguments that are no JSON cannot be an object; they stand in it under a name of their own.",
      applies: ({ want }) => JSON.stringify(want.tools).includes("__unparsed"),
    },
    ...READ_OTHERWISE,
    ...NO_ANSWER,
    ENDS_IN_AN_ERROR,
    WAS_CUT,
  ],
};

/** To any caller: refusals that are told otherwise. */
export const REFUSED_OTHERWISE: readonly Listed[] = [
  {
    because: "The provider quotes the gateway's key, if only in part: it is told without.",
    applies: ({ exchange, found }) =>
      exchange.response.status === 401 &&
      found.every(
        (each) => each.startsWith("message The provider refused the gateway's own account") && each.includes("*****"),
      ),
  },
  {
    because:
      "The project is the operator's, not the caller's: providers' messages are told without the names of accounts.",
    applies: ({ found }) => found.every((each) => each.startsWith("message ") && /project(?:s\/|=| )\*{5}/.test(each)),
  },
  named(
    "The gateway refuses this request itself, as the provider did, in its own words.",
    "envoy-ai-gateway/openai--chat-no-messages--6b8ae7#0",
    "ddtrace/anthropic--anthropic_completion_error--8bd512#0",
    "otel-python/vertex--test_generate_content_invalid_temperature--9e3c31#0",
    "pydantic-ai/openai--test_openai_responses_model_http_error--33f6fa#0",
  ),
];

/** What becomes of a provider's status, and whether its words reach the caller; null where they may, without our account's name. */
export const REFUSAL_OF_STATUS: Readonly<Record<number, { status: number; quoted: boolean | null }>> = {
  429: { status: 429, quoted: null },
};

/** To a caller of the same dialect, where a guard has every answer written anew. */
export const WRITTEN_OTHERWISE: typeof TOLD_OTHERWISE = {
  "anthropic.messages": [SPLICED],
  "openai.chat": [...READ_OTHERWISE, ...NO_ANSWER, ENDS_IN_AN_ERROR, WAS_CUT],
};

const TRIMMED = named(
  "Its author cut events out of the middle, so that its pieces are not the text that its last event holds.",
  "vercel-ai/openai--openai-phase.1--faa2a0#0",
);

const STILL_AT_WORK: Listed = {
  because: "A response that is queued or in progress is no answer yet, and only its own dialect can say so.",
  applies: ({ exchange }) => ["queued", "in_progress"].includes(String(exchange.response.json?.status)),
};

/** To a caller of Responses: what does not mean the same. By the provider's API. */
export const TOLD_OTHERWISE_AS_RESPONSES: Readonly<Record<string, readonly Listed[]>> = {
  "openai.chat": [
    {
      because: "A response has no reason why it ended: whoever reads it looks for calls.",
      applies: ({ found }) => found.every((each) => /^finish: want "(?:stop|tool)" got "(?:stop|tool)"/.test(each)),
    },
    {
      because: "The digest does not read the function_call of old; we tell it as the function call that it is.",
      applies: ({ exchange }) => /"function_call":\s*\{/.test(textOf(exchange)),
    },
    ...READ_OTHERWISE,
    ...NO_ANSWER,
    ENDS_IN_AN_ERROR,
    WAS_CUT,
  ],
  "anthropic.messages": [
    SPLICED,
    {
      because: "A response has no reason why it ended: whoever reads it looks for calls.",
      applies: ({ found }) => found.every((each) => /^finish: want "stop" got "tool"/.test(each)),
    },
  ],
  "openai.responses": [STILL_AT_WORK, TRIMMED, ENDS_IN_AN_ERROR, WAS_CUT],
  "cohere.chat_v2": [
    {
      because: "Arguments that are null are none: an empty object, which every client reads.",
      applies: ({ want }) => want.tools.some(({ args }) => args === null),
    },
    ...READ_OTHERWISE,
    ENDS_IN_AN_ERROR,
    WAS_CUT,
  ],
  "ollama.chat": [
    named(
      "Answers of another API of Ollama's, or of none, made by hand.",
      "prism-php/ollama--structured-with-multiple-tools-structured-mode-2--43c1e6#0",
      "semantic-kernel/ollama--text_generation_test_response_stream--6e267f#0",
    ),
    ...READ_OTHERWISE,
    ENDS_IN_AN_ERROR,
    WAS_CUT,
  ],
};

/** Answers of Responses, to callers of other dialects. */
export const RESPONSES_ANSWERS_TOLD_OTHERWISE: readonly Listed[] = [
  STILL_AT_WORK,
  TRIMMED,
  {
    because: "A refusal is text with stop_reason refusal in Anthropic's dialect; it has no place of its own there.",
    applies: ({ want }) => want.refusal !== "",
  },
  {
    because: "Arguments that are no JSON cannot be an object; they stand in it under a name of their own.",
    applies: ({ want }) => JSON.stringify(want.tools).includes("__unparsed"),
  },
  ENDS_IN_AN_ERROR,
  WAS_CUT,
];

/** To a caller of Responses, relayed: what does not arrive as it came. */
export const RESPONSES_RELAYED_OTHERWISE: readonly Listed[] = [
  STILL_AT_WORK,
  ENDS_IN_AN_ERROR,
  WAS_CUT,
  {
    because: "A mark of Chat Completions behind the end of a response: the answer is over before it.",
    applies: ({ exchange }) => /data: \[DONE\]\s*$/.test(textOf(exchange)),
  },
];

const NO_GEMINI: Listed[] = [
  named(
    "An error stands bare in the middle of the stream, which the digest does not read: the answer ends in it.",
    "firebase/vertex--streaming-failure-error-mid-stream--b8585f#0",
  ),
  named("A stream of something else, made by hand.", "firebase/vertex--streaming-failure-invalid-json--1e45a2#0"),
  named(
    "Its recorder dropped the blank lines between events, so that they are one event, and no JSON.",
    "prism-php/gemini--stream-basic-text-1--4a820b#0",
  ),
];

/** Answers of Gemini's, to callers of any dialect. */
export const TOLD_BY_GEMINI: readonly Listed[] = [
  {
    because: "The digest does not read arguments that are streamed by place (partialArgs); we tell them whole.",
    applies: ({ exchange, found }) =>
      textOf(exchange).includes('"partialArgs"') && found.every((each) => each.startsWith("tools:")),
  },
  ...NO_GEMINI,
  ENDS_IN_AN_ERROR,
  WAS_CUT,
];

/** Answers of Gemini's, to its own callers: what does not arrive as it came. */
export const GEMINI_RELAYED_OTHERWISE: readonly Listed[] = [...NO_GEMINI, ENDS_IN_AN_ERROR, WAS_CUT];

/** Answers of others, to Gemini's callers. By the provider's API. */
export const TOLD_TO_GEMINI: Readonly<Record<"openai.chat" | "anthropic.messages", readonly Listed[]>> = {
  "openai.chat": [
    {
      because: "A refusal is text there; it has no place of its own.",
      applies: ({ want }) => want.refusal !== "",
    },
    {
      because: "Google and Ollama say stop with calls and without; whoever reads it looks for calls.",
      applies: ({ want, found }) =>
        found.every((each) => each.startsWith("finish:")) && (want.finish === "stop") === want.tools.length > 0,
    },
    {
      because: "The digest does not read the function_call of old; we tell it as the function call that it is.",
      applies: ({ exchange }) => /"function_call":\s*\{/.test(textOf(exchange)),
    },
    {
      because: "Arguments that are no JSON cannot be an object; they stand in it under a name of their own.",
      applies: ({ want }) => JSON.stringify(want.tools).includes("__unparsed"),
    },
    ...READ_OTHERWISE,
    ...NO_ANSWER,
    ENDS_IN_AN_ERROR,
    WAS_CUT,
  ],
  "anthropic.messages": [
    SPLICED,
    {
      because: "Google and Ollama say stop with calls and without; whoever reads it looks for calls.",
      applies: ({ want, found }) => want.tools.length > 0 && found.every((each) => each.startsWith("finish:")),
    },
  ],
};

/** Of Ollama and Cohere, to any caller. */
const SAID_OTHERWISE: Listed[] = [
  {
    because: "What Cohere's model plans before it calls tools is told as thought; the digest does not read it.",
    applies: ({ want, found }) =>
      want.reasoning === "" && want.tools.length > 0 && found.every((each) => each.startsWith("reasoning:")),
  },
  {
    because: "Cohere calls a tool without parameters with null; agents break on it, and are told {}.",
    applies: ({ want }) => want.tools.some(({ args }) => args === null),
  },
  {
    because: "An answer in the dialect of OpenAI, and a completion, filed among Ollama's chats.",
    applies: ({ exchange }) =>
      exchange.api === "ollama.chat" && !/"message":\s*\{[^}]*\},\s*"done/.test(textOf(exchange)),
  },
];

/** Of any provider, to a caller of Ollama's dialect. */
export const TOLD_IN_OLLAMA: readonly Listed[] = [
  ...SAID_OTHERWISE,
  ...TOLD_OTHERWISE["anthropic.messages"],
  ...TOLD_OTHERWISE["openai.chat"],
  {
    because: "Ollama says stop beside calls and has no other answers than the first: calls speak for themselves.",
    applies: ({ want, found }) =>
      found.every((each) => each.startsWith("finish:")) && (want.finish === "tool") !== want.tools.length > 0,
  },
  {
    because: "The digest does not read Gemini's arguments in pieces.",
    applies: ({ exchange }) => textOf(exchange).includes('"partialArgs"'),
  },
];

/** Of Ollama, Cohere and DashScope, to a caller of any other dialect. */
export const READ_BY_OTHERS: readonly Listed[] = [...SAID_OTHERWISE];

/** Refusals have a place of their own in OpenAI's two dialects only. */
const REFUSED_IN_TEXT: Listed = {
  because: "A refusal is told as text where the dialect has no place of its own for it.",
  applies: ({ want }) => want.refusal !== "",
};

const NO_CACHE_COUNT: Listed = {
  because: "Ollama's dialect has no count of what was read from a cache.",
  applies: ({ found }) => found.every((each) => each.startsWith("usage.cached:")),
};

const FEWER_WORDS: Listed = {
  because: "Ollama's dialect says stop or length; the digest looks for no other word there (our done_reason has it).",
  applies: ({ found }) =>
    found.every((each) => /^(?:usage\.cached:|finish: want "(?:filter|other)" got "stop")/.test(each)),
};

/** Without what the dialect has no place for anyway, is the rest meant? */
const withoutCounts = (row: Listed): Listed => ({
  because: row.because,
  applies: ({ found, ...rest }) =>
    row.applies({ ...rest, found: found.filter((each) => !each.startsWith("usage.cached:")) }),
});

/** What is meant in answers of this recorded API to callers of this front, of all lists above. */
export function answersListed(front: Dialect, api: string): readonly Listed[] {
  const rows = [
    ...(front === "openai-chat" || front === "openai-responses" ? [] : [REFUSED_IN_TEXT]),
    ...(api === "openai.chat" ? rowsOfChat(front) : []),
    ...(api === "anthropic.messages" ? [SPLICED] : []),
    ...(api === "openai.responses" ? RESPONSES_ANSWERS_TOLD_OTHERWISE : []),
    ...(api === "gemini.generateContent" ? TOLD_BY_GEMINI : []),
    ...(api === "cohere.chat_v2" || api === "ollama.chat" ? SAID_OTHERWISE : []),
    ...(front === "openai-responses" ? TOLD_OTHERWISE_AS_RESPONSES["anthropic.messages"]! : []),
    ...(front === "gemini" || front === "ollama" ? TOLD_TO_GEMINI["anthropic.messages"] : []),
    ENDS_IN_AN_ERROR,
    WAS_CUT,
  ];
  return front === "ollama" ? [NO_CACHE_COUNT, FEWER_WORDS, ...rows.map(withoutCounts)] : rows;
}

function rowsOfChat(front: Dialect): readonly Listed[] {
  if (front === "openai-chat") return WRITTEN_OTHERWISE["openai.chat"];
  if (front === "openai-responses") return TOLD_OTHERWISE_AS_RESPONSES["openai.chat"]!;
  return front === "anthropic-messages" ? TOLD_OTHERWISE["openai.chat"] : TOLD_TO_GEMINI["openai.chat"];
}

/** To callers of the provider's own dialect, whichever it is: what does not arrive as it came. */
export const RELAY_LISTED: readonly Listed[] = [
  ...RELAYED_OTHERWISE,
  ...RESPONSES_RELAYED_OTHERWISE,
  ...GEMINI_RELAYED_OTHERWISE,
  named(
    "Answers of another API of Ollama's, or of none, made by hand.",
    "prism-php/ollama--structured-with-multiple-tools-structured-mode-2--43c1e6#0",
    "semantic-kernel/ollama--text_generation_test_response_stream--6e267f#0",
  ),
];
