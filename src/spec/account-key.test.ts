import { describe, expect, test } from "bun:test";
import { faultOfAccountKey, KEY_FORMS, readAwsKey, readEntraKey, readGoogleKey } from "./account-key.ts";
import type { Authorization } from "./adapter.ts";

const AWS = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x".repeat(40) };
const GOOGLE = {
  type: "service_account",
  project_id: "acme-prod",
  private_key_id: "abc123",
  private_key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
  client_email: "gateway@acme-prod.iam.gserviceaccount.com",
  token_uri: "https://oauth2.googleapis.com/token",
};
const ENTRA = { tenantId: "contoso.example", clientId: "0f1e-2d", clientSecret: "s~3cret" };

test("keys of each form are read", () => {
  expect(readAwsKey(JSON.stringify(AWS))).toEqual(AWS);
  expect(readAwsKey(JSON.stringify({ ...AWS, sessionToken: "t".repeat(400) })).sessionToken).toHaveLength(400);
  expect(readGoogleKey(JSON.stringify(GOOGLE))).toEqual({
    clientEmail: GOOGLE.client_email,
    privateKey: GOOGLE.private_key,
    privateKeyId: "abc123",
    projectId: "acme-prod",
    tokenUri: GOOGLE.token_uri,
  });
  expect(readEntraKey(JSON.stringify(ENTRA))).toEqual({ ...ENTRA, authority: "https://login.microsoftonline.com" });
  expect(readEntraKey(JSON.stringify({ ...ENTRA, authority: "https://login.microsoftonline.us/" })).authority).toBe(
    "https://login.microsoftonline.us",
  );
});

describe("a key that is none is refused by the field, and not repeated", () => {
  const rows: [Authorization, object | string, string][] = [
    ["aws-sigv4", "AKIA", "must be a JSON object"],
    ["aws-sigv4", [AWS], "must be a JSON object"],
    ["aws-sigv4", { ...AWS, secretAccessKey: undefined }, "must have a text in secretAccessKey"],
    ["aws-sigv4", { ...AWS, accessKeyId: "not one" }, "has a accessKeyId that cannot be one"],
    ["aws-sigv4", { ...AWS, sessionToken: "two\nlines of a token" }, "has a sessionToken that cannot be one"],
    ["google-access-token", { ...GOOGLE, type: "authorized_user" }, 'must have type "service_account"'],
    ["google-access-token", { ...GOOGLE, private_key: "AAAA" }, "has a private_key that cannot be one"],
    ["google-access-token", { ...GOOGLE, token_uri: "http://evil.example/" }, "has a token_uri without https"],
    ["google-access-token", { ...GOOGLE, token_uri: "file:///etc/passwd" }, "has a token_uri that cannot be one"],
    ["entra-access-token", { ...ENTRA, tenantId: "../evil" }, "has a tenantId that cannot be one"],
    ["entra-access-token", { ...ENTRA, authority: "http://evil.example" }, "has a authority without https"],
  ];
  test.each(rows)("%s %j", (by, value, message) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    expect(faultOfAccountKey(by, text)).toBe(message);
    expect(KEY_FORMS[by]).not.toBe("");
  });
});

test("a token endpoint on this very machine may be without TLS", () => {
  const here = { ...GOOGLE, token_uri: "http://127.0.0.1:9/token" };
  expect(faultOfAccountKey("google-access-token", JSON.stringify(here))).toBeUndefined();
});
