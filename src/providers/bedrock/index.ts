import type { ProviderAdapter } from "../../spec/adapter.ts";
import { claudeByInvoke } from "./claude.ts";
import { embedApi } from "./embed.ts";
import { errorOf } from "./errors.ts";
import { ConverseDecoder } from "./events.ts";
import { isClaude, MODELS } from "./models.ts";
import { encodeRequest } from "./request.ts";

/**
 * Amazon Bedrock: every model by Converse
 * (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html), Claude by
 * InvokeModel where the account says so.
 */
const converse: ProviderAdapter = {
  kind: "bedrock",
  dialect: "bedrock-converse",
  baseUrl: null,
  baseUrlOf: ({ region }) => `https://bedrock-runtime.${region}.amazonaws.com${region?.startsWith("cn-") ? ".cn" : ""}`,
  needsKey: true,
  options: {
    region: { description: "AWS region, such as eu-central-1.", required: true, pattern: /[a-z]{2}(?:-[a-z]+)+-\d/ },
    claude: {
      description:
        "Which of Bedrock's APIs Claude is asked by. `converse`, as where it is absent: the one for all models. `invoke`: Anthropic's own dialect, whose callers have every field and event as it is.",
      required: false,
      pattern: /converse|invoke/,
    },
    guardrail: {
      description: "Id or ARN of a guardrail of Bedrock's that every call goes through.",
      required: false,
      pattern: /[a-z0-9]{1,64}|arn:aws[a-z-]*:bedrock:[a-z0-9-]+:\d{12}:guardrail\/[a-z0-9]{1,64}/,
    },
    guardrailVersion: {
      description: "Version of that guardrail; its draft where absent.",
      required: false,
      pattern: /DRAFT|[1-9]\d{0,7}/,
    },
  },
  capabilities: {
    tools: true,
    forcedTool: true,
    parallelToolSwitch: true,
    imageUrl: false,
    imageBytes: true,
    documents: true,
    documentUrl: false,
    audioInput: true,
    reasoning: true,
    jsonObject: true,
    jsonSchema: true,
    logprobs: false,
    choices: false,
    seed: false,
    logitBias: false,
    penalties: false,
    topK: true,
  },
  // A key of Bedrock's own is shown; an IAM access key signs.
  credential: (key) => ({ authorization: `Bearer ${key}` }),
  authorization: (key) => (key.trimStart().startsWith("{") ? "aws-sigv4" : null),
  framing: "aws-event-stream",
  encode: encodeRequest,
  decoder: (request) => new ConverseDecoder(request),
  error: errorOf,
  models: MODELS,
};

const invoke = claudeByInvoke(converse);

export const bedrock: ProviderAdapter = {
  ...converse,
  operations: { embed: embedApi },
  variant: (_request, model, options) => (options.claude === "invoke" && isClaude(model) ? invoke : converse),
};
