import { type ProviderAdapter, UnsupportedFeature, type Warning } from "../spec/adapter.ts";
import type { Message } from "../spec/message.ts";
import type { ModelRequest, Tool } from "../spec/request.ts";

/**
 * The adapter with what holds for every pair of dialects: a request that only its own dialect
 * can answer is refused, and what a provider of another one may go without is left out, with
 * a warning. Adapters need not know it.
 */
export function guardedAgainstForeign(adapter: ProviderAdapter): ProviderAdapter {
  const variants = new WeakMap<ProviderAdapter, ProviderAdapter>();
  const { variant } = adapter;
  const guarded: { -readonly [K in keyof ProviderAdapter]: ProviderAdapter[K] } = {
    ...adapter,
    encode: guardedEncode(adapter),
  };
  if (adapter.operations !== undefined) {
    const apis = Object.entries(adapter.operations).map(([name, api]) => [
      name,
      { ...api, encode: guardedEncode(api) },
    ]);
    guarded.operations = Object.fromEntries(apis);
  }
  const { local } = adapter;
  if (local !== undefined)
    return { ...guarded, local: (request, model) => local(withoutForeign(request).known, model) };
  if (variant === undefined) return guarded;
  return {
    ...guarded,
    variant(request, model, options) {
      const chosen = variant(request, model, options);
      let known = variants.get(chosen);
      if (known === undefined) {
        known = guardedAgainstForeign(chosen);
        variants.set(chosen, known);
      }
      return known;
    },
  };
}

function guardedEncode(api: Pick<ProviderAdapter, "dialect" | "encode">): ProviderAdapter["encode"] {
  return (request, model, options) => {
    if (request.dialect === api.dialect) return api.encode(request, model, options);
    const { known, warnings } = withoutForeign(request);
    const upstream = api.encode(known, model, options);
    return warnings.length === 0 ? upstream : { ...upstream, warnings: [...warnings, ...upstream.warnings] };
  };
}

/** @throws UnsupportedFeature */
function withoutForeign(request: ModelRequest): { known: ModelRequest; warnings: Warning[] } {
  const bound = request.dialectBound?.[0];
  if (bound !== undefined) {
    throw new UnsupportedFeature(
      bound,
      `the model's provider has no ${bound}, and the answer would be another one without`,
    );
  }
  const warnings: Warning[] = [];
  const warn = (field: string, message: string) => {
    if (!warnings.some((warning) => warning.field === field)) warnings.push({ field, message });
  };
  let known = request;
  if (request.tools?.some(isOptional)) {
    const tools = request.tools.filter((tool, index) => {
      if (!isOptional(tool)) return true;
      warn(`tools[${index}]`, `the provider has no tool of type ${typeOf(tool)}; the model was not offered it`);
      return false;
    });
    known = { ...known, tools };
  }
  if (request.messages.some(hasOptional)) {
    const messages = request.messages.map((message) => {
      if (!hasOptional(message)) return message;
      const parts = message.parts.filter((part) => {
        if (part.type !== "opaque" || part.optional !== true) return true;
        warn(typeOf(part), "the provider has no such content; it was left out of an earlier answer");
        return false;
      });
      return { ...message, parts };
    });
    known = { ...known, messages: messages.filter((message) => message.parts.length > 0) };
  }
  return { known, warnings };
}

function isOptional(tool: Tool): tool is Extract<Tool, { type: "opaque" }> {
  return tool.type === "opaque" && tool.optional === true;
}

function hasOptional(message: Message): boolean {
  return message.parts.some((part) => part.type === "opaque" && part.optional === true);
}

function typeOf({ value }: { value: Record<string, unknown> }): string {
  return typeof value.type === "string" ? value.type : "this kind";
}
