import { describe, expect, test } from "bun:test";
import { type AccountNames, redactorOf, withoutAccountNames } from "./redact.ts";

describe("what names an account of ours at a provider is taken out", () => {
  const rows: [string, string, string][] = [
    ["OpenAI", "Rate limit in organization org-AbCdEf123456 on tokens", "Rate limit in organization ***** on tokens"],
    ["OpenAI's project", "no access of proj_AbCdEf123456 to m", "no access of ***** to m"],
    [
      "Google's project",
      "Publisher Model `projects/acme-prod/locations/eu/publishers/google/models/g` was not found",
      "Publisher Model `projects/*****/locations/eu/publishers/google/models/g` was not found",
    ],
    ["Google's number", "consumer 'project_number:123456789'", "consumer 'project_number:*****'"],
    ["Google's project in words", "disabled in project 123456789 before", "disabled in project ***** before"],
    ["Google's service account", "gw@acme-prod.iam.gserviceaccount.com lacks", "***** lacks"],
    [
      "AWS's ARN",
      "User: arn:aws:sts::123456789012:assumed-role/Gateway/s is not authorized",
      "User: ***** is not authorized",
    ],
    ["AWS's account", "account 123456789012 has no access", "account ***** has no access"],
    ["AWS's access key", "Credential=AKIAIOSFODNN7EXAMPLE/20260101", "Credential=*****/20260101"],
    ["temporary credentials", "ASIAIOSFODNN7EXAMPLE", "*****"],
    [
      "Azure's subscription",
      "in /subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/acme/x now",
      "in subscriptions/***** now",
    ],
    ["an id of Azure's", "Subscription 0b1f6471-1bf0-4dda-aec3-cb9272f09590 is over", "Subscription ***** is over"],
    ["Azure's resource", "https://acme-eu.openai.azure.com/openai", "https://*****.openai.azure.com/openai"],
    ["Azure's newer resource", "acme.services.ai.azure.com", "*****.services.ai.azure.com"],
    ["Fireworks", "accounts/acme/models/mine", "accounts/*****/models/mine"],
    ["a Google token", "token ya29.c.b0Aa-x_1 expired", "token ***** expired"],
    ["a JSON web token", "got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", "got *****"],
    ["a bearer token", "Authorization: Bearer abc123def456", "Authorization: Bearer *****"],
    ["a key quoted in part", "key sk-proj-ab****wxyz", "key *****"],
    ["a key of Google's", "AIzaSyA1234567890abcdefghijklmnop", "*****"],
  ];
  test.each(rows)("%s", (_, said, told) => {
    expect(withoutAccountNames(said)).toBe(told);
  });
});

describe("what a caller needs stays", () => {
  test.each([
    "Unknown parameter: 'user_location'. Did you mean 'user'?",
    "This model's maximum context length is 128000 tokens; you asked for 1234567 tokens (messages[0].content).",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3 does not take images in us-east-1",
    "Bearer authentication is not supported for org_x",
    "accounts/fireworks/models/llama takes no tools",
    "request id: 0b1f6471-1bf0-4dda-aec3-cb9272f09590",
    "project is not a field of the request at 1790000000000",
  ])("%s", (said) => {
    expect(withoutAccountNames(said)).toBe(said);
  });
});

describe("what is known of an account is taken out", () => {
  const of = (over: Partial<AccountNames>) =>
    redactorOf({ key: null, options: {}, baseUrl: null, publicBaseUrl: null, ...over });

  test("its key as it is", () => {
    expect(of({ key: "k-secret" })("x-api-key: k-secret.")).toBe("x-api-key: *****.");
  });

  test("every field of a key that is traded or signs, however it is written", () => {
    const line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
    const key = JSON.stringify({
      type: "service_account",
      private_key: `-----BEGIN PRIVATE KEY-----\n${line}\n-----END PRIVATE KEY-----\n`,
      private_key_id: "0123456789abcdef",
      token_uri: "https://oauth2.googleapis.com/token",
      secretAccessKey: "wJalr/UtnFEMI+K7MDENG",
      clientSecret: "s&cret~value",
    });
    const redact = of({ key });
    const said = `${line} 0123456789abcdef wJalr/UtnFEMI+K7MDENG wJalr%2FUtnFEMI%2BK7MDENG s&cret~value`;
    expect(redact(said)).toBe("***** ***** ***** ***** *****");
    const harmless = "a service_account asks https://oauth2.googleapis.com/token";
    expect(redact(harmless)).toBe(harmless);
  });

  test("its options, but not the words that every account of the kind has", () => {
    const redact = of({ options: { project: "acme-prod", region: "eu-central-1", guardrail: "abcd1234" } });
    expect(redact("acme-prod and abcd1234 in eu-central-1")).toBe("***** and ***** in eu-central-1");
  });

  test("the host of its address, unless that is the provider's public one", () => {
    const names = { baseUrl: "https://gpu-7.inside.example:8000/v1", publicBaseUrl: "https://api.openai.com/v1" };
    expect(of(names)("gpu-7.inside.example:8000 is full")).toBe("*****:8000 is full");
    expect(of({ ...names, baseUrl: "https://api.openai.com/v1" })("see api.openai.com")).toBe("see api.openai.com");
  });
});

describe("a key that a provider shows again is taken out", () => {
  const KEY = "kAbc/dEf+ghIJ0123456789=wxyz";
  const redact = redactorOf({ key: KEY, options: {}, baseUrl: null, publicBaseUrl: null });
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const rows: [string, string][] = [
    ["in an address", encodeURIComponent(KEY)],
    ["in an address, in small letters", encodeURIComponent(KEY).replace(/%../g, (code) => code.toLowerCase())],
    ["within JSON", JSON.stringify(KEY)],
    ["within JSON of PHP's", KEY.replaceAll("/", "\\/")],
    ["in Base64", base64(KEY)],
    ["in Base64 of addresses", Buffer.from(KEY).toString("base64url")],
    ["as a password without a name", base64(`:${KEY}`)],
    ["as the password of a name", base64(`me:${KEY}:x`)],
    ["as a user without a password", base64(`${KEY}:`)],
    ["without its end", KEY.slice(0, -4)],
    ["without its beginning", KEY.slice(4)],
    ["its first half", KEY.slice(0, 14)],
    ["a part out of its middle", KEY.slice(7, 18)],
    ["its ends, with dots between", "kAbc/dEf...wxyz"],
    ["its ends, with an ellipsis between", "kAbc…xyz"],
    ["its ends, with stars between", "kAb**wxyz"],
    ["its end after dots", "....9=wxyz"],
    ["its beginning before dots", "kAbc/dEf..."],
  ];
  test.each(rows)("%s", (_, said) => {
    const told = redact(`the key "${said}" is bad.`);
    for (let at = 0; at + 5 <= said.length; at++) expect(told).not.toContain(said.slice(at, at + 5));
    expect(told).toStartWith('the key "');
    expect(told).toEndWith('" is bad.');
    expect(told).toContain("*****");
  });

  test("as often as it stands there, and nothing beside it", () => {
    expect(redact(`${KEY}, ${KEY.slice(3)}; ${KEY.slice(0, 20)}... and ${KEY}${KEY}`)).toBe(
      "*****, *****; *****... and **********",
    );
  });

  test("but not a word that the key has too, nor dots beside others", () => {
    const said = "ghIJ0123 and so on... kAb or (…) 0123456789 *** 3 xyz";
    expect(redact(said)).toBe(said);
    const short = redactorOf({ key: "not-needed", options: {}, baseUrl: null, publicBaseUrl: null });
    expect(short("not... needed")).toBe("not... needed");
  });
});

describe("however a provider's text is made, it is searched in time in proportion", () => {
  const SIZE = 512 * 1024;
  const redact = redactorOf({ key: "aaaaab".repeat(8), options: {}, baseUrl: null, publicBaseUrl: null });
  const units = [
    ...[
      "user-",
      "user_",
      "team-",
      "project ",
      "project:",
      "Bearer ",
      "Bearer a.",
      "eyJaaaaaaaa.",
      "a",
      "a-",
      "a.",
      "1",
    ],
    ...["subscriptions/", "projects/", "accounts/", "arn:aws:", "a@", "a@b.", "request ", "sk-", "org-", "AKIA", "-"],
    ...[
      "0b1f6471-1bf0-",
      "request-id: ",
      "a.b.inference.ai.azure",
      "x.openai.azure",
      "*",
      "...",
      "aaaaa",
      "aaaaab*",
      " ",
    ],
  ];
  test.each(units)("%j again and again", (unit) => {
    const text = `user-${unit.repeat(SIZE / unit.length)}`;
    const begun = performance.now();
    withoutAccountNames(redact(text));
    // It takes some tens of milliseconds; by its square it would be minutes.
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});
