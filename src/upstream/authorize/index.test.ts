// Covers index.ts, sigv4.ts, access-tokens.ts and token-requests.ts.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, verify } from "node:crypto";
import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";
import { faultOfSignature } from "../../../test/support/sigv4.ts";
import { json, type ReceivedRequest, startUpstream, type Upstream } from "../../../test/support/upstream.ts";
import { Secret } from "../../kernel/secret.ts";
import type { AccountAuthorization } from "../../ports/upstream.ts";
import { Egress } from "../egress.ts";
import { createUpstream } from "../send.ts";

const START = Date.UTC(2026, 0, 2, 3, 4, 5);
let now = START;
const clock = { now: () => now, ticks: () => now };
let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
});
afterAll(() => up.stop());

const secretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const AWS = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey };
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

function google(): AccountAuthorization {
  const key = {
    type: "service_account",
    client_email: "gateway@acme.example",
    private_key_id: "kid1",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    token_uri: `${up.url}/token`,
  };
  return { by: "google-access-token", key: new Secret(JSON.stringify(key)), options: {} };
}

function entra(): AccountAuthorization {
  const key = { tenantId: "contoso", clientId: "app", clientSecret: "s&cret", authority: up.url };
  return { by: "entra-access-token", key: new Secret(JSON.stringify(key)), options: {} };
}

const token = (text: string, seconds = 3600) =>
  json(200, { access_token: text, expires_in: seconds, token_type: "Bearer" });
const said = json(200, { ok: true });

function sender() {
  const upstream = createUpstream(new Egress(clock, async () => ["127.0.0.1"]), clock);
  return async (
    authorization: AccountAuthorization,
    path = "/model/a%3A0/converse",
    signal = new AbortController().signal,
  ) => {
    const answer = await upstream.send({
      baseUrl: `http://cloud.example:${up.port}`,
      path,
      headers: { "content-type": "application/json", "x-of-adapter": "1" },
      body: '{"text":"grüße"}',
      allowPrivateNetwork: true,
      authorization,
      signal,
    });
    await answer.bytes(1_000);
    return answer.status;
  };
}

const arrived = (request: ReceivedRequest) => ({
  method: request.method,
  target: request.path,
  header: (name: string) => request.header(name),
  body: request.body,
});

describe("a request to AWS", () => {
  test.each([
    ["a model id with a colon", "/model/a%3A0/converse", undefined],
    ["an ARN with slashes", "/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Aprofile%2Fx/converse-stream", undefined],
    ["a query", "/model/x/converse?b=2&a=1", undefined],
    ["temporary credentials", "/model/x/converse", "t".repeat(300)],
  ])("is signed as AWS reckons it: %s", async (_, path, sessionToken) => {
    now = START;
    up.forget();
    up.answer(said);
    const key = new Secret(JSON.stringify(sessionToken === undefined ? AWS : { ...AWS, sessionToken }));
    const send = sender();
    for (let day = 0; day < 2; day++, now += 86_400_000) {
      expect(await send({ by: "aws-sigv4", key, options: { region: "eu-central-1" } }, path)).toBe(200);
    }
    expect(up.requests).toHaveLength(2);
    for (const request of up.requests) {
      expect(faultOfSignature(arrived(request), secretAccessKey, "bedrock")).toBeUndefined();
      expect(faultOfSignature(arrived(request), `${secretAccessKey}x`, "bedrock")).toBe("the signature is another one");
      expect(request.header("authorization")).toContain("/eu-central-1/bedrock/");
      expect(request.header("host")).toBe(`cloud.example:${up.port}`);
      expect(request.header("x-of-adapter")).toBe("1");
      expect(request.header("x-amz-security-token") ?? undefined).toBe(sessionToken);
      expect(request.rawText()).not.toContain(secretAccessKey);
    }
    expect(up.requests[0]!.header("x-amz-date")).toBe("20260102T030405Z");
  });

  test("signed by AWS's own client is judged the same way, so the judge is right", async () => {
    let fault: string | undefined = "nothing was sent";
    const client = new BedrockRuntimeClient({
      region: "eu-central-1",
      credentials: AWS,
      maxAttempts: 1,
      requestHandler: {
        handle: async (request: { method: string; path: string; headers: Record<string, string>; body: string }) => {
          const { method, path: target, headers, body } = request;
          fault = faultOfSignature(
            { method, target, header: (name) => headers[name] ?? null, body },
            secretAccessKey,
            "bedrock",
          );
          throw new Error("enough");
        },
      } as never,
    });
    const asked = client.send(
      new ConverseCommand({ modelId: "a:0", messages: [{ role: "user", content: [{ text: "x" }] }] }),
    );
    await expect(asked).rejects.toThrow("enough");
    expect(fault).toBeUndefined();
  });
});

describe("an access token", () => {
  test("of Google's is traded for a grant that the service account signed", async () => {
    now = START;
    up.forget();
    up.answers(token("google-token"), said);
    expect(await sender()(google())).toBe(200);
    const [asked, sent] = up.requests;
    expect(asked).toMatchObject({ method: "POST", path: "/token" });
    expect(asked!.header("content-type")).toBe("application/x-www-form-urlencoded");
    const form = new URLSearchParams(asked!.text());
    expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const [header, claims, signature] = form.get("assertion")!.split(".");
    const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString()) as unknown;
    expect(read(header!)).toEqual({ alg: "RS256", typ: "JWT", kid: "kid1" });
    expect(read(claims!)).toEqual({
      iss: "gateway@acme.example",
      scope: "https://www.googleapis.com/auth/cloud-platform",
      aud: `${up.url}/token`,
      iat: START / 1_000,
      exp: START / 1_000 + 3_600,
    });
    expect(
      verify("RSA-SHA256", Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature!, "base64url")),
    ).toBe(true);
    expect(sent!.header("authorization")).toBe("Bearer google-token");
    expect(sent!.header("x-of-adapter")).toBe("1");
  });

  test("of Entra's is traded for the client's secret", async () => {
    up.forget();
    up.answers(token("entra-token"), said);
    await sender()(entra());
    const [asked, sent] = up.requests;
    expect(asked!.path).toBe("/contoso/oauth2/v2.0/token");
    expect(Object.fromEntries(new URLSearchParams(asked!.text()))).toEqual({
      grant_type: "client_credentials",
      client_id: "app",
      client_secret: "s&cret",
      scope: "https://cognitiveservices.azure.com/.default",
    });
    expect(sent!.header("authorization")).toBe("Bearer entra-token");
  });

  test("serves until a minute before it ends, for all calls of its account", async () => {
    now = START;
    up.forget();
    up.answers(token("first", 600), said, said, token("second"), said);
    const send = sender();
    const account = entra();
    await send(account);
    now += 539_000;
    await send(account);
    now += 2_000;
    await send(account);
    expect(up.requests.map((request) => request.header("authorization") ?? "asked")).toEqual([
      "asked",
      "Bearer first",
      "Bearer first",
      "asked",
      "Bearer second",
    ]);
  });

  test("is asked for once, however many calls need it at a time, and one that leaves takes nothing from the others", async () => {
    up.forget();
    up.answers(token("shared"), said, said, said);
    const send = sender();
    const account = google();
    const leaving = new AbortController();
    const left = send(account, "/x", leaving.signal);
    const calls = [1, 2, 3].map(() => send(account));
    leaving.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    expect(await Promise.all(calls)).toEqual([200, 200, 200]);
    expect(up.requests.filter((request) => request.path === "/token")).toHaveLength(1);
  });

  test("that the provider refuses is asked for anew by the next call", async () => {
    up.forget();
    up.answers(token("revoked"), json(401, {}), token("new"), said);
    const send = sender();
    const account = entra();
    expect(await send(account)).toBe(401);
    expect(await send(account)).toBe(200);
  });

  const faults: [string, ReturnType<typeof json>, string, string][] = [
    [
      "refused",
      json(401, { error: "invalid_client", error_description: "secret" }),
      "upstream_refused",
      "401 invalid_client",
    ],
    ["a page", json(200, { html: true }), "upstream_refused", "gave no token: 200"],
    ["no header value", token("two words"), "upstream_refused", "gave no token: 200"],
    ["broken", json(503, {}), "upstream_unreachable", "answered 503"],
  ];
  test.each(faults)("that is %s says so, sends nothing, and is tried again", async (_, answer, code, internal) => {
    up.forget();
    up.answers(answer, token("good"), said);
    const send = sender();
    const account = entra();
    const thrown = (await send(account).catch((cause: unknown) => cause)) as { code: string; internal: string };
    expect(thrown.code).toBe(code);
    expect(thrown.internal).toContain(internal);
    expect(thrown.internal).not.toContain("secret");
    expect(up.requests).toHaveLength(1);
    expect(await send(account)).toBe(200);
  });

  test("is not asked for at an address that may not be called", async () => {
    up.forget();
    const upstream = createUpstream(new Egress(clock, async () => ["127.0.0.1"]), clock);
    const call = { baseUrl: "http://93.184.216.34", path: "/", headers: {}, body: "", allowPrivateNetwork: false };
    const asked = upstream.send({ ...call, authorization: entra(), signal: new AbortController().signal });
    await expect(asked).rejects.toMatchObject({ code: "upstream_blocked" });
    expect(up.requests).toHaveLength(0);
  });
});

test("a key that is none is the operator's to mend, and nothing is sent", async () => {
  up.forget();
  for (const by of ["aws-sigv4", "google-access-token", "entra-access-token"] as const) {
    const thrown = await sender()({ by, key: new Secret("not JSON"), options: {} }).catch((cause: unknown) => cause);
    expect(thrown).toMatchObject({ code: "upstream_refused", internal: "the account's key must be a JSON object" });
  }
  expect(up.requests).toHaveLength(0);
});
