/** How long a large request takes to be read: 200 tools, over 100 kB, in each front's dialect. One thread, no network. */
import { parseBody } from "../src/gateway/arrival/body.ts";
import type { Wire } from "../src/spec/wire.ts";
import { anthropicMessages } from "../src/wire/anthropic-messages/index.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";
import { markdown } from "./report.ts";
import { percentile } from "./stats.ts";

const TOOLS = 200;
const FIELDS = 5;
const ROUNDS = 500;
/** Compilers need some rounds before they rest. */
const WARM_UP = 100;

function schema(tool: number): object {
  const field = (i: number) => ({
    type: "string",
    description: `What field ${i} of tool ${tool} is for, in a few words.`,
  });
  const properties = Object.fromEntries(Array.from({ length: FIELDS }, (_, i) => [`field_${i}`, field(i)]));
  return { type: "object", properties, required: ["field_0"] };
}

const tools = Array.from({ length: TOOLS }, (_, i) => {
  return {
    name: `tool_number_${i}`,
    description: "Does something useful with what it is given.",
    parameters: schema(i),
  };
});
const base = { model: "bench", max_tokens: 256, messages: [{ role: "user", content: "Which tool would you use?" }] };

const ROWS: readonly { wire: Wire; body: object }[] = [
  { wire: openaiChat, body: { ...base, tools: tools.map((tool) => ({ type: "function", function: tool })) } },
  {
    wire: anthropicMessages,
    body: { ...base, tools: tools.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters })) },
  },
];

/** A table of milliseconds from bytes to a canonical request, as the decode stage does it. */
export function decodeTable(): string {
  const rows = ROWS.map(({ wire, body }) => {
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    const times: number[] = [];
    for (let round = 0; round < WARM_UP + ROUNDS; round++) {
      const began = performance.now();
      wire.decode(parseBody(bytes));
      if (round >= WARM_UP) times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    return [wire.dialect, String(bytes.length), percentile(times, 0.5).toFixed(2), percentile(times, 0.99).toFixed(2)];
  });
  return `### A request with ${TOOLS} tools\n\n${markdown(["dialect", "bytes", "p50 ms", "p99 ms"], rows)}`;
}
