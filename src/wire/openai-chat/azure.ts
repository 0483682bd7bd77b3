import type { Wire } from "../../spec/wire.ts";
import { openaiChat } from "./index.ts";

/**
 * Chat Completions as Azure's clients ask for them: the deployment in the path is the model
 * (https://learn.microsoft.com/azure/ai-foundry/openai/reference), and what the body says of one
 * does not count. The version of the API in the query is of no meaning here.
 */
export const azureChat: Wire = {
  ...openaiChat,
  decode(body, address) {
    const deployment = address?.params.deployment;
    return openaiChat.decode(deployment === undefined ? body : { ...body, model: deployment }, address);
  },
};
