import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020, { type ValidateFunction } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { isObject, type Json, type JsonObject } from "../../src/kernel/json.ts";
import { FORMED_OTHERWISE } from "../support/fidelity-forms.ts";
import { type Digest, framesOf, SPECS } from "../support/recordings.ts";
import type { Figures } from "./figures.ts";
import type { Front } from "./fronts.ts";
import type { Got } from "./house.ts";
import { type Played, rowOf } from "./replay.ts";

/**
 * The providers' own specifications, relaxed as the recordings' page says (method F): strictly, they refuse most of
 * what the providers themselves send. What stands under a key counts, not which keys there are: none is required but
 * `type`, null is allowed everywhere, unknown keys are, and one of several forms may be any of them.
 */

/** Where the forms of a front's answers stand: a whole one, and a piece of a stream. The first that fits counts. */
const FORMS: Readonly<Record<string, { file: string; whole: readonly string[]; piece: readonly string[] }>> = {
  "openai.chat": {
    file: "openai.openapi.yaml",
    whole: ["CreateChatCompletionResponse"],
    piece: ["CreateChatCompletionStreamResponse"],
  },
  "openai.responses": { file: "openai.openapi.yaml", whole: ["Response"], piece: ["ResponseStreamEvent"] },
  "anthropic.messages": {
    file: "anthropic.openapi.json",
    whole: ["Message", "BetaMessage"],
    piece: ["MessageStreamEvent", "BetaMessageStreamEvent"],
  },
  "gemini.generateContent": {
    file: "gemini.generativelanguage.openapi.json",
    whole: ["GenerateContentResponse"],
    piece: ["GenerateContentResponse"],
  },
  "ollama.chat": { file: "ollama.openapi.yaml", whole: ["ChatResponse"], piece: ["ChatStreamEvent"] },
};

/** Forms of lookalikes of OpenAI's that have a specification of their own: theirs is the dialect that they speak. */
const OWN_FORMS: Readonly<Record<string, (typeof FORMS)[string]>> = {
  groq: {
    file: "groq.openapi.yaml",
    whole: ["CreateChatCompletionResponse"],
    piece: ["CreateChatCompletionStreamResponse"],
  },
  together: { file: "together.openapi.yaml", whole: ["ChatCompletionResponse"], piece: ["ChatCompletionChunk"] },
  mistral: { file: "mistral.openapi.yaml", whole: ["ChatCompletionResponse"], piece: ["CompletionChunk"] },
  openrouter: { file: "openrouter.openapi.yaml", whole: ["ChatResult"], piece: ["ChatStreamChunk"] },
};

/** Words of OpenAPI that are no words of JSON Schema, and what only decorates. */
const NOT_SCHEMA = new Set(["discriminator", "example", "examples", "x-oaiMeta", "xml", "externalDocs"]);
/** Keys whose values are schemas by name. */
const NAMED = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);

export function relaxed(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(relaxed);
  if (!isObject(schema)) return schema;
  const made: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (NOT_SCHEMA.has(key) || key === "nullable") continue;
    if (key === "additionalProperties" && value === false) continue;
    if (key === "required" && Array.isArray(value)) made.required = value.filter((name) => name === "type");
    else if (/^exclusiveM/.test(key) && typeof value === "boolean") continue;
    else if (NAMED.has(key) && isObject(value)) {
      made[key] = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, relaxed(each)]));
    } else made[key] = key === "enum" || key === "const" || key === "default" ? value : relaxed(value);
  }
  if (Array.isArray(made.oneOf)) {
    made.anyOf = [...(Array.isArray(made.anyOf) ? made.anyOf : []), ...made.oneOf];
    delete made.oneOf;
  }
  return orNull(made);
}

/** A value that names the form, such as `type: "text"`, is never null: it tells the forms apart. */
function orNull(schema: JsonObject): JsonObject {
  const names = schema.const !== undefined || (Array.isArray(schema.enum) && schema.enum.length === 1);
  if (names || schema.type === undefined) return schema;
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  const made: JsonObject = { ...schema, type: types.includes("null") ? types : [...types, "null"] };
  if (Array.isArray(schema.enum) && !schema.enum.includes(null)) made.enum = [...schema.enum, null];
  return made;
}

/** Says what is wrong with a value; undefined: nothing. */
export type Check = (value: unknown) => string | undefined;

export interface Checks {
  whole: Check;
  piece: Check;
}

/** The judges of every front's answers, by its API, and of what lookalikes say in OpenAI's, by the provider. */
export function loadChecks(): ReadonlyMap<string, Checks> {
  const compilers = new Map<string, (name: string) => ValidateFunction>();
  return new Map(
    Object.entries({ ...FORMS, ...OWN_FORMS }).map(([api, { file, whole, piece }]) => {
      const compile = compilers.get(file) ?? compilerOf(file);
      compilers.set(file, compile);
      return [api, { whole: anyOf(whole.map(compile)), piece: anyOf(piece.map(compile)) }];
    }),
  );
}

function compilerOf(file: string): (name: string) => ValidateFunction {
  const text = readFileSync(join(SPECS, file), "utf8");
  const document = (file.endsWith(".json") ? JSON.parse(text) : parse(text, { maxAliasCount: -1 })) as {
    components: { schemas: Record<string, Json> };
  };
  const ajv = new Ajv2020({ strict: false, validateFormats: false, discriminator: false });
  const schemas = Object.fromEntries(
    Object.entries(document.components.schemas).map(([name, schema]) => [name, relaxed(schema)]),
  );
  ajv.addSchema({ components: { schemas } }, "spec.json");
  return (name) => ajv.compile({ $ref: `spec.json#/components/schemas/${name}` });
}

function anyOf(validators: readonly ValidateFunction[]): Check {
  return (value) => {
    let said: string | undefined;
    for (const validate of validators) {
      if (validate(value)) return undefined;
      const error = validate.errors?.at(-1);
      said ??= `${error?.instancePath ?? ""} ${error?.message ?? ""} ${JSON.stringify(error?.params)}`.slice(0, 160);
    }
    return said;
  };
}

/** What of an answer's form its dialect's specification does not allow. */
export function malformed(front: Front, got: Got, stream: boolean, checks: Checks): string[] {
  if (got.status !== 200) return [];
  if (!stream) {
    const told = JSON.parse(got.text) as Json;
    // A stream that its recorder did not ask to be one of events: a list of answers.
    return (Array.isArray(told) ? told : [told]).flatMap((each) => checks.whole(each) ?? []);
  }
  const pieces =
    front.dialect === "ollama"
      ? got.text.split("\n").filter((line) => line.trim() !== "")
      : framesOf(got.text).flatMap(({ data }) => (data.trim() === "" || data.startsWith("[DONE]") ? [] : [data]));
  const found = new Set<string>();
  for (const piece of pieces) {
    const value = JSON.parse(piece) as JsonObject;
    // Errors have forms of their own, and a ping says nothing.
    if (value.error !== undefined || value.type === "error" || value.type === "ping") continue;
    const said = checks.piece(value);
    if (said !== undefined) found.add(said);
  }
  return [...found];
}

/** Forms are judged whatever they say. */
const NOTHING: Digest = {
  text: "",
  reasoning: "",
  refusal: "",
  tools: [],
  finish: null,
  in: null,
  out: null,
  cached: null,
  error: null,
};

/** Method F. What is relayed is the provider's to answer for, so it is counted apart. */
export function judgeForm(
  played: Played,
  front: Front,
  got: Got,
  checks: ReadonlyMap<string, Checks>,
  figures: Figures,
) {
  const { exchange, judged } = played;
  const relayed = judged.api === front.api;
  const own = relayed && front.api === "openai.chat" ? checks.get(exchange.provider) : undefined;
  let found = malformed(front, got, played.stream, checks.get(front.api)!);
  if (found.length > 0 && own !== undefined) found = malformed(front, got, played.stream, own);
  const difference = { exchange, want: NOTHING, found };
  const because = relayed
    ? "The provider's own words, relayed: its own specification, or OpenAI's for a lookalike, does not allow them."
    : FORMED_OTHERWISE.find((row) => row.applies(difference))?.because;
  const name = `${exchange.name} (${exchange.provider})`;
  figures.count(["F", relayed ? "relayed" : rowOf(played), front.name], {
    name,
    genuine: exchange.genuine,
    found,
    because,
  });
}
