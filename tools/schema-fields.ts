/** A JSON Schema as a flat list of fields, for a page that people read. */

export interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
}

export interface Field {
  /** `providers[].name` */
  path: string;
  type: string;
  required: boolean;
  meaning: string;
  /** As JSON. */
  default?: string;
}

/** Every named field below a schema, outer before inner. A field of several forms is listed once for each path. */
export function fieldsOf(schema: JsonSchema, definitions: Record<string, JsonSchema> = schema.$defs ?? {}): Field[] {
  const found = new Map<string, Field>();
  const visit = (node: JsonSchema, path: string, seen: readonly string[], required?: readonly string[]) => {
    if (node.$ref !== undefined) {
      if (!seen.includes(node.$ref)) visit(resolve(node, definitions), path, [...seen, node.$ref], required);
      return;
    }
    const forms = alternatives(node).map((form) => resolve(form, definitions));
    // Of several forms, only what each of them requires is required.
    const common = (forms[0]?.required ?? []).filter((name) => forms.every((form) => form.required?.includes(name)));
    for (const form of alternatives(node)) visit(form, path, seen, common);
    if (node.items) visit(node.items, `${path}[]`, seen);
    if (typeof node.additionalProperties === "object") visit(node.additionalProperties, `${path}.*`, seen);
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      const childPath = path === "" ? name : `${path}.${name}`;
      const known = found.get(childPath);
      const field = describe(child, childPath, (required ?? node.required ?? []).includes(name), definitions);
      if (known === undefined) found.set(childPath, field);
      else found.set(childPath, merge(known, field));
      visit(child, childPath, seen);
    }
  };
  visit(schema, "", []);
  return [...found.values()];
}

function describe(node: JsonSchema, path: string, required: boolean, definitions: Record<string, JsonSchema>): Field {
  const field: Field = { path, type: typeOf(node, definitions), required, meaning: meaningOf(node, definitions) };
  if (node.default !== undefined) field.default = JSON.stringify(node.default);
  return field;
}

/** Two forms of one thing: what is required in both is required, what either allows is allowed. */
function merge(a: Field, b: Field): Field {
  const types = new Set([...a.type.split(" or "), ...b.type.split(" or ")]);
  return { ...a, type: [...types].join(" or "), required: a.required && b.required, meaning: a.meaning || b.meaning };
}

function alternatives(node: JsonSchema): JsonSchema[] {
  return [...(node.oneOf ?? []), ...(node.anyOf ?? []), ...(node.allOf ?? [])];
}

function resolve(node: JsonSchema, definitions: Record<string, JsonSchema>): JsonSchema {
  return node.$ref === undefined ? node : (definitions[node.$ref.replace("#/$defs/", "")] ?? {});
}

function meaningOf(node: JsonSchema, definitions: Record<string, JsonSchema>): string {
  return node.description ?? resolve(node, definitions).description ?? "";
}

function typeOf(given: JsonSchema, definitions: Record<string, JsonSchema>): string {
  const node = resolve(given, definitions);
  if (node.const !== undefined) return `\`${JSON.stringify(node.const)}\``;
  if (node.enum) return node.enum.map((value) => `\`${value}\``).join(", ");
  if (node.items) return `list of ${typeOf(node.items, definitions)}`;
  const forms = alternatives(node);
  if (forms.length > 0) return [...new Set(forms.map((form) => typeOf(form, definitions)))].join(" or ");
  const type = Array.isArray(node.type) ? node.type.join(" or ") : (node.type ?? "any value");
  return `${type}${range(node)}`;
}

/** The bounds that say something: a safe integer's own are left out. */
function range(node: JsonSchema): string {
  const unit = node.minLength !== undefined || node.maxLength !== undefined ? " characters" : "";
  const least = node.minimum ?? node.minLength;
  const most = node.maximum ?? node.maxLength;
  const low = least === undefined || least <= Number.MIN_SAFE_INTEGER ? undefined : least;
  const high = most === undefined || most >= Number.MAX_SAFE_INTEGER ? undefined : most;
  if (node.minLength === 1 && high === undefined) return " (not empty)";
  if (low !== undefined && high !== undefined) return ` (${low} to ${high}${unit})`;
  if (low !== undefined) return ` (at least ${low}${unit})`;
  return high === undefined ? "" : ` (at most ${high}${unit})`;
}
