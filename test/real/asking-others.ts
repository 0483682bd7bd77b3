/** The questions of asking.ts in OpenAI's Responses, Gemini's and Ollama's dialects, each by its own client. */
import { type Content, FunctionCallingConfigMode, type GoogleGenAI } from "@google/genai";
import type { ChatRequest, Message, Ollama } from "ollama";
import type OpenAI from "openai";
import type { Answer, Asker, Question } from "./asking.ts";

export function responsesAsker(client: OpenAI): Asker {
  return {
    async ask(model, question, streamed) {
      const request = responsesRequest(model, question);
      const response = streamed
        ? await client.responses.stream(request).finalResponse()
        : await client.responses.create(request);
      const calls = response.output.flatMap((item) =>
        item.type === "function_call" ? [{ name: item.name, input: JSON.parse(item.arguments) as unknown }] : [],
      );
      const cut = response.status === "incomplete" ? "length" : "stop";
      return {
        text: response.output_text,
        calls,
        end: calls.length > 0 ? "tool_calls" : cut,
        inputTokens: response.usage!.input_tokens,
        outputTokens: response.usage!.output_tokens,
      };
    },
  };
}

function responsesRequest(model: string, { system, turns, tool, maxTokens }: Question) {
  const input: OpenAI.Responses.ResponseInputItem[] = [];
  for (const turn of turns) {
    if ("user" in turn) input.push({ role: "user", content: turn.user });
    else if ("assistant" in turn) input.push({ role: "assistant", content: turn.assistant });
    else {
      const { id, input: given } = turn.call;
      input.push({ type: "function_call", call_id: id, name: tool!.name, arguments: JSON.stringify(given) });
      input.push({ type: "function_call_output", call_id: id, output: turn.result });
    }
  }
  const { name, description, schema } = tool ?? {};
  return {
    model,
    input,
    store: false,
    temperature: 0,
    max_output_tokens: maxTokens,
    ...(system === undefined ? {} : { instructions: system }),
    ...(tool === undefined
      ? {}
      : {
          tools: [
            { type: "function" as const, name: name!, description: description!, parameters: schema!, strict: false },
          ],
          tool_choice: "required" as const,
        }),
  };
}

export function geminiAsker(client: GoogleGenAI): Asker {
  return {
    async ask(model, question, streamed) {
      const request = geminiRequest(model, question);
      const chunks = streamed
        ? await Array.fromAsync(await client.models.generateContentStream(request))
        : [await client.models.generateContent(request)];
      const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
      const calls = parts.flatMap(({ functionCall }) =>
        functionCall === undefined ? [] : [{ name: functionCall.name!, input: functionCall.args as unknown }],
      );
      const reason = chunks.findLast((chunk) => chunk.candidates?.[0]?.finishReason !== undefined);
      const cut = reason?.candidates?.[0]?.finishReason === "MAX_TOKENS" ? "length" : "stop";
      const usage = chunks.findLast((chunk) => chunk.usageMetadata !== undefined)!.usageMetadata!;
      return {
        text: parts.map(({ text }) => text ?? "").join(""),
        calls,
        end: calls.length > 0 ? "tool_calls" : cut,
        inputTokens: usage.promptTokenCount!,
        outputTokens: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
      };
    },
  };
}

function geminiRequest(model: string, { system, turns, tool, maxTokens, stop }: Question) {
  const contents: Content[] = [];
  for (const turn of turns) {
    if ("user" in turn) contents.push({ role: "user", parts: [{ text: turn.user }] });
    else if ("assistant" in turn) contents.push({ role: "model", parts: [{ text: turn.assistant }] });
    else {
      const { id, input } = turn.call;
      const name = tool!.name;
      contents.push({ role: "model", parts: [{ functionCall: { id, name, args: input } }] });
      // Plain text is told as this field; anything else would be another text to the model.
      contents.push({ role: "user", parts: [{ functionResponse: { id, name, response: { output: turn.result } } }] });
    }
  }
  const declared = tool && { name: tool.name, description: tool.description, parametersJsonSchema: tool.schema };
  return {
    model,
    contents,
    config: {
      temperature: 0,
      maxOutputTokens: maxTokens,
      ...(system === undefined ? {} : { systemInstruction: system }),
      ...(stop === undefined ? {} : { stopSequences: stop }),
      ...(declared === undefined
        ? {}
        : {
            tools: [{ functionDeclarations: [declared] }],
            toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
          }),
    },
  };
}

/** Ollama's dialect has no way to demand a tool call, so such a question cannot be asked in it. */
export function ollamaAsker(client: Ollama): Asker {
  return {
    async ask(model, question, streamed): Promise<Answer> {
      const request = ollamaRequest(model, question);
      const chunks = streamed
        ? await Array.fromAsync(await client.chat({ ...request, stream: true }))
        : [await client.chat({ ...request, stream: false })];
      const last = chunks.at(-1)!;
      return {
        text: chunks.map(({ message }) => message.content).join(""),
        calls: [],
        end: last.done_reason as Answer["end"],
        inputTokens: last.prompt_eval_count,
        outputTokens: last.eval_count,
      };
    },
  };
}

function ollamaRequest(model: string, { system, turns, maxTokens, stop }: Question): ChatRequest {
  const messages: Message[] = system === undefined ? [] : [{ role: "system", content: system }];
  for (const turn of turns) {
    if ("user" in turn) messages.push({ role: "user", content: turn.user });
    else if ("assistant" in turn) messages.push({ role: "assistant", content: turn.assistant });
  }
  return {
    model,
    messages,
    options: { temperature: 0, num_predict: maxTokens, ...(stop === undefined ? {} : { stop }) },
  };
}
