import { expect, test } from "bun:test";
import { Secret } from "../../kernel/secret.ts";
import { toldByUpstream } from "./told.ts";

test("rate limits, the id and the time to wait are told under a prefix", () => {
  expect(
    toldByUpstream(
      {
        "content-type": "application/json",
        "x-request-id": "req_1",
        "x-ratelimit-remaining-requests": "9",
        "anthropic-ratelimit-tokens-reset": "2026-11-22T10:00:00Z",
        ratelimit: '"default";r=5',
        "retry-after": "3",
        "retry-after-ms": "2900",
      },
      null,
    ),
  ).toEqual({
    "x-sallyport-upstream-ratelimit-remaining-requests": "9",
    "x-sallyport-upstream-anthropic-ratelimit-tokens-reset": "2026-11-22T10:00:00Z",
    "x-sallyport-upstream-ratelimit": '"default";r=5',
    "x-sallyport-upstream-retry-after": "3",
    "x-sallyport-upstream-retry-after-ms": "2900",
    "x-sallyport-upstream-request-id": "req_1",
  });
});

test.each(["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id"])("%s is the id of the call", (name) => {
  expect(toldByUpstream({ [name]: "id-1" }, null)).toEqual({ "x-sallyport-upstream-request-id": "id-1" });
});

test("nothing else is told", () => {
  expect(
    toldByUpstream(
      {
        "set-cookie": "a=b",
        "openai-organization": "org-secret",
        "openai-project": "proj_secret",
        server: "x",
        "x-sallyport-cost-usd": "0",
        "x-ratelimit-remaining-requests": "caf\u00e9",
        [`x-ratelimit-${"a".repeat(80)}`]: "1",
        "x-ratelimit-limit-tokens": "1".repeat(300),
      },
      null,
    ),
  ).toBeUndefined();
});

test("a provider that tells of a thousand limits is cut short", () => {
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x-ratelimit-${index}`, "1"]));
  expect(Object.keys(toldByUpstream(many, null)!)).toHaveLength(40);
});

test("a header that quotes the account's key is not told, and the next that names the call is", () => {
  const key = new Secret("key-of-the-gateway");
  const quoting = "by key-of-the-gateway";
  expect(
    toldByUpstream({ "x-request-id": quoting, "request-id": "req_1", "x-ratelimit-limit-requests": quoting }, key),
  ).toEqual({ "x-sallyport-upstream-request-id": "req_1" });
});
