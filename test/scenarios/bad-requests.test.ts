/**
 * Bad input, second part: where a request goes and how it is labelled. Host, path, method,
 * content type, and headers that try to choose the upstream.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { requestText, sendRaw } from "../support/raw-http.ts";
import { ASKED, DIALECTS, type DialectName, FRONTS, type Refusal, Scene } from "../support/scene.ts";
import { json, startUpstream, type Upstream } from "../support/upstream.ts";

let scene: Scene;
/** Where a caller would like to have the call sent. */
let elsewhere: Upstream;
beforeAll(async () => {
  scene = await Scene.start();
  elsewhere = await startUpstream();
  elsewhere.answer(json(200, {}));
});
afterAll(async () => {
  await scene.stop();
  await elsewhere.stop();
});
beforeEach(() => scene.fresh());

const own = (front: DialectName, stream = false) => JSON.stringify(FRONTS[front].body({ stream }));

function rawCall(front: DialectName, stream: boolean, hosts: string[], line = `POST ${FRONTS[front].path} HTTP/1.1`) {
  const head = [...hosts, `Authorization: Bearer ${scene.app.key}`, "Content-Type: application/json"];
  return sendRaw(scene.app.url, [requestText(line, head, own(front, stream))]);
}

describe.each(ASKED)("the Host header, to $front, stream: $stream", ({ front, stream }) => {
  const wanted: Refusal = { code: "forbidden_header", param: "host" };
  test.each([
    ["two of them", ["Host: gateway", "Host: elsewhere"]],
    ["two equal ones", ["Host: gateway", "Host: gateway"]],
    ["three in three spellings", ["Host: a", "HOST: a", "host: b"]],
    ["an empty one", ["Host: "]],
    ...["a b", "a,b", "user@a", "a/v1/models", "a?x", "a#x", "[", "[::1", "a:99999", "a:b", "%61", "\u00e9", "a;b"].map(
      (host) => [`the host ${host}`, [`Host: ${host}`]] as const,
    ),
  ] as const)("%s: refused", async (_, hosts) => {
    await scene.refused(front, await rawCall(front, stream, [...hosts]), wanted);
  });

  test("none in HTTP/1.0: refused", async () => {
    const line = `POST ${FRONTS[front].path} HTTP/1.0`;
    await scene.refused(front, await rawCall(front, stream, [], line), wanted);
  });

  test.each(["gateway", "127.0.0.1:8080", "[::1]:8080", "llm_1.example"])("%s: served", async (host) => {
    expect((await rawCall(front, stream, [`Host: ${host}`])).status).toBe(200);
  });
});

describe("what is no HTTP is answered by the parser: 400 or 505, closed, and it is no call", () => {
  const key = "Authorization: Bearer x";
  test.each<[string, string]>([
    ["HTTP/1.1 without Host", requestText("POST /v1/messages HTTP/1.1", [key], "{}")],
    ["both lengths", requestText("POST /v1/messages HTTP/1.1", ["Host: a", "Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n")],
    ["two lengths", requestText("POST /v1/messages HTTP/1.1", ["Host: a", "Content-Length: 2", "Content-Length: 3"], "{}x")],
    ["a negative length", requestText("POST /v1/messages HTTP/1.1", ["Host: a", "Content-Length: -1"], "{}")],
    ["a length with a sign", requestText("POST /v1/messages HTTP/1.1", ["Host: a", "Content-Length: +2"], "{}")],
    ["a length beyond 64 bits", requestText("POST /v1/messages HTTP/1.1", ["Host: a", "Content-Length: 99999999999999999999"], "{}")],
    ["a coding before chunked", requestText("POST /v1/messages HTTP/1.1", ["Host: a", "Transfer-Encoding: gzip, chunked"], "0\r\n\r\n")],
    ["a header folded over two lines", requestText("POST /v1/messages HTTP/1.1", ["Host: a", "x-a: b\r\n c"], "{}")],
    ["NUL in a header", requestText("POST /v1/messages HTTP/1.1", ["Host: a", "x-a: b\u0000c"], "{}")],
    ["a blank before the colon", requestText("POST /v1/messages HTTP/1.1", ["Host : a"], "{}")],
    ["a tab in the path", requestText("POST /v1/\tmessages HTTP/1.1", ["Host: a"], "{}")],
    ["an unknown version", requestText("POST /v1/messages HTTP/3.7", ["Host: a"], "{}")],
  ])("%s", async (_, text) => {
    const answer = await sendRaw(scene.app.url, [text], { closeMs: 500 });
    expect([400, 505]).toContain(answer.status);
    expect(answer.closed).toBe(true);
    expect(answer.text).toBe("");
    expect(scene.up.requests).toEqual([]);
    expect(scene.news().filter(({ errorCode }) => errorCode !== "client_closed")).toEqual([]);
    await scene.quiet();
  });
}); // biome-ignore format: a table

test("a second request before the first is answered closes the connection; the first is a call that was left, and holds nothing", async () => {
  const slow = await Scene.start();
  slow.up.answer([{ do: "silence" }]);
  const head = ["Host: gateway", `Authorization: Bearer ${slow.app.key}`, "Content-Type: application/json"];
  const one = requestText(`POST ${FRONTS.openai.path} HTTP/1.1`, head, own("openai"));
  const answer = await sendRaw(slow.app.url, [one, one], { closeMs: 2_000 });
  expect([answer.closed, answer.text]).toEqual([true, ""]);
  await slow.quiet();
  expect(slow.news().map(({ outcome }) => outcome)).toEqual(["cancelled"]);
  await slow.stop();
});

describe.each(["/v1", "/v1/", "/v1/chat", "/v1/chat/completions/", "/V1/chat/completions", "//v1/chat/completions",
  "/v1//chat/completions", "/v1%2fchat/completions", "/v1/chat/completions;a=b", "/v1/chat/completions%00",
  "/v1/complete", "/v1/modelsx", "/apis", "/apis/chat", "/apis/chat/v1", "/apis/chat/v1/", "/apis/chat//v1/chat/completions",
  "/apis/chat/v1/apis/chat/v1/v1/chat/completions", "/metrics", "/.env", "/console", "/__proto__", "/constructor",
])("nothing is at %s", (path) => {
  test("in OpenAI's dialect, and in Anthropic's for who shows its version header", async () => {
    for (const method of ["GET", "POST"]) {
      for (const front of DIALECTS) {
        const version = front === "anthropic" ? ["anthropic-version: 2023-06-01"] : [];
        const head = ["Host: gateway", `x-api-key: ${scene.app.key}`, ...version];
        const text = requestText(`${method} ${path} HTTP/1.1`, head, method === "POST" ? own(front) : "");
        await scene.refused(front, await sendRaw(scene.app.url, [text]), { code: "not_found", param: null });
      }
    }
  });
}); // biome-ignore format: a list

test.each(["/v1/messages/", "/v1/messages/nothing", "/v1/messages%2f"])(
  "under %s Anthropic's dialect is spoken",
  async (path) => {
    await scene.refused("anthropic", await scene.call("anthropic", {}, { path }), { code: "not_found" });
  },
);

describe("spellings that the parser normalises are one path, for routing and for every rule", () => {
  test.each<[string, DialectName]>([
    ["/x/../v1/chat/completions", "openai"],
    ["/v1/./messages", "anthropic"],
    ["/%2e%2e/v1/%2E/messages", "anthropic"],
    ["/v1\\chat\\completions", "openai"],
    ["http://elsewhere/v1/chat/completions", "openai"],
    ["/v1/messages#/v1/chat/completions", "anthropic"],
  ])("%s", async (target, front) => {
    const answer = await rawCall(front, false, ["Host: gateway"], `POST ${target} HTTP/1.1`);
    expect(answer.status).toBe(200);
    expect(await scene.record()).toMatchObject({ endpoint: front === "openai" ? "chat.completions" : "messages" });
    await scene.refused(
      front,
      await sendRaw(scene.app.url, [requestText(`POST ${target} HTTP/1.1`, ["Host: gateway"])]),
      {
        code: "missing_credential",
        upstream: 1,
      },
    );
  });
});

describe.each(DIALECTS)("the wrong method at %s", (front) => {
  test.each(["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])("%s is refused with Allow: POST", async (method) => {
    const response = await fetch(scene.app.url + FRONTS[front].path, {
      method,
      headers: { "x-api-key": scene.app.key },
    });
    expect(response.headers.get("allow")).toBe("POST");
    await scene.refused(front, response, { code: "method_not_allowed", param: null });
  });

  test("HEAD is refused without a body", async () => {
    const response = await fetch(scene.app.url + FRONTS[front].path, { method: "HEAD" });
    expect([response.status, response.headers.get("allow"), await response.text()]).toEqual([405, "POST", ""]);
    expect(await scene.record()).toMatchObject({ errorCode: "method_not_allowed", status: 405 });
  });

  test("the list of models takes GET only", async () => {
    const headers: Record<string, string> = front === "anthropic" ? { "anthropic-version": "2023-06-01" } : {};
    const response = await scene.call(front, {}, { path: "/v1/models", headers });
    expect(response.headers.get("allow")).toBe("GET");
    await scene.refused(front, response, { code: "method_not_allowed" });
  });

  test("a header does not change the method", async () => {
    const headers = { "x-api-key": scene.app.key, "x-http-method-override": "POST" };
    const response = await fetch(scene.app.url + FRONTS[front].path, { headers });
    await scene.refused(front, response, { code: "forbidden_header", param: "x-http-method-override" });
  });
});

describe.each(ASKED)("the content type, to $front, stream: $stream", ({ front, stream }) => {
  test.each(["", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp",
    "application/json5", "application/x-json", "application/vnd.api+json", "application/json, text/plain", "text/plain; application/json", "*/*",
  ])("%j is refused", async (type) => {
    const response = await scene.call(front, { stream }, { headers: { "content-type": type } });
    await scene.refused(front, response, { code: "unsupported_media_type", param: "content-type" });
  }); // biome-ignore format: a list

  test("none at all is refused", async () => {
    const head = ["Host: gateway", `x-api-key: ${scene.app.key}`];
    const text = requestText(`POST ${FRONTS[front].path} HTTP/1.1`, head, own(front, stream));
    await scene.refused(front, await sendRaw(scene.app.url, [text]), {
      code: "unsupported_media_type",
      param: "content-type",
    });
  });

  test.each(["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;", " application/json "])(
    "%j is taken",
    async (type) => {
      await scene.served(front, { stream }, { headers: { "content-type": type } });
    },
  );

  test.each<[string, (text: string) => Uint8Array]>([
    ["gzip", (text) => Bun.gzipSync(text)],
    ["deflate", (text) => Bun.deflateSync(text)],
    ["br", (text) => Buffer.from(text)],
    ["zstd", (text) => Buffer.from(text)],
    ["identity, gzip", (text) => Bun.gzipSync(text)],
    ["gzip, gzip", (text) => Bun.gzipSync(Bun.gzipSync(text))],
    ["x-unknown", (text) => Buffer.from(text)],
  ])("a body in %s is refused, unread", async (encoding, pack) => {
    const body = pack(own(front, stream));
    const response = await scene.call(front, {}, { headers: { "content-encoding": encoding }, body });
    await scene.refused(front, response, { code: "unsupported_media_type", param: "content-encoding" });
  });

  test("compressed bytes that nobody announced are no UTF-8, or no JSON", async () => {
    const response = await scene.call(front, {}, { body: Bun.gzipSync(own(front, stream)) });
    await scene.refused(front, response, { code: "invalid_json" });
  });
});

describe.each(ASKED)("a header that would choose the upstream, to $front, stream: $stream", ({ front, stream }) => {
  test.each(["x-portkey-custom-host", "X-Portkey-Provider", "x-portkey-config", "x-portkey-virtual-key", "x-litellm-api-base",
    "helicone-target-url", "helicone-openai-api-base", "cf-aig-custom-base-url", "x-target-url", "x-upstream-url", "x-upstream-host",
    "x-provider-url", "x-base-url", "x-api-base", "openai-base-url", "anthropic-base-url", "x-host", "x-original-host",
    "x-original-url", "X-Rewrite-URL", "x-http-host-override",
  ])("%s is refused by name", async (name) => {
    const response = await scene.call(front, { stream }, { headers: { [name]: elsewhere.url } });
    await scene.refused(front, response, { code: "forbidden_header", param: name.toLowerCase() });
    expect(elsewhere.accepted).toBe(0);
  }); // biome-ignore format: a list

  test("headers that choose the upstream elsewhere and mean nothing here go nowhere", async () => {
    const names = [
      "x-envoy-original-dst-host",
      "destination",
      "x-forwarded-server",
      "x-proxy-url",
      "x-llm-host",
      "proxy",
    ];
    const headers = Object.fromEntries(names.map((name) => [name, `${elsewhere.url}/${name}`]));
    await scene.served(front, { stream }, { headers });
    expect(elsewhere.accepted).toBe(0);
    expect(scene.up.everything()).not.toContain(elsewhere.url);
    for (const name of names) expect(scene.up.requests[0]!.headerNames).not.toContain(name);
  });
});

describe.each(ASKED)("a field that would choose the upstream, to $front, stream: $stream", ({ front, stream }) => {
  const names = ["api_base", "base_url", "baseUrl", "BASE-URL", "api_key", "apiKey", "api_host", "api_version", "endpoint", "proxy",
    "custom_llm_provider", "litellm_params", "user_config", "model_list", "aws_region_name", "region_name", "vertex_project",
    "azure_endpoint", "aws_bedrock_runtime_endpoint", "headers", "extra_headers", "extra_body", "extra_query", "fallbacks", "models"]; // biome-ignore format: a list

  test.each(names)("%s is refused by name", async (name) => {
    const response = await scene.call(front, { stream, [name]: `${elsewhere.url}/v1` });
    await scene.refused(front, response, { code: "invalid_request", param: name });
    expect(elsewhere.accepted).toBe(0);
  });

  test("whatever its value is, but null says nothing", async () => {
    for (const value of [{ url: elsewhere.url }, [elsewhere.url], 1, false, ""]) {
      const response = await scene.call(front, { stream, api_base: value });
      await scene.refused(front, response, { code: "invalid_request", param: "api_base" });
    }
    scene.up.forget();
    await scene.served(front, { stream, api_base: null });
  });

  test("a placeholder is literal text: it reaches the provider as it was written", async () => {
    const text = "{env.HOME} $HOME %PATH% os.environ/HOME {{secrets.key}} {vault.x}";
    await scene.served(front, { stream, messages: [{ role: "user", content: text }] });
    expect(scene.up.requests[0]!.json().messages[0].content).toBe(text);
  });
});
