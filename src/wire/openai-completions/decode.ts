import { MAX_CHOICES, MAX_PROMPTS } from "../../kernel/bounds.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Complete } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { InvalidRequest } from "../../spec/wire.ts";
import { decodeRequest as decodeChat } from "../openai-chat/decode.ts";
import { Fields } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { readTokens } from "../token-list.ts";

/** Fields that mean what they mean in Chat Completions, and are read as there. */
const SHARED = [
  ...["model", "stream", "stream_options", "max_tokens", "temperature", "top_p", "n", "stop", "seed"],
  ...["presence_penalty", "frequency_penalty", "logit_bias", "user"],
];
const OWN = ["prompt", "suffix", "echo", "best_of", "logprobs"];
const KNOWN = new Set([...SHARED, ...OWN]);

/** OpenAI takes up to 5, some servers more. */
const MAX_LOGPROBS = 100;

/** In place of the conversation that Chat Completions demands, and this has none of. */
const NO_CONVERSATION = [{ role: "user", content: "-" }];

export function decodeRequest(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  refuseUpstreamFields(fields);
  const shared: JsonObject = { messages: NO_CONVERSATION };
  for (const name of SHARED) if (body[name] !== undefined) shared[name] = body[name];
  const { extra: options, ...settings } = decodeChat(shared);
  const request: ModelRequest = {
    ...settings,
    dialect: "openai-completions",
    messages: [],
    operation: readOperation(fields),
  };
  const form: JsonObject = { ...settings.form };
  if (typeof body.prompt === "string") form.prompt = "string";
  request.form = form;
  const extra = { ...fields.extra(KNOWN), ...options };
  if (Object.keys(extra).length > 0) request.extra = extra;
  return request;
}

function readOperation(fields: Fields): Complete {
  const operation: Complete = { type: "complete", prompts: readPrompts(fields) };
  const suffix = fields.string("suffix");
  if (suffix !== undefined && suffix !== "") operation.suffix = suffix;
  const echo = fields.boolean("echo");
  if (echo !== undefined) operation.echo = echo;
  const bestOf = fields.integer("best_of", 1, MAX_CHOICES);
  if (bestOf !== undefined) operation.bestOf = bestOf;
  // Some servers take Chat Completions' switch here.
  const logprobs = fields.raw("logprobs");
  const count =
    typeof logprobs === "boolean" ? (logprobs ? 1 : undefined) : fields.integer("logprobs", 0, MAX_LOGPROBS);
  if (count !== undefined) operation.logprobs = count;
  return operation;
}

/** A text, a list of texts, a list of tokens, or a list of those. */
function readPrompts(fields: Fields): Complete["prompts"] {
  const prompt = fields.raw("prompt");
  if (typeof prompt === "string") return [prompt];
  if (!Array.isArray(prompt)) return fields.fail("prompt", "is required and must be a string or an array");
  if (prompt.length === 0) return fields.fail("prompt", "must not be empty");
  if (prompt.every((item) => typeof item === "number")) return [readTokens(prompt, "prompt")];
  if (prompt.length > MAX_PROMPTS) return fields.fail("prompt", `must have at most ${MAX_PROMPTS} items`);
  return prompt.map((item: Json, index) => {
    const path = `prompt[${index}]`;
    if (typeof item === "string") return item;
    if (Array.isArray(item)) return readTokens(item, path);
    throw new InvalidRequest(path, `${path} must be a string or an array of tokens`);
  });
}
