/**
 * The same questions in two dialects, asked with each provider's own client. What comes back is reduced to what must
 * not depend on the dialect: text, calls, reason of the end, tokens.
 */
import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";

export interface Question {
  system?: string;
  turns: Turn[];
  tool?: { name: string; description: string; schema: { type: "object"; [field: string]: unknown } };
  maxTokens: number;
  stop?: string[];
}

export type Turn =
  | { user: string }
  | { assistant: string }
  | { call: { id: string; input: Record<string, unknown> }; result: string };

export interface Answer {
  text: string;
  calls: { name: string; input: unknown }[];
  /** In OpenAI's words. */
  end: "stop" | "length" | "tool_calls";
  inputTokens: number;
  outputTokens: number;
}

/** Asks in one dialect at temperature 0. */
export interface Asker {
  ask(model: string, question: Question, streamed: boolean): Promise<Answer>;
}

export function openaiAsker(client: OpenAI): Asker {
  return {
    async ask(model, question, streamed) {
      const request = openaiRequest(model, question);
      const completion = streamed
        ? await client.chat.completions
            .stream({ ...request, stream: true, stream_options: { include_usage: true } })
            .finalChatCompletion()
        : await client.chat.completions.create(request);
      const { message, finish_reason } = completion.choices[0]!;
      const calls = (message.tool_calls ?? []).flatMap((call) =>
        call.type === "function" ? [{ name: call.function.name, input: JSON.parse(call.function.arguments) }] : [],
      );
      return {
        text: message.content ?? "",
        calls,
        end: finish_reason as Answer["end"],
        inputTokens: completion.usage!.prompt_tokens,
        outputTokens: completion.usage!.completion_tokens,
      };
    },
  };
}

function openaiRequest(model: string, question: Question) {
  const { system, turns, tool, maxTokens, stop } = question;
  const messages: OpenAI.ChatCompletionMessageParam[] = [];
  if (system !== undefined) messages.push({ role: "system", content: system });
  for (const turn of turns) {
    if ("user" in turn) messages.push({ role: "user", content: turn.user });
    else if ("assistant" in turn) messages.push({ role: "assistant", content: turn.assistant });
    else {
      const { id, input } = turn.call;
      const call = { name: tool!.name, arguments: JSON.stringify(input) };
      messages.push({ role: "assistant", content: null, tool_calls: [{ id, type: "function", function: call }] });
      messages.push({ role: "tool", tool_call_id: id, content: turn.result });
    }
  }
  const called = tool && { name: tool.name, description: tool.description, parameters: tool.schema };
  const tools = called && ([{ type: "function", function: called }] as const);
  return {
    model,
    messages,
    max_tokens: maxTokens,
    temperature: 0,
    ...(stop ? { stop } : {}),
    ...(tools ? { tools: [...tools], tool_choice: "required" as const } : {}),
  };
}

const ENDS: Record<string, Answer["end"]> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool_calls",
};

export function anthropicAsker(client: Anthropic): Asker {
  return {
    async ask(model, question, streamed) {
      const request = anthropicRequest(model, question);
      const message = streamed
        ? await client.messages.stream(request).finalMessage()
        : await client.messages.create(request);
      const { usage } = message;
      return {
        text: message.content.map((block) => (block.type === "text" ? block.text : "")).join(""),
        calls: message.content.flatMap((block) =>
          block.type === "tool_use" ? [{ name: block.name, input: block.input }] : [],
        ),
        end: ENDS[message.stop_reason!]!,
        inputTokens: usage.input_tokens + (usage.cache_read_input_tokens ?? 0),
        outputTokens: usage.output_tokens,
      };
    },
  };
}

function anthropicRequest(model: string, question: Question) {
  const { system, turns, tool, maxTokens, stop } = question;
  const messages: Anthropic.MessageParam[] = [];
  for (const turn of turns) {
    if ("user" in turn) messages.push({ role: "user", content: turn.user });
    else if ("assistant" in turn) messages.push({ role: "assistant", content: turn.assistant });
    else {
      const { id, input } = turn.call;
      messages.push({ role: "assistant", content: [{ type: "tool_use", id, name: tool!.name, input }] });
      messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: id, content: turn.result }] });
    }
  }
  const called = tool && { name: tool.name, description: tool.description, input_schema: tool.schema };
  return {
    model,
    messages,
    max_tokens: maxTokens,
    temperature: 0,
    ...(system === undefined ? {} : { system }),
    ...(stop ? { stop_sequences: stop } : {}),
    ...(called ? { tools: [called], tool_choice: { type: "any" as const } } : {}),
  };
}

/** Questions that between them need every part of a translation, and how this model ends them. */
export const QUESTIONS: { name: string; end: Answer["end"]; question: Question }[] = [
  {
    name: "a plain question",
    end: "stop",
    question: { turns: [{ user: "What is the capital of France?" }], maxTokens: 40 },
  },
  {
    name: "a conversation under a system message, in more than ASCII",
    end: "stop",
    question: {
      system: "You are a helpful assistant. You answer in short sentences.",
      turns: [
        { user: "Name a colour." },
        { assistant: "Blue." },
        { user: "Name a fruit of “another” colour — ünïcode ✓, please." },
      ],
      maxTokens: 40,
    },
  },
  {
    name: "an answer that is cut at its length",
    end: "length",
    question: { turns: [{ user: "Tell me a long story about a fortress and its gate." }], maxTokens: 24 },
  },
  {
    name: "an answer that ends at a stop sequence",
    end: "stop",
    question: { turns: [{ user: "What is the capital of France?" }], maxTokens: 40, stop: [" Paris"] },
  },
  {
    name: "a tool call after another call and its result",
    end: "tool_calls",
    question: {
      system: "Call get_weather when asked for the weather.",
      tool: {
        name: "get_weather",
        description: "Weather of a city",
        schema: {
          type: "object",
          properties: { city: { type: "string", enum: ["Paris", "Rome", "Oslo"] } },
          required: ["city"],
        },
      },
      turns: [
        { user: "Weather in Rome?" },
        { call: { id: "call_rome", input: { city: "Rome" } }, result: "sunny" },
        { user: "Weather in Oslo?" },
        { call: { id: "call_oslo", input: { city: "Oslo" } }, result: "snow" },
        { user: "Weather in Paris?" },
      ],
      maxTokens: 60,
    },
  },
];
