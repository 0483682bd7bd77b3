import { expect, test } from "bun:test";
import { EXAMPLE, load } from "../../test/support/configuration.ts";
import { formatProblem } from "./problem.ts";

// advice.ts, and what domain/catalog/known-parameters.ts knows.

const warnings = (parameters: string) => {
  const stage = /stage: published,/;
  const text = EXAMPLE.replace(stage, `stage: published, parameters: ${parameters},`);
  expect(text).not.toBe(EXAMPLE);
  return load(text).warnings.map(formatProblem);
};

test("a misspelt parameter is told with its place, and with the word that was probably meant", () => {
  const [first, second, ...rest] = warnings("{ deny: [seed, max_tokens, temprature], allow: [maxOutputTokns] }");
  expect(rest).toEqual([]);
  const told = [first, second].sort();
  expect(told[0]).toMatch(
    /^conf\/sallyport\.yaml:\d+:\d+: apis\[0\]\.parameters\.(?:allow|deny)\[\d\]: unknown parameter/,
  );
  expect(told.join("\n")).toContain(
    'apis[0].parameters.deny[2]: unknown parameter "temprature"; did you mean "temperature"? (a field of one provider\'s is written "body.temprature")',
  );
  expect(told.join("\n")).toContain('unknown parameter "maxOutputTokns"; did you mean "maxOutputTokens"?');
});

test("a word that is like none is told too, with the way to write it", () => {
  expect(warnings("{ deny: [flux_capacitor] }")).toEqual([
    expect.stringContaining(
      'unknown parameter "flux_capacitor"; a field of one provider\'s is written "body.flux_capacitor"',
    ),
  ]);
});

test("words of every dialect, fields of providers, headers and fields that are named as such are known", () => {
  const known =
    "maxOutputTokens, max_completion_tokens, generationConfig.topK, generationConfig.thinkingConfig.includeThoughts, " +
    "options.num_ctx, min_p, top_a, repetition_penalty, web_search_options, thinking, anthropic-beta, voice, body.temprature";
  expect(warnings(`{ deny: [${known}], allow: [${known}] }`)).toEqual([]);
  expect(load(EXAMPLE).warnings).toEqual([]);
});
