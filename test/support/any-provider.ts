/**
 * An emulated provider that speaks every dialect, each at the path of its own, and the accounts and models by which a
 * gateway reaches it: for suites whose clients must not notice which provider answers.
 */
import type { CatalogModel, ProviderAccount } from "../../src/domain/catalog/catalog.ts";
import type { Answer, Replies } from "./upstream/answer.ts";
import * as cohere from "./upstream/cohere.ts";
import * as gemini from "./upstream/gemini.ts";
import * as ollama from "./upstream/ollama.ts";
import * as openaiResponses from "./upstream/openai-responses.ts";
import { anthropicMessages, openaiChat, type ReceivedRequest, type Script } from "./upstream.ts";

/** A provider of each dialect and of each way to speak OpenAI's; `{name}-model` is its model in the catalog. */
export const PROVIDERS = {
  anthropic: { kind: "anthropic", path: "", model: "claude-sonnet-4-5" },
  openai: { kind: "openai", path: "/v1", model: "gpt-4.1" },
  "openai-responses": { kind: "openai", path: "/v1", model: "gpt-5-codex" },
  "openai-compatible": { kind: "openai-compatible", path: "/v1", model: "small-2026" },
  deepseek: { kind: "deepseek", path: "/v1", model: "deepseek-v4-pro" },
  mistral: { kind: "mistral", path: "/v1", model: "mistral-large-latest" },
  google: { kind: "google", path: "/v1beta", model: "gemini-3.8-flash" },
  cohere: { kind: "cohere", path: "", model: "command-a-03-2025" },
  ollama: { kind: "ollama", path: "", model: "qwen3:8b" },
} as const;
export type ProviderName = keyof typeof PROVIDERS;
export const PROVIDER_NAMES = Object.keys(PROVIDERS) as ProviderName[];

/** What the gateway must know to reach them all at one address. */
export function everyProvider(url: string): { providers: Partial<ProviderAccount>[]; models: CatalogModel[] } {
  const entries = Object.entries(PROVIDERS);
  return {
    providers: entries.map(([name, { kind, path }]) => ({ name: `at-${name}`, kind, baseUrl: url + path })),
    models: entries.map(([name, { model }]) => {
      return { name: `${name}-model`, targets: [{ provider: `at-${name}`, model, weight: 1 }], fallbacks: [] };
    }),
  };
}

/** By the path at which the gateway asks. */
const DIALECTS: readonly (readonly [path: RegExp, replies: Replies])[] = [
  [/\/v1\/messages$/, anthropicMessages.replies],
  [/\/chat\/completions$/, openaiChat.replies],
  [/\/responses$/, openaiResponses.replies],
  [/\/v2\/chat$/, cohere.replies],
  [/\/api\/chat$/, ollama.replies],
  [/:(stream)?generateContent$/i, gemini.replies],
];

/** The answer, in the dialect in which the provider was asked, streamed or not. */
export function replyInKind(request: ReceivedRequest, answer: Answer): Script {
  const found = DIALECTS.find(([path]) => path.test(request.path.split("?")[0]!));
  if (found === undefined) throw new Error(`no provider is asked at ${request.path}`);
  return found[1](answer)(request);
}

/** The value as the provider was asked to give it: by calling the one tool that it must call, or as text. */
export function jsonAnswer(request: ReceivedRequest, value: object): Answer {
  const text = JSON.stringify(value);
  const forced = forcedTool(request.json() as Choosing);
  return forced === undefined ? { text } : { toolCalls: [{ id: "call_json", name: forced, arguments: text }] };
}

interface Named {
  name?: string;
  function?: { name: string };
}
interface Choosing {
  tools?: (Named & { functionDeclarations?: Named[] })[];
  tool_choice?: (Named & { type?: string }) | string;
  toolConfig?: { functionCallingConfig?: { mode?: string } };
}

function forcedTool({ tools = [], tool_choice: choice, toolConfig }: Choosing): string | undefined {
  const [only] = tools.flatMap((tool) => tool.functionDeclarations ?? [tool]);
  const any =
    typeof choice === "string"
      ? choice.toLowerCase() === "required" || choice === "any"
      : choice?.type === "any" || toolConfig?.functionCallingConfig?.mode === "ANY";
  if (any) return only?.name ?? only?.function?.name;
  return typeof choice === "object" ? (choice.name ?? choice.function?.name) : undefined;
}
