import { expect, test } from "bun:test";
import { OPERATIONS } from "./operations.ts";
import { createRouter } from "./routes.ts";

const route = createRouter(OPERATIONS);

function idOf(method: string, path: string): string | undefined {
  const found = route(method, path);
  return found?.found?.id;
}

test("a path and a method lead to one operation, with what the path names", () => {
  expect(route("GET", "/api/v1/keys/abc123")).toMatchObject({ path: { id: "abc123" } });
  expect(idOf("GET", "/api/v1/keys/abc123")).toBe("keys.get");
  expect(idOf("HEAD", "/api/v1/keys")).toBe("keys.list");
  expect(idOf("POST", "/api/v1/keys/abc123/revoke")).toBe("keys.revoke");
});

test("405: a path of ours with another method names the methods it has", () => {
  expect(route("DELETE", "/api/v1/keys")).toEqual({ found: null, allow: ["POST", "GET", "HEAD"] });
  expect(route("GET", "/api/v1/keys/abc/revoke")).toEqual({ found: null, allow: ["POST"] });
  expect(route("HEAD", "/api/v1/keys/abc/revoke")).toEqual({ found: null, allow: ["POST"] });
  expect(route("get", "/api/v1/status")).toEqual({ found: null, allow: ["GET", "HEAD"] });
});

test.each([
  ["/"],
  ["/api/v1"],
  ["/api/v1/"],
  ["/api/v1/keys/"],
  ["//api/v1/keys"],
  ["/api//v1/keys"],
  ["/api/v1/keys//revoke"],
  ["/API/v1/keys"],
  ["/api/v1/Keys"],
  ["/api/v1/keys;x=1"],
  ["/api/v1/ke%79s"],
  ["/api/v1/keys/a%2fb"],
  ["/api/v1/keys/a%00b"],
  ["/api/v1/keys/a b"],
  ["/api/v2/keys"],
  ["/api/v1/keys/abc/revoke/more"],
  ["/api/v1/keys/abc/__proto__"],
])("404: there is nothing at %s", (path) => {
  for (const method of ["GET", "POST", "DELETE"]) expect(route(method, path)).toBeUndefined();
});

test("404: a name of more than 128 characters names nothing", () => {
  expect(route("GET", `/api/v1/keys/${"a".repeat(128)}`)).toBeDefined();
  expect(route("GET", `/api/v1/keys/${"a".repeat(129)}`)).toBeUndefined();
});
