/**
 * OpenAI's SDK in front of the gateway. It reads OPENAI_BASE_URL (http://127.0.0.1:8080/v1)
 * and OPENAI_API_KEY (a virtual key); nothing else tells it from a call to OpenAI itself.
 */
import OpenAI from "openai";

const model = process.env.MODEL ?? "demo";
const client = new OpenAI();

for await (const each of client.models.list()) console.log("model:", each.id);

const question = { role: "user", content: "What is the weather in Zürich?" } as const;

const answer = await client.chat.completions.create({ model, messages: [question] });
console.log("answer:", answer.choices[0]?.message.content);
console.log("tokens:", answer.usage?.total_tokens);

process.stdout.write("stream: ");
const stream = await client.chat.completions.create({ model, messages: [question], stream: true });
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
console.log();

// A tool: the model asks for it, the application runs it, the model gets the result.
const tools: OpenAI.Chat.Completions.ChatCompletionTool[] = [
  {
    type: "function",
    function: {
      name: "weather",
      description: "The weather in a city, now.",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];
const asking = await client.chat.completions.create({ model, messages: [question], tools });
const turn = asking.choices[0]!.message;
const results = (turn.tool_calls ?? []).map((call) => {
  if (call.type === "function") console.log("tool call:", call.function.name, call.function.arguments);
  return { role: "tool", tool_call_id: call.id, content: "12 degrees, light rain" } as const;
});
const told = await client.chat.completions.create({ model, messages: [question, turn, ...results], tools });
console.log("after the tool:", told.choices[0]?.message.content);

// Errors come in OpenAI's shape, so the SDK's own classes tell them apart.
try {
  await client.chat.completions.create({ model: "no-such-model", messages: [question] });
} catch (error) {
  if (!(error instanceof OpenAI.NotFoundError)) throw error;
  console.log("error:", error.status, error.code, "request", error.requestID);
}
