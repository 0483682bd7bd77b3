import { describe, expect, test } from "bun:test";
import { edited, load, problems } from "../../test/support/configuration.ts";
import { defaultGateway, documentSchema } from "./document.ts";

// The rows reach document.ts, and through it values.ts and issue.ts.

test("the gateway's defaults are the documented ones", () => {
  expect(defaultGateway()).toEqual({
    maxBodyBytes: 8_388_608,
    maxOpenCalls: 8_192,
    deadlines: {
      bodyMs: 30_000,
      firstByteMs: 120_000,
      unaryMs: 600_000,
      idleMs: 120_000,
      totalMs: 1_800_000,
      readerMs: 60_000,
    },
    drainDelayMs: 0,
    drainMs: 30_000,
    badCredentialsPerMinute: 100,
  });
  const { gateway } = load("version: 1\ngateway: { deadlines: { idleMs: 500 } }").document;
  expect(gateway.deadlines).toEqual({ ...defaultGateway().deadlines, idleMs: 500 });
});

describe("a mistake in a field", () => {
  const rows: [string, string, string, string][] = [
    [
      "an unknown field",
      "allowPrivateNetwork: true",
      "allowPrivatNetwork: true",
      'conf/sallyport.yaml:8:5: providers[0].allowPrivatNetwork: is not a field here; did you mean "allowPrivateNetwork"?',
    ],
    ["another format", "version: 1", "version: 2", "conf/sallyport.yaml:2:10: version: must be 1"],
    [
      "an unknown kind",
      "kind: demo",
      "kind: dem",
      'providers[1].kind: must be one of openai, openai-compatible, demo; did you mean "demo"?',
    ],
    [
      "a kind for later",
      "kind: demo",
      "kind: bedrock",
      "providers[1].kind: has bedrock, which is not supported by this version",
    ],
    ["a missing kind", ", kind: demo", "", "conf/sallyport.yaml:10:5: providers[1].kind: is required"],
    [
      "an address of another scheme",
      "https://llm.internal/v1",
      "ftp://llm.internal",
      "providers[0].baseUrl: must be an http or https URL",
    ],
    [
      "an address with credentials",
      "https://llm.internal/v1",
      "https://a:b@llm.internal",
      "providers[0].baseUrl: must not hold credentials",
    ],
    [
      "an address with a query",
      "https://llm.internal/v1",
      "https://llm.internal/v1?k=v",
      "providers[0].baseUrl: must not have a query",
    ],
    [
      "an address with a fragment",
      "https://llm.internal/v1",
      '"https://llm.internal/v1#x"',
      "providers[0].baseUrl: must not have a fragment",
    ],
    [
      "a secret in the file",
      "{ env: UP_KEY }",
      "sk-123",
      "providers[0].apiKey: must say where the secret is kept, { env: NAME } or { file: path }, and not be the secret itself",
    ],
    [
      "a secret in two places",
      "{ env: UP_KEY }",
      "{ env: UP_KEY, file: f }",
      "providers[0].apiKey: must name exactly one place",
    ],
    ["a secret nowhere", "{ env: UP_KEY }", "{}", "providers[0].apiKey: must name exactly one place"],
    [
      "a secret in a vault",
      "{ env: UP_KEY }",
      "{ vault: a/b }",
      "providers[0].apiKey.vault: is not supported by this version",
    ],
    [
      "one of the gateway's own secrets",
      "{ env: UP_KEY }",
      "{ env: SALLYPORT_MASTER_KEY }",
      "providers[0].apiKey.env: must not be one of Sallyport's own",
    ],
    [
      "YAML 1.1's yes",
      "allowPrivateNetwork: true",
      "allowPrivateNetwork: yes",
      "providers[0].allowPrivateNetwork: must be true or false, not text; YAML 1.2",
    ],
    [
      "a negative price",
      "inputPerMTokUsd: 0.15",
      "inputPerMTokUsd: -1",
      "providers[0].prices[0].inputPerMTokUsd: must be at least 0",
    ],
    [
      "an endless price",
      "inputPerMTokUsd: 0.15",
      "inputPerMTokUsd: .inf",
      "providers[0].prices[0].inputPerMTokUsd: must be a number",
    ],
    [
      "a star in the middle of a name",
      "name: small",
      "name: sm*all",
      "models[0].name: may have a * only as its last character",
    ],
    ["two stars in a target", "model: small-2026", 'model: "*-*"', "models[0].targets[0].model: may have only one *"],
    [
      "a model without targets",
      "[{ provider: up, model: small-2026 , weight: 1 }]",
      "[]",
      "models[0].targets: must have at least 1 item",
    ],
    ["a weight of nothing", "weight: 1", "weight: 0", "models[0].targets[0].weight: must be at least 1"],
    [
      "a guardrail that nothing enforces",
      "{ name: words, kind: phrases, phrases: [secret plan], action: mask, direction: both }",
      "{ name: words, kind: pii, action: mask, direction: both, restore: true }",
      "guardrails[0].kind: is pii, which this version cannot enforce",
    ],
    [
      "a misspelt guardrail",
      "kind: phrases",
      "kind: phrase",
      'guardrails[0].kind: must be phrases; did you mean "phrases"?',
    ],
    ["an empty phrase", "[secret plan]", '[""]', "guardrails[0].phrases[0]: must have at least 1 character"],
    ["a limit of nothing", "requests: 100 ", "requests: 0 ", "plans[0].limits[0].requests: must be at least 1"],
    ["a negative limit", "requests: 100 ", "requests: -5 ", "plans[0].limits[0].requests: must be at least 1"],
    [
      "half a request",
      "requests: 100 ",
      "requests: 1.5 ",
      "plans[0].limits[0].requests: must be a whole number, not 1.5",
    ],
    [
      "a limit that overflows",
      "requests: 100 ",
      "requests: 9007199254740993 ",
      "plans[0].limits[0].requests: must be at most 9007199254740991",
    ],
    [
      "a limit as text",
      "requests: 100 ",
      'requests: "100" ',
      "plans[0].limits[0].requests: must be a number, not text; write it without quotes",
    ],
    ["money that overflows", "usd: 500", "usd: 1e300", "plans[2].limits[0].usd: must be at most 9007199"],
    ["negative money", "usd: 500", "usd: -1", "plans[2].limits[0].usd: must be more than 0"],
    [
      "money below a nano-dollar",
      "usd: 500",
      "usd: 1e-10",
      "plans[2].limits[0].usd: must be more than 0 and have at most 9 decimals",
    ],
    [
      "an unknown window",
      "per: day, requests: 100 ",
      "per: fortnight, requests: 100 ",
      "plans[0].limits[0].per: must be one of second",
    ],
    [
      "a limit without a window",
      "per: day, requests: 100 ",
      "requests: 100 ",
      "plans[0].limits[0].per: is required with requests",
    ],
    [
      "concurrency with a window",
      "{ concurrent: 50 }",
      "{ per: day, concurrent: 50 }",
      "plans[2].limits[2].per: must not stand with concurrent",
    ],
    [
      "two dimensions in a limit",
      "{ concurrent: 50 }",
      "{ concurrent: 50, tokens: 5 }",
      "plans[2].limits[2]: must limit exactly one of",
    ],
    ["a limit of no dimension", "{ concurrent: 50 }", "{ per: day }", "plans[2].limits[2]: must limit exactly one of"],
    [
      "a version that YAML reads as a number",
      "version: v1, stage",
      "version: 1, stage",
      'apis[0].version: must be text, not 1; write it in quotes: "1"',
    ],
    ["a slug that is no path", "slug: chat", "slug: ../chat", "apis[0].slug: must be 1 to 63 lower-case"],
    ["a day that does not exist", "expires: 2027-01-01", "expires: 2027-02-30", "keys[0].expires: must be a date"],
    [
      "a network with bits beyond its mask",
      "10.0.0.0/8",
      "10.0.0.1/8",
      "keys[0].allowFrom[0]: has address bits beyond its mask; 10.0.0.0/8",
    ],
    [
      "a role that is misspelt",
      "roles: [developer]",
      "roles: [developers]",
      'members[0].roles[0]: must be developer; did you mean "developer"?',
    ],
    [
      "a role that there is not",
      "roles: [developer]",
      "roles: [developer, auditor]",
      "members[0].roles[1]: must be developer",
    ],
    ["a role of another form", "roles: [developer]", "roles: [constructor]", "members[0].roles[0]: must be developer"],
    ["an address that is none", "ada@example.com", "ada", "members[0].email: must be an e-mail address"],
    ["a name that ends in a space", "name: acme", 'name: "acme "', "tenants[0].name: must be 1 to 100 characters"],
    ["a name with a line break", "name: acme", 'name: "ac\\nme"', "tenants[0].name: must be 1 to 100 characters"],
    [
      "a deadline that switches the gateway off",
      "version: 1\n",
      "version: 1\ngateway: { deadlines: { idleMs: 0 } }\n",
      "gateway.deadlines.idleMs: must be at least 10",
    ],
    [
      "a body of any size",
      "version: 1\n",
      "version: 1\ngateway: { maxBodyBytes: 1e12 }\n",
      "gateway.maxBodyBytes: must be at most 268435456",
    ],
  ];
  for (const [what, from, to, message] of rows) {
    test(`${what} is refused by name`, () => {
      const found = problems(edited(from, to));
      expect(found.join("\n")).toContain(message);
      expect(found[0]).toMatch(/^conf\/sallyport\.yaml:\d+:\d+: /);
    });
  }
});

describe("the published schema", () => {
  const schema = documentSchema(["demo"]).toJSONSchema({ io: "input" }) as JsonSchema;
  interface JsonSchema {
    properties?: Record<string, JsonSchema>;
    items?: JsonSchema;
    oneOf?: JsonSchema[];
    description?: string;
    additionalProperties?: unknown;
    required?: string[];
  }

  test("says of every field what it means, and allows no other", () => {
    const bare: string[] = [];
    const visit = (node: JsonSchema, path: string) => {
      if (node.properties !== undefined && node.additionalProperties !== false) bare.push(`${path} is open`);
      for (const [name, child] of Object.entries(node.properties ?? {})) {
        if (!child.description) bare.push(`${path}.${name}`);
        visit(child, `${path}.${name}`);
      }
      if (node.items) visit(node.items, `${path}[]`);
      for (const form of node.oneOf ?? []) visit(form, path);
    };
    visit(schema, "");
    expect(bare).toEqual([]);
  });

  test("requires only the version", () => expect(schema.required).toEqual(["version"]));
});
