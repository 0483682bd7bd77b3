import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Warning } from "../../spec/adapter.ts";
import type { ModelRequest, Tool } from "../../spec/request.ts";
import { spelledFor } from "./parameter-names.ts";

/** Which tools callers may bring. A star in a pattern stands for any text. */
export interface ToolPolicy {
  /** Patterns of names, one of which must fit. Absent: any name. */
  allow?: readonly string[];
  /** Patterns of names that may not be, whatever `allow` says. */
  deny?: readonly string[];
  /** Whether the provider may run tools of its own: web search, code, MCP servers. True where absent. */
  serverSide?: boolean;
}

/**
 * Tools that only one dialect defines, and that the caller runs itself all the same. Sources: the
 * references of Anthropic's and OpenAI's APIs. Whatever else is opaque counts as the provider's.
 */
const CLIENT_RUN =
  /^(?:bash|text_editor|computer|memory)_\d+$|^(?:function|custom|local_shell|apply_patch|computer|computer_use_preview)$/;

/** Fields outside of `tools` that have the provider run something. */
const SERVER_SIDE_FIELDS: readonly string[] = [
  ...["web_search_options", "mcp_servers", "container", "plugins", "search_parameters", "search_options"],
  ...["enable_search", "enable_code_interpreter", "connectors", "compound_custom", "search_settings", "data_sources"],
  // A prompt that lies with OpenAI may bring tools of its own.
  "prompt",
];

type Judged = { request: ModelRequest; warnings: readonly Warning[] } | { field: string; message: string };

/** The request with the tools that it may have, or the caller's field that may not be. */
export function policedTools(request: ModelRequest, policy: ToolPolicy | undefined): Judged {
  if (policy === undefined) return { request, warnings: [] };
  const warnings: Warning[] = [];
  const list = spelledFor(request, "tools");
  const kept: Tool[] = [];
  for (const [index, tool] of (request.tools ?? []).entries()) {
    // Gemini's entries hold several functions each, so their places are not the caller's.
    const field = request.dialect === "gemini" ? list : `${list}[${index}]`;
    const name = nameOf(tool);
    if (policy.serverSide === false && isServerSide(tool)) {
      if (tool.type !== "opaque" || tool.optional !== true) {
        return { field, message: `This API lets no provider run tools of its own, such as ${told(name)} (${field}).` };
      }
      warnings.push({ field, message: "this API lets no provider run tools of its own; the model was not offered it" });
      continue;
    }
    if (!isNameAllowed(name, policy))
      return { field, message: `This API does not take the tool ${told(name)} (${field}).` };
    kept.push(tool);
  }
  const running =
    policy.serverSide === false ? SERVER_SIDE_FIELDS.find((name) => says(request.extra?.[name])) : undefined;
  if (running !== undefined)
    return { field: running, message: `This API lets no provider run tools of its own, as ${running} does.` };
  return { request: kept.length === request.tools?.length ? request : withTools(request, kept), warnings };
}

function withTools(request: ModelRequest, tools: Tool[]): ModelRequest {
  return request.tools === undefined ? request : { ...request, tools };
}

/** What patterns are held against: a function's name, or what the dialect calls the tool. */
function nameOf(tool: Tool): string {
  if (tool.type === "function") return tool.name;
  return text(tool.value.name) ?? typeOf(tool.value);
}

/** A name of the caller's, fit for one line. */
function told(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}

/** Gemini's tools have no type: their one field is what they are. */
function typeOf(value: JsonObject): string {
  return text(value.type) ?? Object.keys(value)[0] ?? "without a name";
}

function text(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isServerSide(tool: Tool): boolean {
  return tool.type === "opaque" && !CLIENT_RUN.test(typeOf(tool.value));
}

function isNameAllowed(name: string, { allow, deny }: ToolPolicy): boolean {
  if (deny?.some((pattern) => fits(pattern, name))) return false;
  return allow === undefined || allow.some((pattern) => fits(pattern, name));
}

/** In linear time: each piece between two stars is looked for once, behind the one before it. */
export function fits(pattern: string, name: string): boolean {
  const pieces = pattern.split("*");
  const first = pieces[0]!;
  if (pieces.length === 1) return name === pattern;
  const last = pieces.at(-1)!;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

function says(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === false) return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isObject(value) || value.enabled !== false;
}
