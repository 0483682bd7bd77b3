import { isObject, type JsonObject, parseJson } from "../../kernel/json.ts";
import type { AccountOptions, ProviderAdapter, UpstreamRequest } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { anthropic } from "../anthropic/index.ts";
import { GEMINI_CAPABILITIES, googleAdapter } from "../google/adapter.ts";
import { MODELS } from "../google/models.ts";
import { countApi, embedApi } from "./operations.ts";

/** The version of Anthropic's dialect that Vertex speaks (https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai). */
const CLAUDE_VERSION = "vertex-2023-10-16";

/**
 * Google Cloud's Vertex AI (https://docs.cloud.google.com/vertex-ai/generative-ai/docs/reference/rest):
 * Gemini in its own dialect, Claude in Anthropic's.
 */
const gemini: ProviderAdapter = googleAdapter(
  {
    kind: "vertex",
    baseUrl: null,
    baseUrlOf: addressOf,
    needsKey: true,
    options: {
      project: {
        description: "Id of the Google Cloud project.",
        required: true,
        pattern: /[a-z][a-z0-9-]{4,28}[a-z0-9]/,
      },
      location: {
        description:
          "Where the models run: `global`, as where it is absent, `us`, `eu` or a region such as europe-west4.",
        required: false,
        pattern: /global|us|eu|[a-z]+-[a-z]+\d{1,2}/,
      },
    },
    capabilities: GEMINI_CAPABILITIES,
    // A key of express mode is shown; a service account's is traded for a token.
    credential: (key) => ({ "x-goog-api-key": key }),
    authorization: (key) => (key.trimStart().startsWith("{") ? "google-access-token" : null),
    models: MODELS,
  },
  (model, options) => placeOf("google", model, options),
);

const claude: ProviderAdapter = {
  ...gemini,
  dialect: "anthropic-messages",
  // Google's own Claude fetches nothing.
  capabilities: { ...anthropic.capabilities, imageUrl: false, documentUrl: false },
  framing: "sse",
  encode: encodeClaude,
  decoder: (request) => anthropic.decoder(request),
  // What the model says comes in Anthropic's form, what the platform says in Google's.
  error: (status, body, header) => (isGoogles(body) ? gemini : anthropic).error(status, body, header),
};

const placeOfGoogles = (model: string, options: AccountOptions) => placeOf("google", model, options);

export const vertex: ProviderAdapter = {
  ...gemini,
  operations: { embed: embedApi(placeOfGoogles), "count-tokens": countApi(gemini, placeOfGoogles) },
  longestAnswer: (model) => (isClaude(model) ? anthropic : gemini).longestAnswer?.(model),
  variant: (_request, model) => (isClaude(model) ? claude : gemini),
};

function isClaude(model: string): boolean {
  return model.startsWith("claude");
}

function addressOf({ location = "global" }: AccountOptions): string {
  if (location === "global") return "https://aiplatform.googleapis.com";
  // Places that are several regions have addresses of another form.
  if (location === "us" || location === "eu") return `https://aiplatform.${location}.rep.googleapis.com`;
  return `https://${location}-aiplatform.googleapis.com`;
}

/** Where a model stands, or an endpoint of the project's own (`endpoints/123`); without a project, in express mode. */
function placeOf(publisher: string, model: string, { project, location = "global" }: AccountOptions): string {
  const home = project === undefined ? "/v1" : `/v1/projects/${project}/locations/${location}`;
  if (/^endpoints\/\d+$/.test(model)) return `${home}/${model}`;
  return `${home}/publishers/${publisher}/models/${encodeURIComponent(model).replaceAll("%40", "@")}`;
}

/** `rawPredict` takes Anthropic's Messages, but for the model's name, which the path says. */
function encodeClaude(request: ModelRequest, model: string, options: AccountOptions = {}): UpstreamRequest {
  const sent = anthropic.encode(request, model);
  const { model: _, ...rest } = sent.body;
  const { "anthropic-version": _version, ...headers } = sent.headers;
  const body: JsonObject = { anthropic_version: CLAUDE_VERSION, ...rest };
  const method = request.stream ? "streamRawPredict" : "rawPredict";
  return { ...sent, path: `${placeOf("anthropic", model, options)}:${method}`, headers, body };
}

function isGoogles(body: string): boolean {
  const value = parseJson(body);
  const told = Array.isArray(value) ? value[0] : value;
  return (
    isObject(told) && isObject(told.error) && (told.error.status !== undefined || typeof told.error.code === "number")
  );
}
