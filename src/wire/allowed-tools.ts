import { MAX_TOOLS } from "../kernel/bounds.ts";
import { isObject, type Json } from "../kernel/json.ts";
import type { ToolChoice } from "../spec/request.ts";

/**
 * OpenAI's choice among some of the tools: `allowed_tools`, by Chat Completions nested, by Responses not
 * (https://platform.openai.com/docs/guides/function-calling#tool-choice).
 * @param value the whole choice
 * @param allowed the object that holds `mode` and `tools`
 */
export function allowedTools(value: Json, allowed: Json | undefined): ToolChoice {
  const opaque: ToolChoice = { type: "opaque", value };
  if (!isObject(allowed)) return opaque;
  const { mode, tools } = allowed;
  if ((mode !== "auto" && mode !== "required") || !Array.isArray(tools) || tools.length > MAX_TOOLS) return opaque;
  const names = tools.map(nameOf);
  if (!names.every((name) => name !== undefined)) return opaque;
  return { ...opaque, among: { type: mode, names } };
}

function nameOf(tool: Json): string | undefined {
  if (!isObject(tool) || (tool.type !== "function" && tool.type !== "custom")) return undefined;
  const { name } = isObject(tool.function) ? tool.function : tool;
  return typeof name === "string" ? name : undefined;
}
