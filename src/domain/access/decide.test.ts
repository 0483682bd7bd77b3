import { describe, expect, test } from "bun:test";
import { type ApiFacts, subscriptionFor } from "./decide.ts";
import type { Principal, Subscription } from "./principal.ts";

const apis: Record<string, ApiFacts> = {
  "chat/v1": { stage: "published", models: ["small"] },
  "chat/v2": { stage: "deprecated", models: ["small", "large"] },
  "lab/v1": { stage: "draft", models: ["large"] },
  "old/v1": { stage: "retired", models: ["large"] },
};

function principal(...subscriptions: [string, Subscription["state"]][]): Principal {
  const named = { id: "x", name: "x" };
  return {
    key: { id: "k", name: "k", mode: "live" },
    tenant: named,
    team: named,
    application: named,
    subscriptions: subscriptions.map(([api, state], i) => ({ id: `sub_${i}`, api, plan: "p", state })),
    allowFrom: [],
    expiresAt: null,
    revokedAt: null,
    timeZone: "UTC",
    limits: { key: [], application: [], team: [], tenant: [] },
    raises: [],
  };
}

describe("a subscription lets a model be called", () => {
  const rows: [string, Principal, string, string | null, string | undefined][] = [
    ["approved and published", principal(["chat/v1", "approved"]), "small", null, "sub_0"],
    ["deprecated is still callable", principal(["chat/v2", "approved"]), "large", null, "sub_0"],
    ["the first that fits", principal(["chat/v1", "approved"], ["chat/v2", "approved"]), "large", null, "sub_1"],
    [
      "only the API that the path names",
      principal(["chat/v1", "approved"], ["chat/v2", "approved"]),
      "small",
      "chat/v2",
      "sub_1",
    ],
    ["not while it is requested", principal(["chat/v1", "requested"]), "small", null, undefined],
    ["not when rejected", principal(["chat/v1", "rejected"]), "small", null, undefined],
    ["not when suspended", principal(["chat/v1", "suspended"]), "small", null, undefined],
    ["not a draft", principal(["lab/v1", "approved"]), "large", null, undefined],
    ["not a retired API", principal(["old/v1", "approved"]), "large", null, undefined],
    ["not a model of another API", principal(["chat/v1", "approved"]), "large", null, undefined],
    ["not an API that is gone", principal(["gone/v1", "approved"]), "small", null, undefined],
    ["not without any subscription", principal(), "small", null, undefined],
  ];
  for (const [name, who, model, only, expected] of rows) {
    test(name, () => {
      const found = subscriptionFor(
        who,
        model,
        only,
        (key) => apis[key],
        (api, wanted) => api.models.includes(wanted),
      );
      expect(found?.subscription.id).toBe(expected);
    });
  }
});
