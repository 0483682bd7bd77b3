import { parameterWords } from "./parameter-names.ts";

/** What stands before the name of a field that no dialect is known to have. */
const BODY = "body.";

const words = (text: string): string[] => text.trim().split(/\s+/);
const within = (place: string, text: string): string[] => words(text).map((name) => `${place}.${name}`);

/**
 * Fields of requests that have no canonical name, by who has them. Sources: the references of the dialects that the
 * gateway takes, and of the providers' own additions to OpenAI's. It is what a policy's words are checked against, so
 * that a misspelt one is noticed; a field that is missing here can be written with `body.` before it.
 */
const FIELDS: readonly string[] = [
  // OpenAI: Chat Completions, Responses, legacy Completions.
  ...words(`audio functions function_call metadata modalities moderation prediction prompt_cache_key prompt_cache_options
    prompt_cache_retention safety_identifier store stream_options verbosity web_search_options`),
  ...words(`background context_management conversation instructions max_tool_calls previous_response_id prompt text
    text.verbosity reasoning.summary truncation`),
  ...words("best_of echo suffix"),
  // OpenAI: embeddings, images, sounds.
  ...words(`chunking_strategy dimensions encoding_format input_fidelity known_speaker_names known_speaker_references language
    languages keywords output_compression output_format partial_images quality size speed stream_format style
    timestamp_granularities voice`),
  // Anthropic.
  ...words(`cache_control container inference_geo mcp_servers metadata output_config output_format speed thread
    user_profile_id anthropic-beta`),
  // Google.
  ...words("cachedContent labels modelArmorConfig safetySettings toolConfig generationConfig"),
  ...within(
    "generationConfig",
    `audioTimestamp enableAffectiveDialog enableEnhancedCivicAnswers imageConfig mediaResolution modelConfig
    responseJsonSchema responseModalities responseSchema routingConfig speechConfig _responseJsonSchema`,
  ),
  ...within("generationConfig.thinkingConfig", "includeThoughts"),
  ...within("toolConfig", "includeServerSideToolInvocations retrievalConfig"),
  // Ollama.
  ...words("context images keep_alive options raw system template"),
  ...within(
    "options",
    `low_vram main_gpu min_p mirostat mirostat_eta mirostat_tau num_batch num_ctx num_gpu num_keep num_thread numa
    penalize_newline repeat_last_n repeat_penalty tfs_z typical_p use_mlock use_mmap vocab_only`,
  ),
  // What other providers, and servers of one's own, add.
  ...words(`add_generation_prompt allowed_token_ids bad_words cache_prompt chat_template citation_options compliance
    compound_custom context_length_exceeded_behavior continue_final_message debug disable_tool_validation documents
    draft_model dynatemp_range enable_search exclude_domains extra_body extra_headers grammar guardrails guided_choice
    guided_decoding_backend guided_grammar guided_json guided_regex ignore_eos image_config include_domains
    include_reasoning include_stop_str_in_output json_schema length_penalty lora min_p mirostat mirostat_eta
    mirostat_tau mm_processor_kwargs models no_repeat_ngram_size partial penalty_alpha plugins prefix priority
    prompt_mode prompt_truncate_len provider rank_fields raw_mode reasoning_format reasoning_split regex
    repeat_last_n repeat_penalty repetition_penalty request_id return_citations return_documents
    return_images return_related_questions return_token_ids route safe_prompt safety_mode safety_model safety_settings
    samplers search_after_date_filter search_before_date_filter search_domain_filter search_mode search_options
    search_parameters search_recency_filter search_settings separate_reasoning session_id skip_special_tokens
    spaces_between_special_tokens stop_server_tools_when structured_outputs task top_a top_n trace transforms
    truncate_prompt_tokens typical_p use_beam_search user_location vl_high_resolution_images xtc_probability
    xtc_threshold`),
];

const KNOWN: ReadonlySet<string> = new Set([...parameterWords(), ...FIELDS]);

/** Whether a word of a policy names something that callers can give. `body.x` names the field x, known or not. */
export function isKnownParameter(word: string): boolean {
  return KNOWN.has(word) || word.startsWith(BODY);
}

/** Every word that is known, canonical names first. */
export function knownParameters(): Iterable<string> {
  return KNOWN;
}

/** How a policy may write the field, beside the field's own name. */
export function bodyField(field: string): string {
  return `${BODY}${field}`;
}
