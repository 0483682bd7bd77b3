import type { ProviderAdapter } from "../../spec/adapter.ts";
import { chatAdapter } from "../openai/adapter.ts";
import { LOOKALIKES } from "./table.ts";

/** Every lookalike of OpenAI's as a provider, `openai-compatible` first. */
export const openaiCompatible: readonly ProviderAdapter[] = LOOKALIKES.map(chatAdapter);

export { LOOKALIKES, type Lookalike } from "./table.ts";
