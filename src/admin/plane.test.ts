import { expect, test } from "bun:test";
import { z } from "zod";
import { adminPlane, adminRequest } from "../../test/support/admin-plane.ts";
import { GatewayError } from "../errors.ts";
import { defineOperation } from "./operation.ts";
import { SECURITY_HEADERS } from "./problem.ts";

const PEER = { address: "127.0.0.1" };

test("every answer carries the security headers and a request id, whether it is good or bad", async () => {
  const { call } = adminPlane();
  for (const answer of [
    await call("GET", "/api/v1/status"),
    await call("GET", "/api/v1/status", { token: null }),
    await call("GET", "/api/v1/nothing"),
    await call("PUT", "/api/v1/status"),
    await call("POST", "/api/v1/keys", { body: "{" }),
  ]) {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) expect(answer.headers.get(name)).toBe(value);
    expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  }
});

test("errors are problems of RFC 9457 with our code", async () => {
  const { call } = adminPlane();
  const answer = await call("GET", "/api/v1/keys?colour=red&limit=0", { headers: { "x-request-id": "mine-1" } });
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.headers.get("x-request-id")).toBe("mine-1");
  expect(answer.body).toEqual({
    type: "urn:sallyport:error:invalid_request",
    title: expect.any(String),
    status: 400,
    detail: "limit: must be a whole number from 1 to 200",
    code: "invalid_request",
    param: "limit",
    requestId: "mine-1",
    errors: [
      { in: "query", field: "limit", message: "must be a whole number from 1 to 200" },
      { in: "query", field: "colour", message: "is not a field of this operation" },
    ],
  });
});

test("a request id that could forge a log line or a header is replaced", async () => {
  const { call } = adminPlane();
  for (const id of ["a b", "x".repeat(129), '"', "a,b"]) {
    const answer = await call("GET", "/api/v1/status", { headers: { "x-request-id": id } });
    expect(answer.headers.get("x-request-id")).toMatch(/^req_[0-9a-z]{26}$/);
  }
});

test("405 names the methods in Allow; OPTIONS is one of the methods that there are not", async () => {
  const { call } = adminPlane();
  for (const method of ["DELETE", "OPTIONS", "PATCH"]) {
    const answer = await call(method, "/api/v1/keys");
    expect(answer).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
    expect(answer.headers.get("allow")).toBe("POST, GET, HEAD");
  }
});

test("HEAD answers like GET without a body", async () => {
  const { call } = adminPlane();
  const answer = await call("HEAD", "/api/v1/status");
  expect(answer.status).toBe(200);
  expect(answer.text).toBe("");
});

test("429: bad tokens are counted by address, and the answer says when to come back", async () => {
  const refused: string[] = [];
  const { plane } = adminPlane({
    badTokens: {
      refuse: (address) => {
        refused.push(address);
        return new GatewayError("too_many_attempts", "Too many.", { retryAfterMs: 1_200 });
      },
    },
  });
  const answer = await plane.handle(adminRequest("GET", "/api/v1/status", { token: "wrong" }), {
    address: "192.0.2.9",
  });
  expect(answer.status).toBe(429);
  expect(answer.headers.get("retry-after")).toBe("2");
  expect(refused).toEqual(["192.0.2.9"]);
});

test("the body of someone who is not allowed is not read", async () => {
  const { plane } = adminPlane();
  const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array([0x7b])) });
  const request = new Request("http://127.0.0.1:8081/api/v1/keys", {
    method: "POST",
    body,
    headers: { authorization: "Bearer x" },
  });
  expect((await plane.handle(request, PEER)).status).toBe(401);
  expect(request.bodyUsed).toBe(false);
  expect(body.locked).toBe(false);
});

test.each([
  [400, "no JSON", { body: "{" }],
  [400, "a key twice", { body: '{"application":"app_bot","name":"a","name":"b"}' }],
  [413, "a body over the cap", { body: JSON.stringify({ name: "x".repeat(70_000) }) }],
  [415, "a form", { body: "name=x", headers: { "content-type": "application/x-www-form-urlencoded" } }],
])("%i: %s", async (status, _case, options) => {
  const { call, administration } = adminPlane();
  expect((await call("POST", "/api/v1/keys", options)).status).toBe(status);
  expect(administration.rows).toEqual([]);
});

test("a field that the output schema does not name does not leave", async () => {
  const leaky = defineOperation({
    id: "leaks.get",
    method: "GET",
    path: "/api/v1/leaks",
    summary: "Leak",
    permission: "status.read",
    audit: "none",
    input: {},
    output: z.object({ name: z.string() }),
    handle: async () => ({ body: { name: "x", ...{ digest: "must not leave" } } }),
  });
  const { call } = adminPlane({ operations: [leaky] });
  expect((await call("GET", "/api/v1/leaks")).body).toEqual({ name: "x" });
});

test("every call is one log line of allowed fields, without token, query or body", async () => {
  const { call, log } = adminPlane();
  await call("POST", "/api/v1/keys?x=secret-in-query", { body: { name: "secret-in-body" } });
  await call("GET", "/api/v1/status", { token: "secret-in-token" });
  expect(log).toHaveLength(2);
  expect(log[0]?.fields).toMatchObject({
    method: "POST",
    endpoint: "keys.create",
    status: 400,
    actor: "admin-token:bootstrap",
  });
  expect(log[1]?.fields).toMatchObject({ status: 401, code: "invalid_credential", address: "127.0.0.1" });
  expect(JSON.stringify(log)).not.toContain("secret-in");
});

test("an accident inside is told to nobody, and the log has where it happened", async () => {
  const broken = defineOperation({
    id: "accidents.get",
    method: "GET",
    path: "/api/v1/accidents",
    summary: "Fail",
    permission: "status.read",
    audit: "none",
    input: {},
    output: z.object({}),
    handle: async () => {
      throw new TypeError("nobody foresaw it");
    },
  });
  const { call, log } = adminPlane({ operations: [broken] });
  const answer = await call("GET", "/api/v1/accidents");
  expect([answer.status, answer.text.includes("foresaw")]).toEqual([500, false]);
  expect(log[0]).toMatchObject({ level: "error", fields: { code: "internal", status: 500 } });
  expect(log[0]?.fields?.detail).toMatch(/^TypeError: nobody foresaw it\n[\s\S]*plane\.test\.ts/);
});
