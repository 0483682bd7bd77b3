import { expect, test } from "bun:test";
import type { ProviderAccount } from "../../domain/catalog/catalog.ts";
import { Secret } from "../../kernel/secret.ts";
import { createOpenKey } from "./account-key.ts";

const ACCOUNT: ProviderAccount = {
  name: "up",
  kind: "openai",
  baseUrl: "https://api.openai.com/v1",
  options: {},
  sealedKey: "sealed",
  allowPrivateNetwork: false,
  prices: [],
};

function counting() {
  const contexts: string[] = [];
  const open = (sealed: string, context: string) => {
    contexts.push(context);
    return new Secret(`opened ${sealed}`);
  };
  return { contexts, openKey: createOpenKey({ open }) };
}

test("a key is opened once for an account, and anew for the account of another catalog", () => {
  const { contexts, openKey } = counting();
  expect(openKey(ACCOUNT)?.reveal()).toBe("opened sealed");
  openKey(ACCOUNT);
  expect(contexts).toHaveLength(1);
  expect(openKey({ ...ACCOUNT, sealedKey: "other" })?.reveal()).toBe("opened other");
  expect(contexts).toHaveLength(2);
});

test("a key opens for the account's own address only", () => {
  const { contexts, openKey } = counting();
  openKey(ACCOUNT);
  openKey({ ...ACCOUNT, baseUrl: "https://elsewhere.example/v1" });
  expect(contexts[0]).toContain("https://api.openai.com/v1");
  expect(contexts[1]).not.toBe(contexts[0]!);
});

test("an account without a key has none, and nothing is opened", () => {
  const { contexts, openKey } = counting();
  expect(openKey({ ...ACCOUNT, sealedKey: null })).toBeNull();
  expect(contexts).toEqual([]);
});
