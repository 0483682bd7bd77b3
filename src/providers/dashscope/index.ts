import type { ProviderAdapter } from "../../spec/adapter.ts";
import { errorOf } from "./errors.ts";
import { DashscopeDecoder } from "./events.ts";
import { encodeRequest, thoughtsOnTop } from "./request.ts";

/**
 * Alibaba's Model Studio (Tongyi Qianwen) in its own API
 * (https://help.aliyun.com/zh/model-studio/qwen-api-reference), which has models and options that
 * its imitation of OpenAI's lacks; the row `dashscope` speaks that one. Outside of China the
 * address is another: `https://dashscope-intl.aliyuncs.com`.
 */
export const dashscopeNative: ProviderAdapter = {
  kind: "dashscope-native",
  dialect: "dashscope",
  baseUrl: "https://dashscope.aliyuncs.com",
  needsKey: true,
  capabilities: {
    tools: true,
    forcedTool: true,
    parallelToolSwitch: true,
    imageUrl: true,
    imageBytes: true,
    documents: false,
    documentUrl: false,
    audioInput: true,
    reasoning: true,
    jsonObject: true,
    jsonSchema: true,
    logprobs: true,
    choices: true,
    seed: true,
    logitBias: false,
    penalties: true,
    topK: true,
  },
  credential: (key) => ({ authorization: `Bearer ${key}` }),
  encode: encodeRequest,
  thoughtsOnTop,
  decoder: (request) => new DashscopeDecoder(request),
  error: errorOf,
  models: [],
};
