import { expect, test } from "bun:test";
import { sampleRecord } from "../store/meter-contract.ts";
import { callFields } from "./call-log.ts";

test("a line names who called what and how it ended, and nothing of what was said", () => {
  const captured = { request: "the prompt", answer: "the answer" };
  const fields = callFields(
    sampleRecord({ captured, costNanoUsd: 1_500, outcome: "cut", errorCode: "upstream_cut", status: 502 }),
  );
  expect(fields).toMatchObject({
    outcome: "cut",
    code: "upstream_cut",
    status: 502,
    tenant: "ten_1",
    key: "key_1",
    model: "small",
    provider: "up/m",
    costUsd: "0.0000015",
  });
  expect(JSON.stringify(fields)).not.toContain("the prompt");
  expect(JSON.stringify(fields)).not.toContain("the answer");
});

test("the line of a call that failed says where, with which status, and why", () => {
  const asked = { ms: 1, inputTokens: 0, outputTokens: 0, costNanoUsd: 0 };
  const attempts = [
    { ...asked, provider: "up", model: "m", status: 503, error: "upstream_error" },
    { ...asked, provider: "two", model: "m2", status: 400, error: "upstream_rejected" },
    { ...asked, provider: "three", model: "m3", status: null, error: "superseded" },
  ];
  const failed = sampleRecord({
    errorCode: "upstream_rejected",
    status: 400,
    outcome: "failed",
    attempts,
    provider: null,
  });
  expect(callFields(failed, "the provider answered 400")).toMatchObject({
    ...{ provider: "two/m2", upstreamStatus: 400, code: "upstream_rejected", detail: "the provider answered 400" },
  });
  const unreached = { ...failed, attempts: [{ ...attempts[0]!, status: null, error: "upstream_unreachable" }] };
  expect(callFields(unreached, "ECONNREFUSED")).toMatchObject({ provider: "up/m", detail: "ECONNREFUSED" });
  expect(callFields(unreached)).not.toHaveProperty("upstreamStatus");
  const served = callFields({ ...failed, errorCode: null, provider: "two", providerModel: "m2" }, "nothing");
  for (const name of ["upstreamStatus", "detail"]) expect(served).not.toHaveProperty(name);
});

test("what is not known is left out rather than told as nothing", () => {
  const stranger = {
    tenantId: null,
    applicationId: null,
    keyId: null,
    api: null,
    model: null,
    provider: null,
    firstByteMs: null,
  };
  const fields = callFields(sampleRecord({ ...stranger, errorCode: null }));
  for (const name of ["tenant", "key", "api", "model", "provider", "firstByteMs", "code"])
    expect(fields).not.toHaveProperty(name);
});

test("the caller's own request id stands beside ours only where it is another", () => {
  const record = sampleRecord({});
  expect(callFields({ ...record, requestId: "theirs" }).request).toBe("theirs");
  expect(callFields({ ...record, requestId: record.id })).not.toHaveProperty("request");
});
