/**
 * Whether the code keeps to the rules of import-rules.ts. Types count as much as code.
 * `npm run check:imports` prints every violation and exits 1 if there is one.
 */
import { posix } from "node:path";
import { RULES, type Rule } from "./import-rules.ts";
import { readSource, type Source } from "./source.ts";

export interface Violation {
  rule: string;
  file: string;
  line: number;
  message: string;
}

export interface Packages {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** `contract.ts`, `meter-contract.ts`: the suite that every implementation of a port runs. */
const isTest = (file: string) => /(?:\.test|\.wont-compile|[/-]contract)\.ts$/.test(file);

/** @param files path in the checkout, with forward slashes → text. @param entry where the product begins. */
export function checkImports(files: ReadonlyMap<string, string>, packages: Packages, entry: string): Violation[] {
  const sources = new Map([...files].map(([file, text]) => [file, readSource(text)] as const));
  const violations: Violation[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, source] of sources) {
    const targets = source.imports.map(({ specifier, line }) => ({ target: resolve(file, specifier), line }));
    violations.push(...undeclared(file, targets, packages));
    if (isTest(file)) continue;
    graph.set(
      file,
      targets.map(({ target }) => target).filter((target) => files.has(target)),
    );
    for (const rule of RULES) violations.push(...breaches(rule, file, source, targets));
  }
  return [...violations, ...circles(graph), ...orphans(graph, entry)];
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith(".")) return posix.normalize(posix.join(posix.dirname(file), specifier));
  if (/^(?:node|bun):/.test(specifier)) return specifier;
  if (specifier === "bun") return "bun:bun";
  return `npm:${specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/")}`;
}

type Target = { target: string; line: number };

function breaches(rule: Rule, file: string, source: Source, targets: readonly Target[]): Violation[] {
  const from = rule.from.exec(file);
  if (from === null || rule.except?.test(file)) return [];
  const found: Violation[] = [];
  const add = (line: number, message: string) =>
    found.push({ rule: rule.name, file, line, message: `${message}: ${rule.why}` });
  for (const { target, line } of targets) {
    const hit = rule.never?.exec(target);
    const sameRoom = hit?.groups?.room !== undefined && hit.groups.room === from.groups?.room;
    if ((hit && !sameRoom) || (rule.only && !rule.only.test(target))) add(line, `must not import ${target}`);
  }
  for (const [index, line] of rule.code ? source.code.split("\n").entries() : []) {
    const match = rule.code!.exec(line);
    if (match) add(index + 1, `must not say ${match[0]}`);
  }
  return found;
}

/** A package that is imported must be declared; the product must not need what is only for development. */
function undeclared(file: string, targets: readonly Target[], packages: Packages): Violation[] {
  const product = file.startsWith("src/") && !isTest(file);
  return targets.flatMap(({ target, line }) => {
    if (!target.startsWith("npm:") || file.startsWith("console/")) return [];
    const name = target.slice(4);
    if (name in (packages.dependencies ?? {}) || (!product && name in (packages.devDependencies ?? {}))) return [];
    const where = product ? "dependencies" : "dependencies or devDependencies";
    return [{ rule: "packages are declared", file, line, message: `imports ${name}, which is not in ${where}` }];
  });
}

function circles(graph: ReadonlyMap<string, readonly string[]>): Violation[] {
  const found: Violation[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      const circle = [...path.slice(at), file].join(" → ");
      found.push({ rule: "no circles", file, line: 1, message: `${circle}: data goes straight` });
    }
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}

function orphans(graph: ReadonlyMap<string, readonly string[]>, entry: string): Violation[] {
  const reached = new Set<string>();
  const queue = [entry];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    queue.push(...(graph.get(file) ?? []));
  }
  return [...graph.keys()]
    .filter((file) => file.startsWith("src/") && !reached.has(file))
    .map((file) => ({ rule: "no orphans", file, line: 1, message: `nothing that starts at ${entry} imports it` }));
}

/** The TypeScript of a checkout, as `checkImports` takes it. */
export async function readTree(root: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const glob = new Bun.Glob("{src,test,tools,bench,examples,console}/**/*.{ts,tsx}");
  for await (const file of glob.scan({ cwd: root })) {
    if (!file.includes("node_modules/")) files.set(file, await Bun.file(`${root}/${file}`).text());
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

if (import.meta.main) {
  const root = posix.join(import.meta.dir, "..");
  const files = await readTree(root);
  const violations = checkImports(files, await Bun.file(`${root}/package.json`).json(), "src/main.ts");
  for (const { rule, file, line, message } of violations) console.error(`${file}:${line} [${rule}] ${message}`);
  console.log(`imports: ${files.size} files, ${RULES.length + 3} rules, ${violations.length} violations`);
  process.exit(violations.length === 0 ? 0 : 1);
}
