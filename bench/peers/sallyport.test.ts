import { expect, test } from "bun:test";
import { documentSchema } from "../../src/config/document.ts";
import { parseVirtualKey } from "../../src/domain/access/virtual-key.ts";
import { CASE_ROWS } from "../cases.ts";
import { parseOptions } from "../options.ts";
import { MODELS, sallyportConfig, sallyportHeaders } from "./sallyport.ts";

test("the bench's configuration is one that the gateway takes, key included", () => {
  const { error } = documentSchema(["openai-compatible"]).safeParse(sallyportConfig(1234));
  expect(error?.issues ?? []).toEqual([]);
  const key = sallyportHeaders().Authorization!.replace("Bearer ", "");
  expect(parseVirtualKey(key)).toBeDefined();
});

test("every model that a case asks for is configured", () => {
  for (const row of CASE_ROWS) {
    const load = row.load(parseOptions([]));
    expect(MODELS).toContain(JSON.parse("body" in load ? load.body : "{}").model);
  }
});
