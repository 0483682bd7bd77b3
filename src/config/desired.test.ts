import { describe, expect, test } from "bun:test";
import { mintVirtualKey } from "../domain/access/virtual-key.ts";
import { USUAL_ROUTING } from "../domain/catalog/catalog.ts";
import { providerKeyContext, type Sealer } from "../ports/vault.ts";
import type { ProviderKind } from "./document.ts";
import { loadConfig } from "./load.ts";

const KINDS: ProviderKind[] = [
  { kind: "openai", baseUrl: "https://api.openai.com/v1", needsKey: true, models: [] },
  { kind: "demo", baseUrl: null, needsKey: false, models: [], local: () => [] },
];
const OWN = mintVirtualKey("test", (count) => crypto.getRandomValues(new Uint8Array(count)));
const FOREIGN = "243f6a8885a308d313198a2e03707344";

const TEXT = `
version: 1
providers:
  - { name: main, kind: openai, apiKey: { env: UP }, prices: [{ model: m, inputPerMTokUsd: 1, outputPerMTokUsd: 2 }] }
  - { name: proxy, kind: openai, baseUrl: "https://proxy.example/v1/", apiKey: { env: UP } }
  - { name: canned, kind: demo }
models:
  - { name: small, targets: [{ provider: main, model: m }], fallbacks: [{ provider: canned, model: demo }] }
plans:
  - { name: p, limits: [{ per: month, usd: 0.1 }, { per: minute, requests: 10 }, { concurrent: 3 }] }
  - { name: free, limits: [] }
apis:
  - { slug: auto, version: v1, stage: deprecated, models: [small], approval: auto, deprecatedAt: 2026-01-01, sunsetAt: 2027-01-01T00:00:00+01:00 }
  - { slug: manual, version: v1, models: [small] }
tenants:
  - name: acme
    prices: [{ provider: main, model: m, from: 2026-03-01, inputPerMTokUsd: 3, outputPerMTokUsd: 4, tiers: { flex: { inputPerMTokUsd: 1 } } }]
    teams:
      - name: research
        members: [{ email: Ada@Example.com, roles: [developer] }]
        applications:
          - name: bot
            subscriptions:
              - { api: auto, version: v1, plan: p }
              - { api: manual, version: v1, plan: p }
            keys:
              - { name: own, import: { env: OWN }, expires: 2027-01-01 }
              - { name: foreign, import: { env: FOREIGN }, allowFrom: [10.0.0.1, "2001:DB8::/32"] }
`;

let nonce = 0;
const sealer: Sealer = {
  seal: (plaintext, context) => `sealed ${plaintext.reveal()} for ${context} with ${nonce++}`,
  fingerprint: (plaintext, context) => `print of ${plaintext.reveal()} for ${context}`,
};
const env = { UP: "sk-up", OWN: OWN.text, FOREIGN };
const config = loadConfig("c.yaml", { kinds: KINDS, env, readFile: () => TEXT });
const desired = config.desired({ sealer, digest: (key) => `digest of ${key}` });

describe("the desired state", () => {
  test("has what models cost a tenant, dates as instants", () => {
    const [price] = desired.tenants[0]!.prices!;
    const from = Date.UTC(2026, 2, 1);
    const own = { provider: "main", model: "m", inputPerMTokUsd: 3, outputPerMTokUsd: 4 };
    expect(price).toEqual({ ...own, from, tiers: { flex: { inputPerMTokUsd: 1 } } });
  });

  test("has every account with its address, and its key sealed for that address", () => {
    const [main, proxy, canned] = desired.providers;
    expect(main).toMatchObject({
      name: "main",
      kind: "openai",
      baseUrl: "https://api.openai.com/v1",
      allowPrivateNetwork: false,
    });
    expect(main!.sealedKey).toContain(`sealed sk-up for ${providerKeyContext(main!)}`);
    expect(proxy!.baseUrl).toBe("https://proxy.example/v1");
    expect(proxy!.keyFingerprint).not.toBe(main!.keyFingerprint);
    expect(canned).toMatchObject({ baseUrl: null, sealedKey: null, keyFingerprint: null });
  });

  test("differs in nothing but the ciphertexts when it is made again", () => {
    const again = config.desired({ sealer, digest: (key) => `digest of ${key}` });
    const plain = (state: typeof desired) => ({
      ...state,
      providers: state.providers.map((p) => ({ ...p, sealedKey: "" })),
    });
    expect(plain(again)).toEqual(plain(desired));
    expect(again.providers[0]!.sealedKey).not.toBe(desired.providers[0]!.sealedKey);
  });

  test("counts money in nano-dollars, and gives each limit its window", () => {
    expect(desired.plans[0]!.limits).toEqual([
      { dimension: "usd", window: "month", amount: 100_000_000 },
      { dimension: "requests", window: "minute", amount: 10 },
      { dimension: "concurrent", window: null, amount: 3 },
    ]);
    expect(desired.plans[1]!.limits).toEqual([]);
  });

  test("weighs targets and fallbacks", () => {
    expect(desired.models[0]).toEqual({
      name: "small",
      targets: [{ provider: "main", model: "m", weight: 1 }],
      fallbacks: [{ provider: "canned", model: "demo", weight: 1 }],
      routing: USUAL_ROUTING,
      limits: [],
    });
  });

  test("has times in milliseconds", () => {
    expect(desired.apis[0]).toMatchObject({ deprecatedAt: Date.UTC(2026, 0, 1), sunsetAt: Date.UTC(2026, 11, 31, 23) });
    expect(desired.apis[1]).toMatchObject({ stage: "draft", approval: "manual", deprecatedAt: null, sunsetAt: null });
  });

  const [application] = desired.tenants[0]!.teams[0]!.applications;

  test("approves by itself only what the API approves by itself", () => {
    expect(application!.subscriptions).toEqual([
      { api: "auto/v1", plan: "p", state: "approved" },
      { api: "manual/v1", plan: "p", state: "requested" },
    ]);
  });

  test("knows a key of our own form by its public id and mode, and any other by its digest", () => {
    expect(application!.keys).toEqual([
      {
        name: "own",
        mode: "test",
        digest: `digest of ${OWN.text}`,
        publicId: OWN.publicId,
        allowFrom: [],
        expiresAt: Date.UTC(2027, 0, 1),
        limits: [],
      },
      {
        name: "foreign",
        mode: "live",
        digest: `digest of ${FOREIGN}`,
        publicId: null,
        allowFrom: ["10.0.0.1/32", "2001:db8::/32"],
        expiresAt: null,
        limits: [],
      },
    ]);
  });

  test("writes e-mail addresses in one way", () => {
    expect(desired.tenants[0]!.teams[0]!.members).toEqual([{ email: "ada@example.com", roles: ["developer"] }]);
  });
});
