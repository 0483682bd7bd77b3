export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * Every field that may stand in a log line. A field that is not here does not compile, and
 * is dropped at run time: nothing of a prompt, a body or a credential has a place.
 */
export interface LogFields {
  call?: string;
  /** The caller's own request id, where it sent one. */
  request?: string;
  code?: string;
  status?: number;
  outcome?: string;
  endpoint?: string;
  method?: string;
  address?: string;
  tenant?: string;
  application?: string;
  key?: string;
  api?: string;
  model?: string;
  provider?: string;
  /** The status that the provider gave, where the call failed. */
  upstreamStatus?: number;
  attempts?: number;
  inputTokens?: number;
  outputTokens?: number;
  costUsd?: string;
  queueMs?: number;
  firstByteMs?: number;
  totalMs?: number;
  count?: number;
  /** For the operator: what went wrong inside. Never a text from a caller or a provider's answer. */
  detail?: string;
  file?: string;
  listen?: string;
  version?: string;
  signal?: string;
  actor?: string;
  action?: string;
  /** `tenant:ten_…` */
  scope?: string;
  /** A limit in words: `usd=5/month`. */
  limit?: string;
  /** Percent of it. */
  threshold?: number;
}

export interface Log {
  write(level: LogLevel, message: string, fields?: LogFields): void;
}
