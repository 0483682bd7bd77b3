/**
 * An emulated provider that speaks every dialect, each at the path of its own, and the accounts and models by which a
 * gateway reaches it: for suites whose clients must not notice which provider answers.
 */
import type { CatalogModel, ProviderAccount } from "../../src/domain/catalog/catalog.ts";
import type { Answer, Replies } from "./upstream/answer.ts";
import * as bedrock from "./upstream/bedrock.ts";
import * as cohere from "./upstream/cohere.ts";
import * as dashscope from "./upstream/dashscope.ts";
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
  azure: { kind: "azure-openai", path: "", model: "prod" },
  bedrock: { kind: "bedrock", path: "", model: "amazon.nova-pro-v1:0" },
  dashscope: { kind: "dashscope-native", path: "", model: "qwen-plus" },
} as const;
export type ProviderName = keyof typeof PROVIDERS;
export const PROVIDER_NAMES = Object.keys(PROVIDERS) as ProviderName[];

/** What an account has beside its address, where it must have more than a key. */
const MORE: Partial<Record<ProviderName, Partial<ProviderAccount>>> = {
  azure: { options: { apiVersion: "2024-10-21" } },
  bedrock: {
    options: { region: "eu-central-1" },
    sealedKey: JSON.stringify({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG" }),
  },
};

/** What the gateway must know to reach them all at one address. */
export function everyProvider(url: string): { providers: Partial<ProviderAccount>[]; models: CatalogModel[] } {
  return {
    providers: PROVIDER_NAMES.map((name) => {
      const { kind, path } = PROVIDERS[name];
      return { name: `at-${name}`, kind, baseUrl: url + path, ...MORE[name] };
    }),
    models: PROVIDER_NAMES.map((name) => {
      const target = { provider: `at-${name}`, model: PROVIDERS[name].model, weight: 1 };
      return { name: `${name}-model`, targets: [target], fallbacks: [] };
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
  [/\/converse(-stream)?$/, bedrock.replies],
  [/\/text-generation\/generation$/, dashscope.replies],
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
  const forced = forcedTool(request);
  return forced === undefined ? { text } : { toolCalls: [{ id: "call_json", name: forced, arguments: text }] };
}

interface Named {
  type?: string;
  name?: string;
  function?: { name: string };
  toolSpec?: { name: string };
  tools?: Named[];
  functionDeclarations?: Named[];
}
interface Choice extends Named {
  any?: object;
  tool?: { name: string };
}
interface Tooled {
  tools?: Named[];
  tool_choice?: Choice | string;
  toolConfig?: { tools?: Named[]; toolChoice?: Choice; functionCallingConfig?: { mode?: string } };
  parameters?: Tooled;
}

/** The names of the tools that a provider is offered, in any of the dialects; a namespace's before its tools'. */
export function toolNames(request: ReceivedRequest): string[] {
  return namesOf(request.json() as Tooled);
}

function namesOf({ tools, toolConfig, parameters }: Tooled): string[] {
  return (tools ?? toolConfig?.tools ?? parameters?.tools ?? []).flatMap((tool) => {
    if (tool.functionDeclarations !== undefined) return tool.functionDeclarations.map(({ name }) => name!);
    if (tool.tools !== undefined) return tool.tools.map(({ name }) => `${tool.name}__${name}`);
    return [(tool.function ?? tool.toolSpec ?? tool).name ?? tool.type ?? "?"];
  });
}

function forcedTool(request: ReceivedRequest): string | undefined {
  const body = request.json() as Tooled;
  const choice = body.tool_choice ?? body.parameters?.tool_choice ?? body.toolConfig?.toolChoice;
  const any =
    typeof choice === "string"
      ? ["required", "any"].includes(choice.toLowerCase())
      : choice?.type === "any" || choice?.any !== undefined || body.toolConfig?.functionCallingConfig?.mode === "ANY";
  if (any) return namesOf(body)[0];
  return typeof choice === "object" ? (choice.tool ?? choice.function ?? choice).name : undefined;
}
