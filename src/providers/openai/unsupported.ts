import type { Capabilities, Feature } from "../../spec/capability.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Losses } from "./losses.ts";

/**
 * What a server would leave out without a word, so that the caller would read an answer that
 * is not there: several answers, log probabilities, a bias. What a server refuses itself
 * (images, tools, schemas) is left to it: it knows its models better than a table does.
 */
const ROWS: readonly { feature: Feature; field: string; asked: (request: ModelRequest) => boolean }[] = [
  { feature: "choices", field: "n", asked: (request) => (request.choices ?? 1) > 1 },
  { feature: "logprobs", field: "logprobs", asked: (request) => request.logprobs === true },
  { feature: "logitBias", field: "logit_bias", asked: (request) => Object.keys(request.logitBias ?? {}).length > 0 },
];

/** @throws UnsupportedFeature for the first of these that the server lacks. */
export function checkSupport(request: ModelRequest, capabilities: Capabilities, losses: Losses): void {
  for (const { feature, field, asked } of ROWS) {
    if (!capabilities[feature] && asked(request)) losses.refuse(field, `the provider takes no ${field}`);
  }
}
