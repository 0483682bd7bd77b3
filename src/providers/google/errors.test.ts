import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { googleAdapter } from "./adapter.ts";
import { errorInside, errorOf } from "./errors.ts";
import { google } from "./index.ts";

const detail = (type: string, more: JsonObject): JsonObject => ({
  "@type": `type.googleapis.com/google.rpc.${type}`,
  ...more,
});
const read = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  errorOf(status, typeof body === "string" ? body : JSON.stringify(body), (name) => headers[name] ?? null);

describe("a refusal is told in Google's words", () => {
  const plain = { error: { code: 400, message: "No.", status: "INVALID_ARGUMENT" } };
  const rows: [string, number, unknown, JsonObject][] = [
    ["as it is", 400, plain, { status: 400, message: "No.", type: "INVALID_ARGUMENT" }],
    ["in a list", 400, [plain], { status: 400, message: "No.", type: "INVALID_ARGUMENT" }],
    [
      "wrapped in itself",
      503,
      { error: { code: 503, message: JSON.stringify({ error: { message: "Full." } }), status: "UNAVAILABLE" } },
      { status: 503, message: "Full.", type: "UNAVAILABLE" },
    ],
    [
      "with the time to wait",
      429,
      {
        error: {
          message: "Slow.",
          details: [
            detail("RetryInfo", { retryDelay: "34.4s" }),
            detail("ErrorInfo", { reason: "RATE_LIMIT_EXCEEDED" }),
          ],
        },
      },
      { status: 429, message: "Slow.", retryAfterMs: 34_400, code: "RATE_LIMIT_EXCEEDED" },
    ],
    [
      "with the field at fault",
      400,
      {
        error: { message: "No.", details: [detail("BadRequest", { fieldViolations: [{ field: "contents" }] }), null] },
      },
      { status: 400, message: "No.", param: "contents" },
    ],
    [
      "a bad key is our account's trouble",
      400,
      { error: { code: 400, message: "Bad key.", details: [detail("ErrorInfo", { reason: "API_KEY_INVALID" })] } },
      { status: 400, message: "Bad key.", code: "API_KEY_INVALID", account: true },
    ],
    ["a proxy's page", 502, "<html>", { status: 502, message: "The provider answered 502." }],
    ["another form", 404, { error: "gone" }, { status: 404, message: "gone" }],
  ];
  for (const [name, status, body, error] of rows)
    test(name, () => expect(read(status, body) as unknown).toEqual(error));

  test("the header's time to wait counts where the body has none", () => {
    expect(read(503, "{}", { "retry-after": "7" }).retryAfterMs).toBe(7_000);
    expect(
      read(503, { error: { message: "x", details: [detail("RetryInfo", { retryDelay: "soon" })] } }).retryAfterMs,
    ).toBeUndefined();
  });
});

test("an error within an answer has the status of its word", () => {
  const status = (error: JsonObject) => errorInside({ error }).status;
  expect([
    status({ status: "RESOURCE_EXHAUSTED" }),
    status({ code: 499 }),
    status({ status: "NEW" }),
    status({}),
  ]).toEqual([429, 499, 502, 502]);
});

test("an adapter of Google's dialect at another address has its own path and credential", () => {
  expect(google).toMatchObject({ kind: "google", dialect: "gemini", framing: "google-sse", needsKey: true });
  expect(google.credential("k")).toEqual({ "x-goog-api-key": "k" });
  const other = googleAdapter({ ...google, kind: "elsewhere" }, (model, options) => `/p/${options.project}/${model}`);
  const request = {
    dialect: "gemini" as const,
    model: "m",
    messages: [{ role: "user" as const, parts: [{ type: "text" as const, text: "x" }] }],
    stream: false,
    includeUsage: true,
  };
  expect(other.encode(request, "m", { project: "p1" }).path).toBe("/p/p1/m:generateContent");
});
