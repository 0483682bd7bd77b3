// Covers tools/docs.ts and the pages beside it, written by hand or made from code.
import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parse } from "yaml";
import { documentSchema } from "../src/config/document.ts";
import { VARIABLES } from "../src/config/environment.ts";
import { ERRORS } from "../src/errors.ts";
import { ADAPTERS } from "../src/providers/adapters.ts";
import { KEY_FORMS } from "../src/spec/account-key.ts";
import { configSchema, PAGES, stalePages } from "./docs.ts";
import { fieldsOf } from "./schema-fields.ts";
import { readTexts } from "./tidy.ts";

const root = join(import.meta.dir, "..");
let texts: Map<string, string>;
beforeAll(async () => {
  texts = await readTexts(root);
});

const textOf = async (file: string) => await Bun.file(join(root, file)).text();

describe("a generated page says what the code says", () => {
  test.each(PAGES.map(({ file, make }) => [file, make] as const))("%s", async (file, make) => {
    expect(await textOf(file)).toBe(await make());
  });

  test("a page that differs is stale, and so is one that is missing", async () => {
    const pages = ["same.md", "other.md", "missing.md"].map((file) => ({ file, make: () => `# ${file}\n` }));
    const there: Record<string, string> = { "same.md": "# same.md\n", "other.md": "# other.md\nmore\n" };
    const stale = await stalePages(pages, async (file) => there[file] ?? null);
    expect(stale.map(({ file }) => file)).toEqual(["other.md", "missing.md"]);
  });
});

describe("what a page promises exists in code", () => {
  test("every error code on docs/errors.md is a row, and every row is on the page", async () => {
    const onPage = [...(await textOf("docs/errors.md")).matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code!);
    expect(onPage.toSorted()).toEqual(Object.keys(ERRORS).toSorted());
  });

  test("every error code is used by the product, not only listed", () => {
    const product = [...texts].filter(([file]) => /^src\/.*(?<!\.test)\.ts$/.test(file) && file !== "src/errors.ts");
    const unused = Object.keys(ERRORS).filter((code) => !product.some(([, text]) => text.includes(`"${code}"`)));
    expect(unused).toEqual([]);
  });

  test("every variable on docs/config.md is read, and every variable that is read is on the page", async () => {
    const onPage = [...(await textOf("docs/config.md")).matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name!);
    expect(onPage).toEqual(VARIABLES.map(({ name }) => name));
    const known = new Set(onPage.flatMap((name) => [name, `${name}_FILE`]));
    const inCode = new Set<string>();
    for (const [file, text] of texts) {
      if (!/^src\/.*(?<!\.test)\.ts$/.test(file)) continue;
      for (const [name] of text.matchAll(/\bSALLYPORT_[A-Z_]*[A-Z]\b/g)) inCode.add(name);
    }
    expect([...inCode].filter((name) => !known.has(name))).toEqual([]);
  });
});

describe("the configuration file", () => {
  test("every field on docs/config.md is in the schema, and every field of the schema is on the page with a meaning", async () => {
    const page = await textOf("docs/config.md");
    const rows = page
      .slice(page.indexOf("## File"), page.indexOf("## Accounts"))
      .matchAll(/^\| `([^`]+)` \| (.*) \|$/gm);
    const onPage = [...rows].map(([, path]) => path!);
    const fields = fieldsOf(configSchema());
    expect(onPage).toEqual(fields.map(({ path }) => path));
    expect(fields.filter(({ meaning }) => meaning === "").map(({ path }) => path)).toEqual([]);
  });

  test("every option of every kind of account is on docs/config.md, and what a key is that is not shown", async () => {
    const page = await textOf("docs/config.md");
    const accounts = page.slice(page.indexOf("## Accounts"));
    const missing = ADAPTERS.flatMap(({ kind, options = {}, authorization }) => [
      ...Object.keys(options).map((name) => `| \`${kind}\` | \`${name}\` |`),
      ...(authorization === undefined ? [] : [`| \`${kind}\` | ${KEY_FORMS[authorization("{}")!]} |`]),
    ]).filter((row) => !accounts.includes(row));
    expect(missing).toEqual([]);
  });

  test("the file that README shows passes the schema that the gateway uses", async () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(await textOf("README.md"))![1]!;
    const schema = documentSchema(ADAPTERS.map((adapter) => adapter.kind));
    expect(schema.safeParse(parse(yaml)).error?.issues ?? []).toEqual([]);
  });
});

describe("pages written by hand", () => {
  const byHand = () => [...texts].filter(([file]) => file.endsWith(".md"));

  test("link to what is there", () => {
    const broken = byHand().flatMap(([file, text]) =>
      [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
        .map(([, target]) => normalize(join(dirname(file), target!)))
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${file} → ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test("name files that are there", () => {
    const named = /`((?:src|test|tools|docs|bench|examples|bin|deploy|\.ci)\/[\w./-]*)`/g;
    const missing = byHand().flatMap(([file, text]) =>
      [...text.matchAll(named)]
        .map(([, path]) => path!)
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${file}: ${path}`),
    );
    expect(missing).toEqual([]);
  });

  test("name npm scripts that are there", async () => {
    const { scripts } = JSON.parse(await textOf("package.json"));
    const missing = byHand().flatMap(([file, text]) =>
      [...text.matchAll(/npm run ([\w:-]+)/g)]
        .filter(([, name]) => !(name! in scripts))
        .map(([, name]) => `${file}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  test("ARCHITECTURE.md stays short enough to be read", async () => {
    expect((await textOf("ARCHITECTURE.md")).split("\n").length).toBeLessThan(200);
  });
});
