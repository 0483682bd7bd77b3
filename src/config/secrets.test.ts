import { describe, expect, test } from "bun:test";
import { edited, KEY, KINDS, problems, reader } from "../../test/support/configuration.ts";
import { checkConfigWithoutSecrets } from "./load.ts";

// secrets.ts, as the loader asks it.

describe("a secret", () => {
  const rows: [string, string, string][] = [
    [
      "in a variable that is not set",
      "BOT_KEY",
      "keys[0].import: refers to the environment variable GONE, which is not set",
    ],
    [
      "that is short",
      "BOT_KEY",
      "keys[0].import: refers to a key whose form has 20 bits of entropy at most; it must have 128",
    ],
    ["with spaces", "BOT_KEY", "keys[0].import: refers to a key with spaces"],
    ["with a comma", "BOT_KEY", "keys[0].import: refers to a key with a comma"],
    [
      "in our own form with a wrong checksum",
      "BOT_KEY",
      "keys[0].import: refers to a key in Sallyport's own form whose checksum is wrong",
    ],
  ];
  const names = ["GONE", "SHORT", "SPACED", "COMMA", "OWN"];
  for (const [at, [what, from, message]] of rows.entries()) {
    test(`${what} is refused, and never repeated`, () => {
      const found = problems(edited(from, names[at]!)).join("\n");
      expect(found).toContain(message);
      expect(found).not.toMatch(/password123|two words|243f6a|sp_live/);
    });
  }

  test("is read from a file beside the configuration, or by its full path, without the last newline", () => {
    const text = edited("{ env: BOT_KEY }", "{ file: keys/bot }").replace("{ env: UP_KEY }", "{ file: /run/up }");
    expect(problems(text, { "conf/keys/bot": `${KEY}\n`, "/run/up": "sk\r\n" })).toEqual([]);
    expect(problems(text, { "conf/keys/bot": "\n" })).toEqual([
      expect.stringContaining("providers[0].apiKey: refers to /run/up, which cannot be read: no such file"),
      expect.stringContaining("keys[0].import: refers to conf/keys/bot, which is empty"),
    ]);
  });

  test("that two keys share is refused", () => {
    const text = edited("keys: [", "keys: [{ name: first, import: { env: BOT_KEY } }, ");
    expect(problems(text).join("\n")).toContain(
      "keys[1].import: is the same key as tenants[0].teams[0].applications[0].keys[0].import",
    );
  });

  test("is told together with every other mistake", () => {
    const text = edited("BOT_KEY", "GONE").replace("plan: standard", "plan: none");
    expect(problems(text)).toHaveLength(2);
  });

  test("need not be at hand for a review of the file", () => {
    const check = (text: string) =>
      checkConfigWithoutSecrets("conf/sallyport.yaml", { kinds: KINDS, readFile: reader(text, {}) }).problems;
    expect(check(edited("BOT_KEY", "GONE"))).toEqual([]);
    expect(check(edited("plan: standard", "plan: none"))).toHaveLength(1);
    expect(check("version: 2")).toHaveLength(1);
  });
});
