import {
  type ErrorCode,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Document as YamlDocument,
} from "yaml";
import type { Problem } from "./problem.ts";

export type Path = readonly (string | number)[];

/** A configuration file's text as values, and where in the text each of them stands. */
export interface Source {
  value: unknown;
  /** Problems with fields, each said with its place in the file, in the order of the file. */
  problems(findings: readonly { path: Path; message: string; name?: boolean }[]): Problem[];
}

/** How often aliases may multiply what is written; more is a bomb, not a configuration. */
const MAX_ALIASES = 100;

/** Faults that the parser tells of in words for who programs with it, not for who writes a file. */
const OWN_WORDS: Partial<Record<ErrorCode, string>> = {
  MULTIPLE_DOCS: "a second document begins here; a configuration is one, without a line of ---",
  DUPLICATE_KEY: "this field stands twice in one place",
  TAB_AS_INDENT: "is indented by a tab; YAML takes spaces alone",
};

/**
 * Reads YAML 1.2, of which JSON is a part. Duplicate fields, several documents and unknown
 * tags are errors: what two readers could read in two ways is not configuration.
 */
export function readSource(file: string, text: string): Source | Problem[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0)
    return faults.map(({ pos, code, message }) => ({
      where: at(pos[0]),
      message: OWN_WORDS[code] ?? oneLine(message),
    }));
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return [{ where: `${file}:1:1`, message: oneLine((error as Error).message) }];
  }
  return {
    value,
    problems(findings) {
      return findings
        .map((finding) => ({ ...finding, offset: offsetOf(document, finding.path, finding.name ?? false) }))
        .sort((a, b) => a.offset - b.offset)
        .map(({ path, message, offset }) => ({
          where: path.length === 0 ? at(offset) : `${at(offset)}: ${fieldName(path)}`,
          message,
        }));
    },
  };
}

function oneLine(message: string): string {
  return message.split("\n")[0]!.trim();
}

/** `plans[0].limits[1].requests` */
export function fieldName(path: Path): string {
  return path.map((part, at) => (typeof part === "number" ? `[${part}]` : `${at === 0 ? "" : "."}${part}`)).join("");
}

/** Where a field stands: its value; its name, where that is meant or the value is empty; or what it is missing from. */
function offsetOf(document: YamlDocument, path: Path, byName: boolean): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [at, part] of path.entries()) {
    const nameOnly = byName && at === path.length - 1;
    const target: unknown = isAlias(node) ? node.resolve(document) : node;
    if (isMap(target)) {
      const pair = target.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (pair === undefined) return offset;
      node = pair.value;
      offset = (nameOnly ? undefined : startOf(node)) ?? startOf(pair.key) ?? offset;
    } else if (isSeq(target) && typeof part === "number" && part < target.items.length) {
      node = target.items[part];
      offset = startOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}
