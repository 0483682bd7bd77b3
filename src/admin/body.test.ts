import { expect, test } from "bun:test";
import { MAX_ADMIN_BODY_BYTES, readJsonBody } from "./body.ts";

function post(
  body: string | ReadableStream<Uint8Array> | null,
  headers: Record<string, string> = { "content-type": "application/json" },
): Request {
  return new Request("http://x/", { method: "POST", body, headers });
}

test("a JSON body is read, with or without a named charset", async () => {
  expect(await readJsonBody(post('{"a":1}'))).toEqual({ a: 1 });
  expect(await readJsonBody(post('{"a":1}', { "content-type": "application/json; charset=UTF-8" }))).toEqual({ a: 1 });
});

test("no body is undefined, whatever the content type says", async () => {
  expect(await readJsonBody(post(null, {}))).toBeUndefined();
  expect(await readJsonBody(post("", { "content-type": "text/plain" }))).toBeUndefined();
});

test.each([
  ["text/plain"],
  ["application/x-www-form-urlencoded"],
  ["application/jsonx"],
  ["application/json; charset=utf-16"],
  ["application/json, text/plain"],
  ["multipart/form-data; x=application/json"],
])("415: %s", async (type) => {
  await expect(readJsonBody(post("{}", { "content-type": type }))).rejects.toMatchObject({
    code: "unsupported_media_type",
  });
});

test("415: a content coding, which could unfold to any size", async () => {
  const request = post("{}", { "content-type": "application/json", "content-encoding": "gzip" });
  await expect(readJsonBody(request)).rejects.toMatchObject({ code: "unsupported_media_type" });
});

test("413: a length over the cap is refused before anything is read", async () => {
  const body = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(new Error("was read")) });
  const headers = { "content-type": "application/json", "content-length": String(MAX_ADMIN_BODY_BYTES + 1) };
  await expect(readJsonBody(post(body, headers))).rejects.toMatchObject({ code: "body_too_large" });
});

test("413: a body without a length is read no further than the cap", async () => {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += 16_384;
      controller.enqueue(new Uint8Array(16_384).fill(0x20));
    },
  });
  await expect(readJsonBody(post(body))).rejects.toMatchObject({ code: "body_too_large" });
  expect(sent).toBeLessThan(MAX_ADMIN_BODY_BYTES + 5 * 16_384);
});

test("a body of exactly the cap is read", async () => {
  const text = `"${"x".repeat(MAX_ADMIN_BODY_BYTES - 2)}"`;
  expect(await readJsonBody(post(text))).toHaveLength(MAX_ADMIN_BODY_BYTES - 2);
});

test("408: a body that stops coming is given up at its deadline", async () => {
  let closed = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array([0x7b])),
    cancel: () => {
      closed = true;
    },
  });
  await expect(readJsonBody(post(body), 5)).rejects.toMatchObject({ code: "body_timeout" });
  expect(closed).toBe(true);
});
