import type { Fields } from "./read.ts";

/**
 * Fields by which other gateways and client libraries let a caller choose the upstream, its
 * credentials, its headers or another model. No dialect defines them. Here the administrator
 * chooses, and a field that reached the next proxy in line would send our key to the caller's
 * host or charge a model that was never granted; so whoever sends one gets a 400.
 *
 * Names are compared without case, `_` and `-`: `apiBase`, `API_BASE` and `api-base` are one.
 */
const REFUSED = {
  upstream: `
    api_base api_host api_url api_version api_type base_url endpoint endpoint_url upstream_url proxy proxy_url
    http_proxy https_proxy azure_endpoint azure_deployment aws_bedrock_runtime_endpoint aws_sts_endpoint
    aws_region_name region_name vertex_project vertex_location custom_llm_provider litellm_params user_config
    model_list router_settings
    kv_transfer_params vllm_xargs bootstrap_host bootstrap_port bootstrap_room disaggregated_params nvext lora_path`,
  credential: `
    api_key openai_api_key anthropic_api_key azure_ad_token aws_access_key_id aws_secret_access_key
    aws_session_token aws_session_name aws_profile_name aws_role_name aws_web_identity_token vertex_credentials
    litellm_credential_name organization_id client_secret access_token authorization`,
  request: "headers extra_headers default_headers extra_query default_query extra_body",
  model: "models fallbacks fallback_models context_window_fallbacks content_policy_fallbacks",
} as const;

type Reason = keyof typeof REFUSED;

const MESSAGES: Record<Reason, string> = {
  upstream: "is not taken from callers: the gateway chooses the upstream",
  credential: "is not taken from callers: the gateway holds the providers' credentials",
  request: "is not taken from callers: the gateway writes what goes upstream",
  model: "is not taken from callers: the gateway's routing chooses other models",
};

const REASONS = new Map<string, Reason>();
for (const reason of Object.keys(REFUSED) as Reason[]) {
  for (const name of REFUSED[reason].trim().split(/\s+/)) REASONS.set(folded(name), reason);
}

/** Every refused name, in its usual spelling. */
export const REFUSED_FIELDS: readonly string[] = Object.values(REFUSED).flatMap((names) => names.trim().split(/\s+/));

function folded(name: string): string {
  return name.replace(/[_-]/g, "").toLowerCase();
}

/**
 * Null says nothing, so it is let through; some clients send every field that they know.
 * @throws InvalidRequest naming the first such field of this object.
 */
export function refuseUpstreamFields(fields: Fields): void {
  for (const name in fields.value) {
    const reason = REASONS.get(folded(name));
    if (reason !== undefined && fields.has(name)) fields.fail(name, MESSAGES[reason]);
  }
}
