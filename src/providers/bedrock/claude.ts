import type { JsonObject } from "../../kernel/json.ts";
import { parseBounded } from "../../kernel/json.ts";
import type { AccountOptions, ProviderAdapter, UpstreamRequest } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { anthropic } from "../anthropic/index.ts";
import { Losses } from "../losses.ts";
import { errorOf, errorOfException } from "./errors.ts";
import { betasOf } from "./settings.ts";

/** The version of Anthropic's dialect that Bedrock speaks (its page model-parameters-anthropic-claude-messages). */
const VERSION = "bedrock-2023-05-31";

/**
 * Claude by InvokeModel, in Anthropic's own dialect: `POST /model/{modelId}/invoke` or
 * `/invoke-with-response-stream`. A caller of that dialect has every field sent and every
 * event back as it is.
 */
export function claudeByInvoke(converse: ProviderAdapter): ProviderAdapter {
  return {
    ...converse,
    dialect: "anthropic-messages",
    capabilities: { ...anthropic.capabilities, imageUrl: false, documentUrl: false },
    framing: "aws-invoke-stream",
    encode: encodeInvoke,
    decoder(request) {
      const messages = anthropic.decoder(request);
      return {
        unary: (body) => messages.unary(body),
        frame: (frame) =>
          frame.failed
            ? [{ type: "error", error: errorOfException(frame.event, parseBounded(frame.data)) }]
            : messages.frame(frame),
        close: () => messages.close(),
      };
    },
    error: errorOf,
  };
}

function encodeInvoke(request: ModelRequest, model: string, options: AccountOptions = {}): UpstreamRequest {
  const { body, warnings } = anthropic.encode(request, model);
  const { model: _model, stream: _stream, service_tier: _tier, ...rest } = body;
  const losses = new Losses(false);
  const invoked: JsonObject = { anthropic_version: VERSION, ...rest };
  const betas = request.dialect === "anthropic-messages" ? betasOf(request, losses) : [];
  if (betas.length > 0) invoked.anthropic_beta = betas;
  if (body.service_tier !== undefined) losses.warn("service_tier", "Bedrock has no such tier; it was left out");
  const headers: Record<string, string> = {
    accept: request.stream ? "application/vnd.amazon.eventstream" : "application/json",
  };
  if (options.guardrail !== undefined) {
    headers["x-amzn-bedrock-guardrailidentifier"] = options.guardrail;
    headers["x-amzn-bedrock-guardrailversion"] = options.guardrailVersion ?? "DRAFT";
  }
  const verb = request.stream ? "invoke-with-response-stream" : "invoke";
  return {
    method: "POST",
    path: `/model/${encodeURIComponent(model)}/${verb}`,
    headers,
    body: invoked,
    warnings: [...warnings, ...losses.warnings],
  };
}
