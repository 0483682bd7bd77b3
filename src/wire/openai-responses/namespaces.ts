import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { FunctionTool, ModelRequest, Tool } from "../../spec/request.ts";
import type { ResponsesPartForm, ResponsesToolForm } from "../../spec/responses-form.ts";
import { withExtra } from "./content.ts";

/**
 * Namespaces of tools, which only this dialect has: `{type: "namespace", name, description, tools}` groups functions
 * and custom tools, as Codex CLI does with those of its MCP servers, and a call names the namespace beside the tool.
 * Other dialects are offered the tools one by one, under names that hold both.
 * Source: OpenAI's specification, NamespaceToolParam and FunctionToolCall.
 */

/** The name under which a tool of a namespace is offered where there are none. */
export function flatName(namespace: string, own: string): string {
  return namespace.endsWith("__") ? `${namespace}${own}` : `${namespace}__${own}`;
}

/**
 * The tools of a namespace, for every dialect.
 * @param at the namespace's place in `tools` @param namespace its fields @param members its tools, read
 * @returns none where there is a tool in it that is not the caller's to run
 */
export function flattened(at: number, namespace: JsonObject, members: readonly Tool[]): FunctionTool[] {
  const { tools: _, ...own } = namespace;
  const flat: FunctionTool[] = [];
  for (const tool of members) {
    if (tool.type !== "function") return [];
    const form: ResponsesToolForm = { ...tool.form, namespace: { at, own: tool.name } };
    const named = { ...tool, name: flatName(own.name as string, tool.name), form };
    flat.push(withExtra(named, { ...tool.extra, namespace: own }));
  }
  return flat;
}

/** What a tool is called in its own namespace, where it has one. */
export function placeOf(tool: FunctionTool): { namespace: string; own: string } | undefined {
  const { namespace } = (tool.form ?? {}) as ResponsesToolForm;
  const fields = tool.extra?.namespace;
  if (namespace === undefined || !isObject(fields)) return undefined;
  return { namespace: fields.name as string, own: namespace.own };
}

/** Earlier calls of the request's tools in namespaces get the names under which these are offered. */
export function nameCalls(request: ModelRequest): void {
  const flat = new Map<string, string>();
  for (const tool of request.tools ?? []) {
    const place = tool.type === "function" ? placeOf(tool) : undefined;
    if (place !== undefined) flat.set(JSON.stringify([place.namespace, place.own]), (tool as FunctionTool).name);
  }
  if (flat.size === 0) return;
  for (const { parts } of request.messages) {
    for (const part of parts) {
      if (part.type !== "tool-call" || typeof part.extra?.namespace !== "string") continue;
      const { namespace, ...extra } = part.extra;
      const name = flat.get(JSON.stringify([namespace, part.name]));
      if (name === undefined) continue;
      const form = part.form as ResponsesPartForm;
      part.form = { ...form, own: part.name, head: { ...form.head, namespace } } satisfies ResponsesPartForm;
      part.name = name;
      if (Object.keys(extra).length > 0) part.extra = extra;
      else delete part.extra;
    }
  }
}

/** The tools with each namespace in one piece again. @param write one tool, under the name given */
export function regrouped(tools: readonly Tool[], write: (tool: Tool) => JsonObject): JsonObject[] {
  const written: JsonObject[] = [];
  let open: { at: number; tools: JsonObject[] } | undefined;
  for (const tool of tools) {
    const place = tool.type === "function" ? (tool.form as ResponsesToolForm | undefined)?.namespace : undefined;
    if (place === undefined) {
      open = undefined;
      written.push(write(tool));
      continue;
    }
    const { namespace, ...extra } = (tool as FunctionTool).extra ?? {};
    if (open?.at !== place.at) {
      open = { at: place.at, tools: [] };
      written.push({ ...(namespace as JsonObject), tools: open.tools });
    }
    open.tools.push(write({ ...(tool as FunctionTool), name: place.own, extra }));
  }
  return written;
}
