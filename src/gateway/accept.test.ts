// Covers accept.ts and client-address.ts.
import { describe, expect, test } from "bun:test";
import { parseCidr } from "../kernel/address.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import { createAccept, type Load } from "./accept.ts";
import { Call } from "./call.ts";

const clock = { now: () => 0, ticks: () => 0 };
const idle: Load = { draining: false, openCalls: 1, bodyBytes: 0 };
const settings = {
  trustedProxies: [parseCidr("10.0.0.0/8")!, parseCidr("fd00::/8")!],
  maxOpenCalls: 10,
  maxBodyBytesInFlight: 1_000,
};

function accepted(headers: Record<string, string>, peer = "10.0.0.1", load = idle) {
  const request = new Request("http://gw/v1/chat/completions", { method: "POST", headers: { host: "gw", ...headers } });
  const sockets = { timeout() {} };
  const call = new Call(
    { request, path: "/v1/chat/completions", query: "", peer, sockets },
    "call_1",
    openaiChat,
    clock,
    1_000,
  );
  createAccept(settings, () => load)(call);
  return call;
}

function refusedWith(...args: Parameters<typeof accepted>) {
  try {
    accepted(...args);
  } catch (thrown) {
    return thrown;
  }
  throw new Error("it was accepted");
}

describe("the client's address is the last one that is no trusted proxy", () => {
  const rows: [string, string | undefined, string, string][] = [
    ["no header: the peer", undefined, "10.0.0.1", "10.0.0.1"],
    ["one hop", "203.0.113.7", "10.0.0.1", "203.0.113.7"],
    ["what the client wrote itself does not count", "1.2.3.4, 203.0.113.7", "10.0.0.1", "203.0.113.7"],
    ["trusted hops are passed over", "203.0.113.7, 10.1.1.1, 10.2.2.2", "10.0.0.1", "203.0.113.7"],
    ["only trusted hops: the first of them", "10.3.3.3, 10.1.1.1", "10.0.0.1", "10.3.3.3"],
    ["with ports", "[2001:db8::1]:4711", "10.0.0.1", "2001:db8::1"],
    ["IPv4 with a port", "203.0.113.7:4711", "10.0.0.1", "203.0.113.7"],
    ["a proxy seen as IPv4 in IPv6", "203.0.113.7", "::ffff:10.0.0.1", "203.0.113.7"],
  ];
  for (const [name, header, peer, address] of rows) {
    test(name, () =>
      expect(accepted(header === undefined ? {} : { "x-forwarded-for": header }, peer).address).toBe(address),
    );
  }

  const standard: [string, Record<string, string>, string][] = [
    ["as RFC 7239 has it", { forwarded: "for=203.0.113.7" }, "203.0.113.7"],
    [
      "with trusted hops after it",
      { forwarded: 'for=1.2.3.4, for="203.0.113.7:80";proto=https, for=10.1.1.1' },
      "203.0.113.7",
    ],
    ["of IPv6", { forwarded: 'for="[2001:db8::1]:4711"' }, "2001:db8::1"],
    [
      "told twice alike",
      { forwarded: "for=1.1.1.1, for=203.0.113.7", "x-forwarded-for": "203.0.113.7" },
      "203.0.113.7",
    ],
  ];
  for (const [name, headers, address] of standard) test(name, () => expect(accepted(headers).address).toBe(address));
});

describe("accept refuses", () => {
  const rows: [string, Parameters<typeof accepted>, object][] = [
    [
      "a forwarding header from a stranger",
      [{ "x-forwarded-for": "10.0.0.1" }, "203.0.113.7"],
      { code: "forbidden_header", param: "x-forwarded-for" },
    ],
    ["no address in a forwarding header", [{ "x-forwarded-for": "unknown" }], { code: "forbidden_header" }],
    [
      "Forwarded from a stranger",
      [{ forwarded: "for=10.0.0.1" }, "203.0.113.7"],
      { code: "forbidden_header", param: "forwarded" },
    ],
    [
      "two tellings of the client's address that differ",
      [{ forwarded: "for=203.0.113.7", "x-forwarded-for": "203.0.113.8" }],
      { code: "forbidden_header", param: "forwarded" },
    ],
    ["a client that its proxy hides", [{ forwarded: "for=_hidden" }], { code: "forbidden_header", param: "forwarded" }],
    [
      "a hop that says nothing of itself",
      [{ forwarded: "proto=https" }],
      { code: "forbidden_header", param: "forwarded" },
    ],
    ["Forwarded that is none", [{ forwarded: "for=10.0.0.2;" }], { code: "forbidden_header", param: "forwarded" }],
    [
      "a header that would choose the upstream",
      [{ "x-portkey-custom-host": "http://evil" }],
      { code: "forbidden_header", param: "x-portkey-custom-host" },
    ],
    ["two hosts", [{ host: "a, b" }], { code: "forbidden_header", param: "host" }],
    [
      "new calls while draining",
      [{}, "10.0.0.1", { ...idle, draining: true }],
      { code: "draining", retryAfterMs: 1_000 },
    ],
    [
      "more calls than it can carry",
      [{}, "10.0.0.1", { ...idle, openCalls: 11 }],
      { code: "overloaded", retryAfterMs: 1_000 },
    ],
    ["more body bytes than it can carry", [{}, "10.0.0.1", { ...idle, bodyBytes: 1_001 }], { code: "overloaded" }],
  ];
  for (const [name, args, error] of rows) test(name, () => expect(refusedWith(...args)).toMatchObject(error));
});

test("who has the base URL wrong is told the path that is meant, where there is one", () => {
  const at = (path: string) => {
    const request = new Request(`http://a.example${path}`, { method: "POST", headers: { host: "a.example" } });
    const call = new Call(
      { request, path, query: "", peer: "10.0.0.1", sockets: { timeout() {} } },
      "call_1",
      openaiChat,
      clock,
      1_000,
    );
    return () => createAccept(settings, () => idle)(call);
  };
  expect(at("/chat/completions")).toThrow("There is nothing at /chat/completions. Did you mean /v1/chat/completions?");
  expect(at("/v1/v1/messages")).toThrow("There is nothing at /v1/v1/messages. Did you mean /v1/messages?");
  expect(at("/chat")).toThrow(/^There is nothing at \/chat\.$/);
});

test("a well-formed request id is kept, any other is replaced by ours", () => {
  expect(accepted({ "x-request-id": "abc-1.2:3_4" }).requestId).toBe("abc-1.2:3_4");
  for (const bad of ["a b", "x".repeat(129), "ä"]) expect(accepted({ "x-request-id": bad }).requestId).toBe("call_1");
});
