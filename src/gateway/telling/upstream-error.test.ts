import { describe, expect, test } from "bun:test";
import { fromProviderError, isTooLong, mayFallBack } from "./upstream-error.ts";

describe("a provider's refusal becomes ours", () => {
  const rows: [number, string, number, boolean][] = [
    [400, "upstream_rejected", 400, false],
    [401, "upstream_refused", 401, false],
    [402, "upstream_refused", 402, false],
    [403, "upstream_refused", 403, false],
    [404, "upstream_rejected", 404, false],
    [407, "upstream_refused", 502, false],
    [422, "upstream_rejected", 422, false],
    [429, "upstream_rate_limited", 429, true],
    [500, "upstream_error", 502, true],
    [503, "upstream_error", 503, true],
    [504, "upstream_error", 504, true],
    [529, "upstream_error", 503, true],
  ];
  for (const [status, code, told, fallback] of rows) {
    test(`${status} is told as ${told} ${code}`, () => {
      const error = fromProviderError({ status, message: "their words", retryAfterMs: 2_000 });
      expect(error).toMatchObject({ code, status: told });
      expect(mayFallBack(error, [])).toBe(fallback);
      expect(mayFallBack(error, [400, 401, 403, 404])).toBe(fallback || [400, 401, 403, 404].includes(status));
    });
  }
});

test.each([
  ["Incorrect API key provided: sk-abc***xyz.", "Incorrect API key provided: *****."],
  ["Incorrect API key provided: xa***lt.", "Incorrect API key provided: *****."],
  ["Your api key: ****abcd is invalid", "Your api key: ***** is invalid"],
])("what concerns our account there is told as such, and without the key: %s", (message, told) => {
  const error = fromProviderError({ status: 401, message });
  expect(error.public).toBe(`The provider refused the gateway's own account, and its operator has to act: ${told}`);
  expect(error.internal).toBe("the provider answered 401");
});

test.each([
  ["Received API Key = sk-...l0Xx, no such key", "Received API Key = *****, no such key"],
  ["invalid key sk-ant-api03-abcd…wxyz.", "invalid key *****."],
  ["the key `ab12...wxyz` is wrong", "the key `*****` is wrong"],
  ["Your API key (ab••••••yz) is invalid", "Your API key (*****) is invalid"],
  [`Key Hash (Token) =${"88dc28d0".repeat(8)}. Unable to find it`, "Key Hash (Token) =*****. Unable to find it"],
  ["The originating IP address of the call (203.0.113.9) is not allowed", "The originating IP address of the call (*****) is not allowed"],
  ["not from 2001:db8::1f, fe80::1, ::1 or 2001:db8:0:0:0:0:0:1.", "not from *****, *****, ***** or *****."],
  ["owner ada.l@mail.acme.example has no credits", "owner ***** has no credits"],
])("nor with a part or a digest of the key, our address, or whose account it is: %s", (message, told) => {
  expect(fromProviderError({ status: 403, message }).public).toEndWith(`has to act: ${told}`);
}); // biome-ignore format: one row a line

test.each([
  "Wait... then try again, or ask support@provider.example.",
  "At 12:30:45 std::string of arn:aws:bedrock:us-east-1::foundation-model/x-v1:0 (version 2024.10.2) was denied.",
  "well...known",
])("words that are nobody's stay: %s", (message) => {
  expect(fromProviderError({ status: 403, message }).public).toEndWith(`has to act: ${message}`);
});

test("what a provider calls the request's fault may concern our account", () => {
  const error = fromProviderError({ status: 400, message: "API key not valid.", account: true });
  expect(error).toMatchObject({ code: "upstream_refused", status: 400 });
});

test.each([400, 404, 422, 429, 500, 503])("a %i does not name our account there", (status) => {
  const message = "arn:aws:bedrock:eu-central-1:123456789012:x and org-AbCdEf123456 in projects/acme-prod/locations/eu";
  const error = fromProviderError({ status, message, param: "projects/acme-prod/models/m" });
  expect(error.public).toBe("***** and ***** in projects/*****/locations/eu");
  expect(error.param ?? "").not.toContain("acme");
});

test("a message is passed on whole only up to a bound", () => {
  expect(fromProviderError({ status: 400, message: "x".repeat(1e6) }).public.length).toBe(2_000);
});

test("the provider's own word for what is wrong with a request is kept, and for nothing else", () => {
  const of = (status: number, code: string) => fromProviderError({ status, message: "no", code }).providerCode;
  expect(of(400, "context_length_exceeded")).toBe("context_length_exceeded");
  expect(of(404, "DeploymentNotFound")).toBe("DeploymentNotFound");
  for (const status of [401, 402, 403, 429, 500]) expect(of(status, "insufficient_quota")).toBeUndefined();
  for (const code of ["400", "", "two words", "x".repeat(200), "a\r\nb"]) expect(of(400, code)).toBeUndefined();
});

test("a prompt that is too long has OpenAI's word for it, whoever said so in words of its own", () => {
  const of = (status: number, message: string, code?: string) =>
    fromProviderError({ status, message, ...(code === undefined ? {} : { code }) }).providerCode;
  expect(of(400, "prompt is too long: 210000 tokens > 200000 maximum")).toBe("context_length_exceeded");
  // Mistral's code is a number.
  expect(of(400, "too large for model with 32768 maximum context length", "3051")).toBe("context_length_exceeded");
  expect(of(413, "Please reduce the length of the messages.")).toBe("context_length_exceeded");
  expect(of(400, "the context window is full", "string_above_max_length")).toBe("string_above_max_length");
  expect(of(422, "prompt is too long")).toBeUndefined();
  expect(of(400, "max_tokens is too large")).toBeUndefined();
});

describe("a prompt that is too long is told from other refusals", () => {
  const rows: [number, string, string | undefined, boolean][] = [
    [400, "no", "context_length_exceeded", true],
    [400, "prompt is too long: 210000 tokens > 200000 maximum", undefined, true],
    [400, "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).", undefined, true],
    [413, "Please reduce the length of the messages.", undefined, true],
    [400, "max_tokens is too large", undefined, false],
    [422, "context length", undefined, false],
    [429, "too many tokens per minute", undefined, false],
  ];
  test.each(rows)("%p %p", (status, message, code, long) => {
    expect(isTooLong(fromProviderError({ status, message, ...(code === undefined ? {} : { code }) }))).toBe(long);
  });
});
