import { expect, test } from "bun:test";
import manifest from "../../package.json";
import { portkeyCommand, portkeyHeaders } from "./portkey.ts";

test("Portkey runs from the cache folder and is no dependency of this project", () => {
  expect(portkeyCommand(1234).join(" ")).toMatch(/^node \S*\/\.cache\/peers\/portkey\/\S+ --headless --port=1234$/);
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(names.filter((name) => name.includes("portkey"))).toEqual([]);
});

test("its callers name the bench's upstream as an OpenAI host", () => {
  expect(portkeyHeaders(99)).toEqual({
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": "http://127.0.0.1:99/v1",
  });
});
