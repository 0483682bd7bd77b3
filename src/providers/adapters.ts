import type { ProviderAdapter } from "../spec/adapter.ts";
import { anthropic } from "./anthropic/index.ts";
import { azureOpenai } from "./azure-openai/index.ts";
import { bedrock } from "./bedrock/index.ts";
import { cohere } from "./cohere/index.ts";
import { dashscopeNative } from "./dashscope/index.ts";
import { demo } from "./demo/index.ts";
import { google } from "./google/index.ts";
import { guarded } from "./guarded.ts";
import { ollama } from "./ollama/index.ts";
import { openai } from "./openai/index.ts";
import { openaiCompatible } from "./openai-compatible/index.ts";
import { vertex } from "./vertex/index.ts";

/** Every provider that the gateway speaks to. */
export const ADAPTERS: readonly ProviderAdapter[] = [
  openai,
  anthropic,
  azureOpenai,
  bedrock,
  google,
  vertex,
  cohere,
  dashscopeNative,
  ollama,
  demo,
  ...openaiCompatible,
].map(guarded);
