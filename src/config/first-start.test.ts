import { describe, expect, test } from "bun:test";
import type { Secret } from "../kernel/secret.ts";
import type { Sealer } from "../ports/vault.ts";
import { providerKeyContext } from "../ports/vault.ts";
import type { ProviderKind } from "./document.ts";
import { type AccountVariables, firstStart, NATIVE_ACCOUNTS } from "./first-start.ts";

const KINDS: ProviderKind[] = [
  { kind: "openai", baseUrl: "https://api.openai.com/v1", needsKey: true, models: ["gpt-x", "gpt-y"] },
  { kind: "anthropic", baseUrl: "https://api.anthropic.com", needsKey: true, models: ["claude-x"] },
  { kind: "groq", baseUrl: "https://api.groq.com/openai/v1", needsKey: true, models: ["gpt-x", "llama"] },
  { kind: "ollama", baseUrl: "http://127.0.0.1:11434/v1", needsKey: false, models: [] },
  {
    kind: "bedrock",
    baseUrl: null,
    baseUrlOf: ({ region }) => `https://${region}.aws.example`,
    needsKey: true,
    options: {
      region: { description: "Where.", required: true, pattern: /[a-z]+-\d/ },
    },
    models: [],
  },
  {
    kind: "azure-openai",
    baseUrl: null,
    needsKey: true,
    options: { apiVersion: { description: "Which.", required: false, pattern: /v\d/ } },
    models: [],
  },
  { kind: "demo", baseUrl: null, needsKey: false, models: ["demo"], local: () => [] },
];
const ACCOUNTS: AccountVariables[] = [
  ...NATIVE_ACCOUNTS,
  { kind: "groq", keyVariable: "GROQ_API_KEY" },
  { kind: "ollama", keyVariable: null, addressVariable: "OLLAMA_HOST" },
  { kind: "gone", keyVariable: "GONE_API_KEY" },
];
/** Shows what was sealed, and for whom. */
const sealer: Sealer = {
  seal: (plaintext: Secret<string>, context) => `${plaintext.reveal()} for ${context}`,
  fingerprint: (plaintext: Secret<string>) => `print of ${plaintext.reveal()}`,
};

const start = (env: Record<string, string>, kinds = KINDS) => firstStart({ env, kinds, accounts: ACCOUNTS, sealer });
const account = (env: Record<string, string>, name: string) =>
  start(env).desired.providers.find((provider) => provider.name === name);
const targets = (env: Record<string, string>) =>
  Object.fromEntries(
    start(env).desired.models.map((model) => [model.name, `${model.targets[0]!.provider}:${model.targets[0]!.model}`]),
  );

describe("a first start with nothing in the environment", () => {
  test("offers the demo model to one application, and nothing else", () => {
    const { desired, providers, problems } = start({});
    expect({ providers, problems }).toEqual({ providers: [], problems: [] });
    expect(desired.origin).toBe("first-start");
    expect(desired.providers.map((provider) => provider.name)).toEqual(["demo"]);
    expect(targets({})).toEqual({ demo: "demo:demo" });
    expect(desired.apis).toMatchObject([
      { slug: "default", version: "v1", stage: "published", models: ["demo"], capture: false },
    ]);
    const [application] = desired.tenants[0]!.teams[0]!.applications;
    expect(application).toEqual({
      name: "default",
      subscriptions: [{ api: "default/v1", plan: "unlimited", state: "approved" }],
      keys: [],
    });
    expect(desired.plans.map((plan) => plan.name)).toEqual(["unlimited"]);
  });

  test("publishes no API where there is no model at all", () => {
    const { desired } = start({}, []);
    expect(desired.apis).toEqual([]);
    expect(desired.tenants[0]!.teams[0]!.applications[0]!.subscriptions).toEqual([]);
  });
});

describe("a provider's usual variable", () => {
  test("makes its account, and publishes its models under their own names and any other under its own", () => {
    expect(start({ OPENAI_API_KEY: "sk-1" }).providers).toEqual(["openai"]);
    expect(targets({ OPENAI_API_KEY: "sk-1" })).toEqual({
      "gpt-x": "openai:gpt-x",
      "gpt-y": "openai:gpt-y",
      "openai/*": "openai:*",
      demo: "demo:demo",
    });
    const [api] = start({ OPENAI_API_KEY: "sk-1" }).desired.apis;
    expect(api!.models).toEqual(["gpt-x", "gpt-y", "openai/*", "demo"]);
  });

  test("of two providers leaves a common name to the first, and the second's to its own prefix", () => {
    const found = targets({ OPENAI_API_KEY: "sk-1", GROQ_API_KEY: "gsk" });
    expect(found["gpt-x"]).toBe("openai:gpt-x");
    expect(found["groq/*"]).toBe("groq:*");
    expect(found.llama).toBe("groq:llama");
  });

  test("seals the key for this very account and address", () => {
    const made = account({ OPENAI_API_KEY: " sk-1\n" }, "openai")!;
    expect(made.baseUrl).toBe("https://api.openai.com/v1");
    expect(made.sealedKey).toBe(`sk-1 for ${providerKeyContext(made)}`);
    expect(made.keyFingerprint).toBe("print of sk-1");
    expect(made.allowPrivateNetwork).toBe(false);
  });

  test("that is empty or only spaces makes nothing", () => {
    expect(start({ OPENAI_API_KEY: "", ANTHROPIC_API_KEY: "  " }).providers).toEqual([]);
  });

  test("of a kind that this version does not have makes nothing", () => {
    expect(start({ GONE_API_KEY: "k" }).providers).toEqual([]);
  });

  test("that no header could carry is told and makes nothing, and the rest goes on", () => {
    const { problems, providers } = start({ OPENAI_API_KEY: "sk 1", ANTHROPIC_API_KEY: "k" });
    expect(problems.map((problem) => problem.where)).toEqual(["OPENAI_API_KEY"]);
    expect(providers).toEqual(["anthropic"]);
  });
});

describe("an account of several variables", () => {
  const AWS = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "secret", AWS_REGION: "eu-1" };

  test("has its key made of them, and its address from its options", () => {
    const made = account({ ...AWS, AWS_SESSION_TOKEN: "token" }, "bedrock")!;
    expect(made).toMatchObject({ baseUrl: "https://eu-1.aws.example", options: { region: "eu-1" } });
    const key = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret", sessionToken: "token" };
    expect(made.sealedKey).toBe(`${JSON.stringify(key)} for ${providerKeyContext(made)}`);
    expect(account({ ...AWS, AWS_REGION: "", AWS_DEFAULT_REGION: "us-2" }, "bedrock")?.options).toEqual({
      region: "us-2",
    });
  });

  test("is the one whose own variable is set, where there are two ways", () => {
    const both = start({ ...AWS, AWS_BEARER_TOKEN_BEDROCK: "bearer" });
    expect(both.providers).toEqual(["bedrock"]);
    expect(both.desired.providers[0]).toMatchObject({
      options: { region: "eu-1" },
      keyFingerprint: "print of bearer",
    });
  });

  const broken: [Record<string, string | undefined>, string, string][] = [
    [{ AWS_SECRET_ACCESS_KEY: undefined }, "AWS_SECRET_ACCESS_KEY", "is not set"],
    [{ AWS_REGION: undefined }, "AWS_REGION", "is not set"],
    [{ AWS_REGION: "eu-1/evil" }, "AWS_REGION", "does not have the form"],
    [{ AWS_SECRET_ACCESS_KEY: "two words" }, "AWS_SECRET_ACCESS_KEY", "has spaces"],
  ];
  test.each(broken)("with %j is told, and makes nothing", (change, where, message) => {
    const env = Object.fromEntries(Object.entries({ ...AWS, ...change }).filter(([, value]) => value !== undefined));
    const { problems, providers } = start(env as Record<string, string>);
    expect(problems.map((problem) => problem.where)).toEqual([where]);
    expect(problems[0]!.message).toContain(message);
    expect(providers).toEqual([]);
  });

  test("at an address of its own needs that address", () => {
    expect(start({ AZURE_OPENAI_API_KEY: "k" }).problems).toEqual([
      { where: "AZURE_OPENAI_ENDPOINT", message: "is not set; no account was made of AZURE_OPENAI_API_KEY" },
    ]);
    const env = { AZURE_OPENAI_API_KEY: "k", AZURE_OPENAI_ENDPOINT: "https://acme.example/", OPENAI_API_VERSION: "v9" };
    expect(account(env, "azure-openai")).toMatchObject({
      baseUrl: "https://acme.example",
      options: { apiVersion: "v9" },
    });
  });
});

describe("a provider's address variable", () => {
  test("without a key makes nothing where a key is needed", () => {
    expect(start({ OPENAI_BASE_URL: "http://127.0.0.1:1/v1" }).providers).toEqual([]);
  });

  const urls: [string, string, boolean][] = [
    ["https://proxy.example/v1/", "https://proxy.example/v1", false],
    ["http://127.0.0.1:9999/v1", "http://127.0.0.1:9999/v1", true],
    ["http://llm:8000/v1", "http://llm:8000/v1", true],
    ["http://[::1]:8000", "http://[::1]:8000", true],
    ["http://10.1.2.3/v1", "http://10.1.2.3/v1", true],
  ];
  for (const [value, baseUrl, allowPrivateNetwork] of urls) {
    test(`${value} is called as ${baseUrl}, ${allowPrivateNetwork ? "private" : "public only"}`, () => {
      expect(account({ OPENAI_API_KEY: "k", OPENAI_BASE_URL: value }, "openai")).toMatchObject({
        baseUrl,
        allowPrivateNetwork,
      });
    });
  }

  for (const value of ["file:///etc/passwd", "https://a:b@proxy.example", "proxy"]) {
    test(`${value} is told and makes nothing`, () => {
      const { problems, providers } = start({ OPENAI_API_KEY: "k", OPENAI_BASE_URL: value });
      expect(problems.map((problem) => problem.where)).toEqual(["OPENAI_BASE_URL"]);
      expect(providers).toEqual([]);
    });
  }

  const hosts: [string, string][] = [
    ["127.0.0.1", "http://127.0.0.1:11434/v1"],
    ["0.0.0.0", "http://127.0.0.1:11434/v1"],
    ["0.0.0.0:8000", "http://127.0.0.1:8000/v1"],
    [":8000", "http://127.0.0.1:8000/v1"],
    ["ollama", "http://ollama:11434/v1"],
    ["ollama:11435", "http://ollama:11435/v1"],
    ["[::]", "http://127.0.0.1:11434/v1"],
    ["[::1]:8000", "http://[::1]:8000/v1"],
    ["::1", "http://[::1]:11434/v1"],
    ["http://ollama:11434", "http://ollama:11434/v1"],
    ["https://ollama.example", "https://ollama.example/v1"],
    ["https://example.org/ollama/", "https://example.org/ollama"],
  ];
  for (const [value, baseUrl] of hosts) {
    test(`OLLAMA_HOST=${value} is ${baseUrl}`, () => {
      expect(account({ OLLAMA_HOST: value }, "ollama")).toMatchObject({ baseUrl, sealedKey: null });
    });
  }
});
