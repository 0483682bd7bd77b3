/**
 * Every bound that is not a setting, with its reason. What an operator may change is in
 * `src/config`; what stands here protects the process whatever the configuration says.
 */

/** Seconds without a byte after which a connection between two calls is closed. */
export const IDLE_CONNECTION_SECONDS = 120;

/** Brackets open at once in a JSON body. Tool schemas of real agents nest about 20 deep. */
export const MAX_JSON_DEPTH = 128;

/** Keys plus array items in a JSON body. A 200-tool agent request has about 8,000. */
export const MAX_JSON_NODES = 50_000;

/** The same for batches to be embedded: OpenAI takes 300,000 tokens at once, each of them a number. */
export const MAX_EMBED_NODES = 350_000;

/** Texts of one batch to be embedded. OpenAI's own bound. */
export const MAX_EMBED_INPUTS = 2_048;

/** Prompts of one legacy completion. */
export const MAX_PROMPTS = 1_024;

/** Calls of one batch. OpenAI's own bound. */
export const MAX_BATCH_CALLS = 50_000;

/** What a short call of a batch takes in memory beside its text, measured. */
export const PARSED_CALL_BYTES = 2_048;

/** Keys and items of all calls of a batch, and commas of their texts: a parsed one takes about 50 bytes. */
export const MAX_BATCH_NODES = 1_000_000;

/** Fields and files of one form. */
export const MAX_FORM_FIELDS = 256;

/** Messages of one request. */
export const MAX_MESSAGES = 10_000;

/** Tools of one request; Azure and OpenAI take 128, agents with MCP servers ask for more. */
export const MAX_TOOLS = 1_024;

/** Answers asked for at once (`n`). OpenAI's own bound. */
export const MAX_CHOICES = 128;

/** Largest `max_tokens` that is believed. No model writes as much; above it the number is a mistake or an attack. */
export const MAX_OUTPUT_TOKENS = 10_000_000;

/** One server-sent event or one JSON line from a provider: base64 images arrive in one frame. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** A whole unary answer from a provider. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** A whole streamed answer from a provider: nothing a model writes in half an hour is larger. */
export const MAX_STREAM_BYTES = 256 * 1024 * 1024;

/** An error body from a provider: more of it is not read. */
export const MAX_ERROR_BYTES = 256 * 1024;

/** A model's name, in characters. */
export const MAX_MODEL_NAME = 256;

/** A credential, in characters: a foreign JWT may be long, nothing is longer than this. */
export const MAX_CREDENTIAL = 8_192;

/** Token counts that are believed when a provider reports them. */
export const MAX_REPORTED_TOKENS = 100_000_000;
