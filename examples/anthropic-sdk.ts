/**
 * Anthropic's SDK in front of the gateway. It reads ANTHROPIC_BASE_URL (http://127.0.0.1:8080)
 * and ANTHROPIC_API_KEY (a virtual key). The model may be anybody's: the gateway translates.
 */
import Anthropic from "@anthropic-ai/sdk";

const model = process.env.MODEL ?? "demo";
const client = new Anthropic();

const question = { role: "user", content: "What is the weather in Zürich?" } as const;

const answer = await client.messages.create({ model, max_tokens: 300, messages: [question] });
console.log("answer:", textOf(answer));
console.log("tokens:", answer.usage.input_tokens + answer.usage.output_tokens);

process.stdout.write("stream: ");
const stream = client.messages.stream({ model, max_tokens: 300, messages: [question] });
stream.on("text", (text) => process.stdout.write(text));
await stream.finalMessage();
console.log();

// A tool: the model asks for it, the application runs it, the model gets the result.
const tools: Anthropic.Tool[] = [
  {
    name: "weather",
    description: "The weather in a city, now.",
    input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
];
const asking = await client.messages.create({ model, max_tokens: 300, messages: [question], tools });
const results = asking.content.flatMap((block) => {
  if (block.type !== "tool_use") return [];
  console.log("tool call:", block.name, JSON.stringify(block.input));
  return [{ type: "tool_result", tool_use_id: block.id, content: "12 degrees, light rain" } as const];
});
const told = await client.messages.create({
  model,
  max_tokens: 300,
  messages: [question, { role: "assistant", content: asking.content }, { role: "user", content: results }],
  tools,
});
console.log("after the tool:", textOf(told));

// Errors come in Anthropic's shape, so the SDK's own classes tell them apart.
try {
  await client.messages.create({ model: "no-such-model", max_tokens: 10, messages: [question] });
} catch (error) {
  if (!(error instanceof Anthropic.NotFoundError)) throw error;
  console.log("error:", error.status, error.type);
}

function textOf(message: Anthropic.Message): string {
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}
