/**
 * TypeScript source as the tools of this folder read it: where the comments are, what is
 * imported (types too, which a transpiler would already have dropped), where functions
 * begin and end. The TypeScript 7 compiler has no API for this, and dependency-cruiser
 * cannot read TypeScript without an older one, so a small lexer does it.
 */

export interface Import {
  /** As written. */
  specifier: string;
  line: number;
}

export interface FunctionSpan {
  /** Empty where it has none. */
  name: string;
  /** First and last line, counted from 1. */
  from: number;
  to: number;
}

export interface Source {
  text: string;
  /** Same length and lines as `text`; comments, and what is inside strings and patterns, are blanks. */
  code: string;
  imports: Import[];
}

export function readSource(text: string): Source {
  const code = blank(text);
  return { text, code, imports: importsOf(text, code) };
}

/** Line of an offset, counted from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Every import, export-from, dynamic import and import type whose specifier is written out. */
function importsOf(text: string, code: string): Import[] {
  const found: Import[] = [];
  // In `code` the specifier is blank between its quotes, so nothing inside a string can match.
  for (const match of code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(["'`])( *)\1/g)) {
    const from = match.index + match[0].length - match[2]!.length - 1;
    found.push({ specifier: text.slice(from, from + match[2]!.length), line: lineAt(text, match.index) });
  }
  return found;
}

/** Replaces comments and the inside of strings, templates and patterns by blanks. Code within `${}` stays. */
function blank(text: string): string {
  const out = text.split("");
  // One entry for each `${` that is open: how many braces are open within it.
  const templates: number[] = [];
  let at = 0;
  const hide = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
  };
  const template = () => {
    const end = templateEnd(text, at);
    hide(at, end.at);
    at = end.at + (end.opens ? 2 : 1);
    if (end.opens) templates.push(0);
  };
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const one = text[at]!;
    if (two === "//" || (at === 0 && two === "#!")) {
      const end = endOf(text, "\n", at);
      hide(at, end);
      at = end;
    } else if (two === "/*") {
      const end = Math.min(text.length, endOf(text, "*/", at + 2) + 2);
      hide(at, end);
      at = end;
    } else if (one === '"' || one === "'") {
      const end = stringEnd(text, at);
      hide(at + 1, end);
      at = end + 1;
    } else if (one === "`") {
      at++;
      template();
    } else if (one === "/" && beginsPattern(out, at)) {
      const end = patternEnd(text, at);
      hide(at + 1, end);
      at = end + 1;
    } else if (one === "}" && templates.at(-1) === 0) {
      templates.pop();
      at++;
      template();
    } else {
      const depth = templates.length - 1;
      if (one === "{" && depth >= 0) templates[depth]!++;
      if (one === "}" && depth >= 0) templates[depth]!--;
      at++;
    }
  }
  return out.join("");
}

function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at;
}

function stringEnd(text: string, from: number): number {
  const quote = text[from];
  let at = from + 1;
  while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return Math.min(at, text.length);
}

/** The next backtick or `${`, from inside a template. */
function templateEnd(text: string, from: number): { at: number; opens: boolean } {
  let at = from;
  while (at < text.length && text[at] !== "`" && text.slice(at, at + 2) !== "${") at += text[at] === "\\" ? 2 : 1;
  return { at: Math.min(at, text.length), opens: text[at] === "$" };
}

/** Whether a slash begins a pattern: it does where a value may stand, else it divides. */
function beginsPattern(out: readonly string[], at: number): boolean {
  let before = at - 1;
  while (before >= 0 && /\s/.test(out[before]!)) before--;
  if (before < 0 || "(,=:[!&|?{};+-*%<>~^".includes(out[before]!)) return true;
  let word = "";
  for (let i = before; i >= 0 && /[A-Za-z]/.test(out[i]!); i--) word = out[i] + word;
  return ["return", "typeof", "case", "in", "of", "do", "else", "yield", "await", "void", "delete"].includes(word);
}

function patternEnd(text: string, from: number): number {
  let inClass = false;
  for (let at = from + 1; at < text.length; at++) {
    const one = text[at];
    if (one === "\\") at++;
    else if (one === "[") inClass = true;
    else if (one === "]") inClass = false;
    else if (one === "\n" || (one === "/" && !inClass)) return at;
  }
  return text.length;
}

const NOT_FUNCTIONS =
  /^(?:(?:export|default|declare|abstract)\s+)*(?:if|else|for|while|switch|catch|case|class|interface|namespace|do|try|with)\b/;

/** Every function with a body in braces, outer before inner. `code` is the source's `code`. */
export function functionsOf(code: string): FunctionSpan[] {
  const found: FunctionSpan[] = [];
  for (let at = code.indexOf("{"); at >= 0; at = code.indexOf("{", at + 1)) {
    const head = headBefore(code, at);
    if (head === null) continue;
    const to = closing(code, at);
    found.push({ name: nameOf(code.slice(head, at)), from: lineAt(code, head), to: lineAt(code, to) });
  }
  return found;
}

/** Where the head of the function begins whose body opens at `brace`; null where the brace opens something else. */
function headBefore(code: string, brace: number): number | null {
  if (/(?:[=,:?&|([{]|\bis)\s*$/.test(code.slice(Math.max(0, brace - 80), brace))) return null;
  const start = headStart(code, brace);
  const head = code.slice(start, brace);
  const text = head.trim();
  if (!text.endsWith("=>") && (!text.includes("(") || NOT_FUNCTIONS.test(text))) return null;
  return start + head.length - head.trimStart().length;
}

/** Walks back from a brace to where its statement, property or argument begins. */
function headStart(code: string, brace: number): number {
  let depth = 0;
  let angles = 0;
  let parameters = false;
  for (let at = brace - 1; at >= 0; at--) {
    const one = code[at]!;
    if (")]}".includes(one)) {
      // Right before the body it closes an object type that the function returns; elsewhere, a block before the head.
      if (one === "}" && depth === 0 && (parameters || !/^[\s[\]>]*$/.test(code.slice(at + 1, brace)))) return at + 1;
      if (one === ")" && depth === 0) parameters = true;
      depth++;
    } else if ("([{".includes(one)) {
      if (depth === 0) return at + 1;
      depth--;
    } else if (depth === 0) {
      if (one === ">" && code[at - 1] !== "=") angles++;
      if (one === "<") angles--;
      if (one === ";" || (one === "," && parameters && angles === 0)) return at + 1;
    }
  }
  return 0;
}

function closing(code: string, brace: number): number {
  let depth = 0;
  for (let at = brace; at < code.length; at++) {
    if (code[at] === "{") depth++;
    else if (code[at] === "}" && --depth === 0) return at;
  }
  return code.length;
}

function nameOf(head: string): string {
  const patterns = [
    /\bfunction\s*\*?\s*([\w$]+)/,
    /\b(?:const|let)\s+([\w$]+)/,
    /^\s*([\w$]+)\s*:\s*(?:async\s*)?[(<]/,
    /([\w$#]+)\s*(?:<[^(]*>)?\s*\(/,
  ];
  for (const pattern of patterns) {
    const name = pattern.exec(head)?.[1];
    if (name !== undefined) return name;
  }
  return "";
}
