import { expect, test } from "bun:test";
import { azureChat } from "./azure.ts";

const messages = [{ role: "user", content: "hi" }];
const address = { params: { deployment: "my-gpt" }, query: "api-version=2024-10-21" };

test("the deployment in the path is the model, whatever the body says", () => {
  expect(azureChat.decode({ messages }, address).model).toBe("my-gpt");
  expect(azureChat.decode({ model: "other", messages }, address)).toMatchObject({
    model: "my-gpt",
    dialect: "openai-chat",
  });
});

test("the rest is Chat Completions", () => {
  expect(azureChat.decode({ model: "m", messages }).model).toBe("m");
  expect(() => azureChat.decode({}, address)).toThrow("messages");
});
