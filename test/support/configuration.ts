import { expect } from "bun:test";
import type { ProviderKind } from "../../src/config/document.ts";
import { type Config, loadConfig } from "../../src/config/load.ts";
import { ConfigurationError } from "../../src/config/problem.ts";

/** Three kinds of accounts: with an address of their own, without one, and without an upstream. */
export const KINDS: ProviderKind[] = [
  { kind: "openai", baseUrl: "https://api.openai.com/v1", needsKey: true, models: [] },
  { kind: "openai-compatible", baseUrl: null, needsKey: false, models: [] },
  { kind: "demo", baseUrl: null, needsKey: false, models: ["demo"], local: () => [] },
];
export const KEY = "243f6a8885a308d313198a2e03707344";
const OWN_KEY = "sp_live_0123456789ab_0123456789abcdefghjkmnpqrstvwxyz";
const ENV = {
  UP_KEY: "sk-upstream",
  BOT_KEY: KEY,
  SHORT: "password123",
  SPACED: "two words",
  COMMA: `${KEY},${KEY}`,
  OWN: OWN_KEY,
};

/** The documented example, with a guardrail that this version has. */
export const EXAMPLE = `
version: 1
providers:
  - name: up
    kind: openai-compatible
    baseUrl: https://llm.internal/v1
    apiKey: { env: UP_KEY }
    allowPrivateNetwork: true
    prices: [{ model: small, inputPerMTokUsd: 0.15, outputPerMTokUsd: 0.60 }]
  - { name: other, kind: demo }
models:
  - name: small
    targets: [{ provider: up, model: small-2026 , weight: 1 }]
    fallbacks: [{ provider: other, model: tiny }]
guardrails:
  - { name: words, kind: phrases, phrases: [secret plan], action: mask, direction: both }
plans:
  - name: free
    limits: [{ per: day, requests: 100 }, { per: minute, requests: 10 }]
  - name: standard
    limits: [{ per: day, requests: 1000 }, { per: minute, requests: 30 }]
  - name: enterprise
    limits: [{ per: month, usd: 500 }, { per: minute, tokens: 200000 }, { concurrent: 50 }]
apis:
  - { slug: chat, version: v1, stage: published, models: [small], guardrails: [words], approval: manual }
tenants:
  - name: acme
    teams:
      - name: research
        members: [{ email: ada@example.com, roles: [developer] }]
        applications:
          - name: bot
            subscriptions: [{ api: chat, version: v1, plan: standard, state: approved }]
            keys: [{ name: ci, import: { env: BOT_KEY }, allowFrom: [10.0.0.0/8], expires: 2027-01-01 }]
`;

/** Loads the text as `conf/sallyport.yaml`. */
export function load(text: string, files: Record<string, string> = {}): Config {
  return loadConfig("conf/sallyport.yaml", { kinds: KINDS, env: ENV, readFile: reader(text, files) });
}

/** Reads the text, and files by their paths. */
export function reader(text: string, files: Record<string, string>) {
  return (path: string) => {
    const found = path === "conf/sallyport.yaml" ? text : files[path];
    if (found === undefined) throw new Error("no such file");
    return found;
  };
}

/** What is wrong with it, a line each. */
export function problems(text: string, files: Record<string, string> = {}): string[] {
  try {
    load(text, files);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).message.split("\n");
  }
  return [];
}

/** The example with one piece of it replaced. */
export function edited(from: string, to: string): string {
  expect(EXAMPLE).toContain(from);
  return EXAMPLE.replace(from, to);
}
