import { describe, expect, test } from "bun:test";
import { cli } from "../../test/support/cli.ts";

const answer = (status: number, body: string) => async () => new Response(body, { status });
const TOKEN = { SALLYPORT_TOKEN: "some-token-of-some-length" };

test("1: a gateway that is not there is told with its address and what to look at", async () => {
  const { exit, stderr } = await cli(["key", "list"], { env: { ...TOKEN, SALLYPORT_URL: "http://127.0.0.1:9999" } });
  expect(exit).toBe(1);
  expect(stderr).toContain("http://127.0.0.1:9999");
  expect(stderr).toContain("ConnectionRefused");
  expect(stderr).toContain("sallyport doctor");
});

test("1: a gateway that does not answer is given up", async () => {
  const fetch = () => Promise.reject(new DOMException("late", "TimeoutError"));
  expect((await cli(["key", "list"], { fetch })).stderr).toContain("no answer within 30 s");
});

test.each([
  [200, "<html>"],
  [200, "[]"],
  [404, "not found"],
  [302, ""],
  [500, '{"error":"x"}'],
])("1: status %i with %j is not Sallyport's admin API", async (status, body) => {
  const { exit, stderr } = await cli(["key", "list"], { fetch: answer(status, body) });
  expect(exit).toBe(1);
  expect(stderr).toContain("is not Sallyport's admin API");
});

test("1: a redirect is not followed, so the token goes nowhere else", async () => {
  let init: RequestInit | undefined;
  await cli(["key", "list"], {
    fetch: async (_url, given) => {
      init = given;
      return new Response("{}", { status: 200 });
    },
  });
  expect(init?.redirect).toBe("manual");
});

test("1: the token does not cross a network in the clear, unless that was allowed", async () => {
  const env = { ...TOKEN, SALLYPORT_URL: "http://gateway.internal:8081" };
  const fetch = answer(200, '{"items":[],"next":null}');
  const refused = await cli(["key", "list"], { env, fetch });
  expect(refused).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining("SALLYPORT_URL is http://gateway.internal:8081"),
  });
  expect((await cli(["key", "list"], { env: { ...env, SALLYPORT_INSECURE_HTTP: "1" }, fetch })).exit).toBe(0);
  expect(
    (await cli(["key", "list"], { env: { ...TOKEN, SALLYPORT_URL: "https://gateway.internal" }, fetch })).exit,
  ).toBe(0);
  expect((await cli(["key", "list"], { env: { ...TOKEN, SALLYPORT_URL: "http://[::1]:8081" }, fetch })).exit).toBe(0);
});

test("1: a variable that is wrong is named, each on its line", async () => {
  const env = { ...TOKEN, SALLYPORT_URL: "gateway", SALLYPORT_TOKN: "x" };
  const { exit, stderr } = await cli(["key", "list"], { env });
  expect(exit).toBe(1);
  expect(stderr).toContain("sallyport key list: SALLYPORT_URL: must be");
  expect(stderr).toContain("sallyport key list: SALLYPORT_TOKN: is not a variable");
});

test("the token may stand in a file", async () => {
  let authorization: string | null = null;
  const { exit } = await cli(["key", "list"], {
    env: { SALLYPORT_TOKEN_FILE: "token.txt" },
    readFile: (path) => (path === "token.txt" ? "from-the-file\n" : ""),
    fetch: async (_url, init) => {
      authorization = new Headers(init.headers).get("authorization");
      return new Response('{"items":[],"next":null}');
    },
  });
  expect(exit).toBe(0);
  expect(authorization as string | null).toBe("Bearer from-the-file");
});

describe("1: what lies between is told, and what to do", () => {
  const rows: [code: string, url: string, said: RegExp][] = [
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "https://gateway.internal", /is not trusted here .*NODE_EXTRA_CA_CERTS/],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "https://gateway.internal", /is not trusted here .*NODE_EXTRA_CA_CERTS/],
    ["CERT_HAS_EXPIRED", "https://gateway.internal", /is not trusted here/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "https://gateway.internal", /SALLYPORT_URL have a name that is in it/],
    ["ECONNRESET", "http://127.0.0.1:8081", /If it serves TLS, SALLYPORT_URL begins with https/],
    ["ECONNREFUSED", "http://127.0.0.1:8081", /could not be reached \(ECONNREFUSED\)\. Is the gateway running/],
  ];
  for (const [code, url, said] of rows) {
    test(code, async () => {
      const fetch = () => Promise.reject(Object.assign(new Error("failed"), { code }));
      const { exit, stderr } = await cli(["key", "list"], { env: { ...TOKEN, SALLYPORT_URL: url }, fetch });
      expect(exit).toBe(1);
      expect(stderr).toMatch(said);
    });
  }
});
