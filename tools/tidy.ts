/**
 * The habits of docs/STYLE.md that a machine can check, as rows.
 * `npm run check:tidy` prints every breach and exits 1 if there is one.
 *
 * A file that must be longer says so in its first ten lines, with its reason:
 *
 *     // tidy: long because the table has one row for each provider
 *     // tidy: long function parseFrame because every branch reads the same state
 *
 * Planted breaches are in test/planted/tidy.ts.
 */
import { homedir } from "node:os";
import { posix } from "node:path";
import { type FunctionSpan, functionsOf, readSource } from "./source.ts";

export interface Breach {
  rule: string;
  file: string;
  line: number;
  message: string;
}

export const FILE_LINES = 400;
export const FUNCTION_LINES = 70;
export const STAGE_LINES = 150;

/** The stages of the road, one file each: every one shall fit on two screens. */
const STAGE =
  /^src\/gateway\/(?:accept|identify|decode|locate|authorize|reserve|guard-input|route|dispatch|guard-output|settle|respond|refuse|handle)\.ts$/;

/** Words that name nothing. What is called one of them has a better name. */
export const FORBIDDEN_WORDS = ["util", "utils", "helper", "helpers", "manager", "service", "services", "misc"];

/** Names that a protocol gave, not we. */
const GIVEN_NAMES = /service_?tier/gi;

/** Notes to oneself that would be forgotten: a known gap is an issue, or a line in the documentation. */
const LEFTOVER = /\b(?:TODO|FIXME|XXX|HACK)\b/;

interface Machine {
  /** Where this checkout lies. */
  root: string;
  home: string;
}

/** Fixtures are recordings: what stands in them was written by others. */
const RECORDED = /(?:^|\/)fixtures\/|^package-lock\.json$|^LICENSE$/;

/** `contract.ts`, `meter-contract.ts`: the suite that every implementation of a port runs. */
const isTest = (file: string) => /(?:\.test|\.wont-compile|[/-]contract)\.ts$/.test(file);
const isTypeScript = (file: string) => /\.tsx?$/.test(file);

/** @param files path in the checkout, with forward slashes → text. */
export function checkTidy(files: ReadonlyMap<string, string>, machine: Machine): Breach[] {
  const breaches: Breach[] = [];
  const tests = [...files].filter(([file]) => isTest(file)).map(([file, text]) => readTest(file, text));
  for (const [file, text] of files) {
    if (RECORDED.test(file)) continue;
    breaches.push(...names(file, text), ...leftovers(file, text), ...machinePaths(file, text, machine));
    if (!isTypeScript(file)) continue;
    breaches.push(...lengths(file, text));
    if (!isTest(file)) breaches.push(...tested(file, text, tests));
  }
  return breaches;
}

function lengths(file: string, text: string): Breach[] {
  const source = readSource(text);
  const excuses = source.text.split("\n").slice(0, 10).join("\n");
  const breaches: Breach[] = [];
  const lines = text.trimEnd().split("\n").length;
  const bound = STAGE.test(file) ? STAGE_LINES : FILE_LINES;
  if (lines >= bound && !/^\/\/ tidy: long because \S/m.test(excuses)) {
    const message = `has ${lines} lines; ${bound === STAGE_LINES ? "a stage" : "a file"} has fewer than ${bound}`;
    breaches.push({ rule: "file length", file, line: 1, message });
  }
  if (isTest(file)) return breaches;
  for (const { name, from, to } of functionsOf(source.code)) {
    const length = to - from + 1;
    if (length < FUNCTION_LINES || excused(excuses, name)) continue;
    const message = `${name || "a function"} has ${length} lines; a function has fewer than ${FUNCTION_LINES}`;
    breaches.push({ rule: "function length", file, line: from, message });
  }
  return breaches;
}

function excused(excuses: string, name: FunctionSpan["name"]): boolean {
  return [...excuses.matchAll(/^\/\/ tidy: long function (\S+) because \S/gm)].some(([, excused]) => excused === name);
}

function names(file: string, text: string): Breach[] {
  const breaches: Breach[] = [];
  const look = (name: string, line: number) => {
    const words = name.replace(GIVEN_NAMES, "").split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/);
    const word = words.find((each) => FORBIDDEN_WORDS.includes(each.toLowerCase()));
    if (word) breaches.push({ rule: "names", file, line, message: `"${word}" in ${name} names nothing` });
  };
  look(file, 1);
  if (!isTypeScript(file)) return breaches;
  const declared = /\b(?:class|function\*?|interface|type|const|let|namespace)\s+([A-Za-z_$][\w$]*)/g;
  for (const [index, line] of readSource(text).code.split("\n").entries()) {
    for (const match of line.matchAll(declared)) look(match[1]!, index + 1);
  }
  return breaches;
}

function leftovers(file: string, text: string): Breach[] {
  if (OWN_WORDS.test(file)) return [];
  return text.split("\n").flatMap((line, index) => {
    const match = LEFTOVER.exec(line);
    return match ? [{ rule: "leftovers", file, line: index + 1, message: `${match[0]} is left in the text` }] : [];
  });
}

/** Files that speak about these very words. */
const OWN_WORDS = /^(?:tools\/tidy(?:\.test)?\.ts|test\/planted\/tidy\.ts|docs\/STYLE\.md)$/;

/** A path that exists on one machine only. */
function machinePaths(file: string, text: string, machine: Machine): Breach[] {
  if (OWN_WORDS.test(file)) return [];
  const own = [machine.root, machine.home].filter((path) => path.length > 1);
  const patterns = [/(?<![\w.~-])\/(?:home|Users)\/[a-z][\w.-]*/i, /\b[A-Z]:\\+Users\\/, /(?<![\w.~$}"'-])\/tmp\/\w/];
  return text.split("\n").flatMap((line, index) => {
    const found =
      own.find((path) => line.includes(`${path}/`)) ?? patterns.map((each) => each.exec(line)?.[0]).find(Boolean);
    if (!found) return [];
    return [{ rule: "machine paths", file, line: index + 1, message: `${found} exists on one machine only` }];
  });
}

interface TestFile {
  file: string;
  text: string;
  /** Paths in the checkout. */
  imports: Set<string>;
}

function readTest(file: string, text: string): TestFile {
  const targets = readSource(text).imports.map(({ specifier }) => posix.join(posix.dirname(file), specifier));
  return { file, text, imports: new Set(targets) };
}

/**
 * A source file is named by a test: by one beside it, by an import, or by its path in the
 * text. A file of types compiles to nothing, and has nothing to test.
 */
function tested(file: string, text: string, tests: readonly TestFile[]): Breach[] {
  if (!/^(?:src|tools|test\/support)\//.test(file) || isTypesOnly(text)) return [];
  const beside = file.replace(/\.tsx?$/, ".test.ts");
  const [name, folder] = [posix.basename(file), posix.dirname(file)];
  const mention = new RegExp(`(?<![\\w.-])${posix.basename(folder)}/${name.replaceAll(".", "\\.")}\\b`);
  const bareMention = new RegExp(`(?<![\\w./-])(?:\\./)?${name.replaceAll(".", "\\.")}\\b`);
  const named = tests.some((test) => {
    if (test.file === beside || test.imports.has(file) || mention.test(test.text)) return true;
    // A bare "decode.ts" says enough only near the file: five folders have one.
    const home = posix.dirname(test.file);
    return (home === folder || home === posix.dirname(folder)) && bareMention.test(test.text);
  });
  return named ? [] : [{ rule: "tests", file, line: 1, message: "no test names it" }];
}

const transpiler = new Bun.Transpiler({ loader: "ts" });

function isTypesOnly(text: string): boolean {
  try {
    return (
      transpiler
        .transformSync(text)
        .replaceAll(/^\/\/.*$/gm, "")
        .trim() === ""
    );
  } catch {
    return false; // It does not parse, which the type check will say better.
  }
}

/** The text files of a checkout, as `checkTidy` takes them. */
export async function readTexts(root: string): Promise<Map<string, string>> {
  const files: [string, string][] = [];
  const globs = ["*", "{src,test,tools,bench,examples,docs,bin,deploy,console,.ci}/**/*"];
  for (const pattern of globs) {
    for await (const file of new Bun.Glob(pattern).scan({ cwd: root, dot: true })) {
      if (
        /(?:^|\/)(?:node_modules|data|dist|\.cache)\/|\.(?:png|svg|ico|woff2?|bin|db|gz|jpe?g)$|(?:^|\/)\.git$/.test(
          file,
        )
      )
        continue;
      files.push([file, await Bun.file(`${root}/${file}`).text()]);
    }
  }
  return new Map(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

if (import.meta.main) {
  const root = posix.join(import.meta.dir, "..");
  const files = await readTexts(root);
  const breaches = checkTidy(files, { root, home: homedir() });
  for (const { rule, file, line, message } of breaches) console.error(`${file}:${line} [${rule}] ${message}`);
  console.log(`tidy: ${files.size} files, ${breaches.length} breaches`);
  process.exit(breaches.length === 0 ? 0 : 1);
}
