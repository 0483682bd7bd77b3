import { expect, test } from "bun:test";
import { sampleRecord } from "./meter-contract.ts";
import { fieldOfText, recordFromText, recordToText } from "./record-text.ts";

test("a record comes back as it went, whatever is usual in it", () => {
  const plain = sampleRecord();
  const rich = sampleRecord({
    outcome: "cut",
    status: 502,
    stream: true,
    firstByteMs: null,
    attempts: [
      {
        provider: "a",
        model: "b",
        status: null,
        error: "upstream_cut",
        ms: 1.5,
        inputTokens: 1,
        outputTokens: 0,
        costNanoUsd: 0,
      },
    ],
    warnings: ["seed: left out"],
    captured: { request: [], answer: "text" },
    heldFor: 3,
  });
  for (const record of [plain, rich]) expect(recordFromText(recordToText(record))).toEqual(record);
});

test("what is as usual is not stored", () => {
  const text = recordToText(sampleRecord());
  for (const name of ["outcome", "captured", "attempts", "cacheReadTokens", "heldFor"])
    expect(text).not.toContain(name);
});

test("two records never share a list", () => {
  const [a, b] = [recordFromText("{}"), recordFromText("{}")];
  a.attempts.push({
    provider: "p",
    model: "m",
    status: 200,
    error: null,
    ms: 1,
    inputTokens: 0,
    outputTokens: 0,
    costNanoUsd: 0,
  });
  expect(b.attempts).toEqual([]);
});

test("a field can be asked for in SQL, its usual value included", () => {
  expect(fieldOfText("outcome")).toContain("finished");
  expect(fieldOfText("tenantId")).toBe("record ->> 'tenantId'");
});
