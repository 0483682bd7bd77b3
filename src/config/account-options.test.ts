// Covers options of accounts in document.ts, references.ts, secrets.ts and desired.ts.
import { describe, expect, test } from "bun:test";
import { providerKeyContext, type Sealer } from "../ports/vault.ts";
import type { ProviderKind } from "./document.ts";
import { loadConfig } from "./load.ts";
import { ConfigurationError } from "./problem.ts";

const KINDS: ProviderKind[] = [
  {
    kind: "cloud",
    baseUrl: null,
    baseUrlOf: ({ region }) => `https://api.${region}.example`,
    needsKey: true,
    options: {
      region: { description: "Where.", required: true, pattern: /[a-z]{2}-\d/ },
      edition: { description: "Which.", required: false, pattern: /old|new/ },
    },
    authorization: (key) => (key.startsWith("{") ? "aws-sigv4" : null),
    models: [],
  },
  { kind: "plain", baseUrl: "https://plain.example", needsKey: false, models: [] },
];

const ENV = {
  SIGNING: JSON.stringify({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x".repeat(40) }),
  BROKEN: JSON.stringify({ accessKeyId: "AKIAIOSFODNN7EXAMPLE" }),
  HEADER: "token-of-a-header",
};
const sealer: Sealer = {
  seal: (plaintext, context) => `${plaintext.reveal()} for ${context}`,
  fingerprint: (plaintext, context) => `print of ${plaintext.reveal()} for ${context}`,
};

const load = (account: string) =>
  loadConfig("c.yaml", {
    kinds: KINDS,
    env: ENV,
    readFile: () => `version: 1\nproviders:\n  - { name: up, ${account} }\n`,
  });

function problems(account: string): string {
  try {
    load(account);
    return "";
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(ConfigurationError);
    return (thrown as ConfigurationError).message;
  }
}

const SIGNED = "apiKey: { env: SIGNING }";

describe("an account's options", () => {
  test("are kept, give it its address, and are part of what its key is sealed for", () => {
    const [account] = load(`kind: cloud, ${SIGNED}, options: { region: eu-1 }`).desired({
      sealer,
      digest: String,
    }).providers;
    expect(account).toMatchObject({ options: { region: "eu-1" }, baseUrl: "https://api.eu-1.example" });
    expect(account!.sealedKey).toBe(`${ENV.SIGNING} for ${providerKeyContext(account!)}`);
    expect(providerKeyContext(account!)).not.toBe(providerKeyContext({ ...account!, options: { region: "us-1" } }));
  });

  test("are not needed for an address that the account names itself", () => {
    const own = load(`kind: cloud, ${SIGNED}, baseUrl: https://proxy.example`);
    expect(own.desired({ sealer, digest: String }).providers[0]!.baseUrl).toBe("https://proxy.example");
  });

  const rows: [string, string, string][] = [
    ["that are missing", `kind: cloud, ${SIGNED}`, "providers[0].options.region: is required with kind cloud"],
    [
      "of another form",
      `kind: cloud, ${SIGNED}, options: { region: "eu-1/evil" }`,
      "providers[0].options.region: does not have the form [a-z]{2}-\\d",
    ],
    [
      "that only begin with one of several forms",
      `kind: cloud, ${SIGNED}, options: { region: eu-1, edition: newest }`,
      "providers[0].options.edition: does not have the form old|new",
    ],
    [
      "with a typing error in the name",
      `kind: cloud, ${SIGNED}, options: { region: eu-1, editon: new }`,
      'providers[0].options.editon: is no option of kind cloud, which has region, edition; did you mean "edition"?',
    ],
    [
      "that all objects inherit",
      `kind: cloud, ${SIGNED}, options: { region: eu-1, constructor: x }`,
      "providers[0].options.constructor: is no option of kind cloud",
    ],
    [
      "of a kind without any",
      "kind: plain, options: { region: eu-1 }",
      "providers[0].options.region: is no option of kind plain, which has none",
    ],
    ["that are no text", "kind: plain, options: { region: 1 }", "providers[0].options.region: must be text"],
  ];
  for (const [what, account, message] of rows) {
    test(`${what} are refused by name`, () => expect(problems(account)).toContain(message));
  }
});

describe("a key that is not shown as it is", () => {
  test("must be what its kind needs, and is never repeated", () => {
    const told = problems("kind: cloud, apiKey: { env: BROKEN }, options: { region: eu-1 }");
    expect(told).toContain("providers[0].apiKey: refers to a key that must have a text in secretAccessKey; it is");
    expect(told).not.toContain("AKIAIOSFODNN7EXAMPLE");
  });

  test("is told from one that is by its own form", () => {
    expect(problems("kind: cloud, apiKey: { env: HEADER }, options: { region: eu-1 }")).toBe("");
    expect(problems(`kind: cloud, ${SIGNED}, options: { region: eu-1 }`)).toBe("");
  });
});
