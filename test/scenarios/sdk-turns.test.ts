/**
 * Conversations by the official clients, on every road: what a provider is asked must be the
 * same whoever asks, and in its own words.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import { ROADS } from "../support/scene.ts";
import { bound, envelope, type Question, SdkScene } from "../support/sdk.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

interface Turns extends Question {
  name: string;
  /** What each provider must be asked, whoever asks. */
  sent: { openai: JsonObject; anthropic: JsonObject };
}

const PNG = "iVBORw0KGgo=";
const PDF = "JVBERi0xLjQK";

const TURNS: Turns[] = [
  {
    name: "a system prompt",
    openai: {
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
    },
    anthropic: { max_tokens: 100, system: "Be brief.", messages: [{ role: "user", content: "Hi" }] },
    sent: {
      openai: {
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Hi" },
        ],
      },
      anthropic: { system: "Be brief.", messages: [{ role: "user", content: "Hi" }] },
    },
  },
  {
    name: "several turns",
    openai: {
      messages: [
        { role: "user", content: "One?" },
        { role: "assistant", content: "One." },
        { role: "user", content: "Two?" },
        { role: "assistant", content: "Two." },
        { role: "user", content: "Three?" },
      ],
    },
    anthropic: {
      max_tokens: 100,
      messages: [
        { role: "user", content: "One?" },
        { role: "assistant", content: "One." },
        { role: "user", content: "Two?" },
        { role: "assistant", content: "Two." },
        { role: "user", content: "Three?" },
      ],
    },
    sent: {
      openai: {
        messages: [
          { role: "user", content: "One?" },
          { role: "assistant", content: "One." },
          { role: "user", content: "Two?" },
          { role: "assistant", content: "Two." },
          { role: "user", content: "Three?" },
        ],
      },
      anthropic: {
        messages: [
          { role: "user", content: "One?" },
          { role: "assistant", content: "One." },
          { role: "user", content: "Two?" },
          { role: "assistant", content: "Two." },
          { role: "user", content: "Three?" },
        ],
      },
    },
  },
  {
    name: "an image by address",
    openai: {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url: "https://example.com/cat.png" } },
          ],
        },
      ],
    },
    anthropic: {
      max_tokens: 100,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image", source: { type: "url", url: "https://example.com/cat.png" } },
          ],
        },
      ],
    },
    sent: {
      openai: {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image_url", image_url: { url: "https://example.com/cat.png" } },
            ],
          },
        ],
      },
      anthropic: {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image", source: { type: "url", url: "https://example.com/cat.png" } },
            ],
          },
        ],
      },
    },
  },
  {
    name: "an image as bytes, before the text",
    openai: {
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
            { type: "text", text: "What is this?" },
          ],
        },
      ],
    },
    anthropic: {
      max_tokens: 100,
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
            { type: "text", text: "What is this?" },
          ],
        },
      ],
    },
    sent: {
      openai: {
        messages: [
          {
            role: "user",
            content: [
              { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
              { type: "text", text: "What is this?" },
            ],
          },
        ],
      },
      anthropic: {
        messages: [
          {
            role: "user",
            content: [
              { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
              { type: "text", text: "What is this?" },
            ],
          },
        ],
      },
    },
  },
  {
    name: "a document as bytes",
    openai: {
      messages: [
        {
          role: "user",
          content: [
            { type: "file", file: { filename: "paper.pdf", file_data: `data:application/pdf;base64,${PDF}` } },
            { type: "text", text: "Sum it up." },
          ],
        },
      ],
    },
    anthropic: {
      max_tokens: 100,
      messages: [
        {
          role: "user",
          content: [
            {
              type: "document",
              title: "paper.pdf",
              source: { type: "base64", media_type: "application/pdf", data: PDF },
            },
            { type: "text", text: "Sum it up." },
          ],
        },
      ],
    },
    sent: {
      openai: {
        messages: [
          {
            role: "user",
            content: [
              { type: "file", file: { filename: "paper.pdf", file_data: `data:application/pdf;base64,${PDF}` } },
              { type: "text", text: "Sum it up." },
            ],
          },
        ],
      },
      anthropic: {
        messages: [
          {
            role: "user",
            content: [
              {
                type: "document",
                title: "paper.pdf",
                source: { type: "base64", media_type: "application/pdf", data: PDF },
              },
              { type: "text", text: "Sum it up." },
            ],
          },
        ],
      },
    },
  },
];

describe.each(TURNS)("$name", ({ sent, ...question }) => {
  test.each(ROADS)("reaches a provider of $provider from a client of $front, stream: $stream", async (road) => {
    scene.says({ text: "Done." });
    expect((await scene.hear(road, question)).text).toBe("Done.");
    expect(scene.sent()).toEqual({ ...envelope(road), ...bound(road), ...sent[road.provider] });
  });
});
