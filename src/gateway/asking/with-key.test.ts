import { expect, test } from "bun:test";
import { Secret } from "../../kernel/secret.ts";
import { withKey } from "./with-key.ts";

const key = new Secret("k");
const credential = (text: string) => ({ "x-api-key": text });

test("a key is shown in its header, beside what the adapter wrote", () => {
  expect(withKey({ credential }, {}, key, { "x-version": "1" })).toEqual({
    headers: { "content-type": "application/json", "x-version": "1", "x-api-key": "k" },
  });
});

test("where there is no key, none is shown", () => {
  expect(withKey({ credential }, {}, null, {})).toEqual({ headers: { "content-type": "application/json" } });
});

test("a key that is used otherwise stands in no header", () => {
  const adapter = { credential, authorization: (text: string) => (text === "k" ? "aws-sigv4" : null) } as const;
  const call = withKey(adapter, { region: "eu-west-1" }, key, {});
  expect(call).toEqual({
    headers: { "content-type": "application/json" },
    authorization: { by: "aws-sigv4", key, options: { region: "eu-west-1" } },
  });
  expect(withKey(adapter, {}, new Secret("plain"), {}).headers).toMatchObject({ "x-api-key": "plain" });
});
