import type { Wire } from "../spec/wire.ts";
import { anthropicMessages } from "../wire/anthropic-messages/index.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";

/** What a path is for. `call`: a model call, on the road. `models`: what the key may use, a list or one of them. */
export type EndpointKind = "call" | "models";

/** One thing that callers may ask of the gateway listener. */
export interface Endpoint {
  /** Its name in records, logs and metrics. */
  name: string;
  method: "GET" | "POST";
  path: string;
  kind: EndpointKind;
  /** The dialect of its answers and errors. */
  wire: Wire;
}

export const ENDPOINTS: readonly Endpoint[] = [
  row("chat.completions", "POST", "/v1/chat/completions", "call", openaiChat),
  row("messages", "POST", "/v1/messages", "call", anthropicMessages),
  row("models", "GET", "/v1/models", "models", openaiChat),
];

function row(name: string, method: Endpoint["method"], path: string, kind: EndpointKind, wire: Wire): Endpoint {
  return { name, method, path, kind, wire };
}

/** Where a request goes: its endpoint, the API that the path names, and what follows a list's path. */
export interface Match {
  endpoint: Endpoint;
  /** `slug/version` where the path began with `/apis/{slug}/{version}`. */
  api: string | null;
  /** `/v1/models/{item}` */
  item: string | null;
}

export type Unmatched = { problem: "not_found" | "method_not_allowed"; wire: Wire; allow: string };

const byPath = new Map(ENDPOINTS.map((endpoint) => [endpoint.path, endpoint]));
const API_PREFIX = /^\/apis\/([^/]+)\/([^/]+)(\/.*)$/;

/**
 * Finds the row for a request. `speaksAnthropic` is whether it shows Anthropic's version
 * header: their SDK asks for `/v1/models` under the same path as OpenAI's.
 */
export function matchEndpoint(method: string, fullPath: string, speaksAnthropic: boolean): Match | Unmatched {
  let path = fullPath;
  let api: string | null = null;
  const prefixed = path.startsWith("/apis/") ? API_PREFIX.exec(path) : null;
  if (prefixed !== null) {
    api = `${prefixed[1]}/${prefixed[2]}`;
    path = prefixed[3]!;
  }
  let item: string | null = null;
  let endpoint = byPath.get(path);
  if (endpoint === undefined && path.startsWith("/v1/models/")) {
    endpoint = byPath.get("/v1/models");
    item = path.slice("/v1/models/".length);
  }
  const wire = speaksAnthropic || path.startsWith("/v1/messages") ? anthropicMessages : openaiChat;
  if (endpoint === undefined) return { problem: "not_found", wire, allow: "" };
  if (endpoint.method !== method) return { problem: "method_not_allowed", wire, allow: endpoint.method };
  if (endpoint.kind === "models" && speaksAnthropic) endpoint = { ...endpoint, wire: anthropicMessages };
  return { endpoint, api, item };
}
