import type { NanoUsd } from "../kernel/money.ts";

/**
 * How a call ended. `refused`: nothing went upstream because we said no. `failed`: no answer
 * came. `cancelled`: the caller left. `cut`: an answer began and broke. `recovered`: the
 * process died, and the Hold was settled by rule on the next start.
 */
export type Outcome = "finished" | "refused" | "failed" | "cancelled" | "cut" | "recovered";

/** One target that was asked. */
export interface Attempt {
  provider: string;
  model: string;
  /** HTTP status, or null where none came. */
  status: number | null;
  /** Error code, or null where it served; `superseded` where another target answered first. */
  error: string | null;
  /** From asking to the first byte or the failure, in milliseconds. */
  ms: number;
  /** What it is charged for; cached tokens count as input, reasoning as output. */
  inputTokens: number;
  outputTokens: number;
  /** What the provider charges for it. */
  costNanoUsd: NanoUsd;
}

export interface VerdictRecord {
  guardrail: string;
  direction: "input" | "output";
  action: "allow" | "mask" | "deny";
  /** How many places it concerned. */
  count: number;
}

/** One call, whatever became of it, or what is given back of one. No prompt or answer text is in it unless the API captures. */
export interface UsageRecord {
  /** The call's own id, unique. */
  id: string;
  /** What the caller was told as `x-request-id`; the caller may have chosen it. */
  requestId: string;
  /** When it arrived, milliseconds since 1970. */
  at: number;
  /** When its Hold was admitted, and so counts in limits; null for a call that never had one. */
  admittedAt: number | null;
  outcome: Outcome;
  /** Status that the caller got, or would have got. */
  status: number;
  /** Row of errors.ts, or null. */
  errorCode: string | null;
  endpoint: string;
  dialect: string;
  stream: boolean;
  address: string;
  tenantId: string | null;
  teamId: string | null;
  applicationId: string | null;
  keyId: string | null;
  subscriptionId: string | null;
  api: string | null;
  plan: string | null;
  /** The name the caller used. */
  model: string | null;
  /** The entry of the catalog that it is: the same name, or a pattern. */
  catalogModel: string | null;
  /** In whose calendar its day, week and month count: the tenant's time zone. */
  timeZone: string;
  /** Who served, and by which name. */
  provider: string | null;
  providerModel: string | null;
  inputTokens: number;
  outputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
  /** `reported` by the provider, `counted` here, `none`, or `reserved`: by rule, after a crash and where nothing could be counted. */
  usageSource: "reported" | "counted" | "reserved" | "none";
  costNanoUsd: NanoUsd;
  /** Which price list said so; null where nothing is charged. */
  priceSource: string | null;
  /** From arrival to the first upstream attempt, milliseconds. */
  queueMs: number;
  /** From arrival to the first byte from upstream; null where none came. */
  firstByteMs: number | null;
  totalMs: number;
  attempts: Attempt[];
  /** Provider accounts that may have been asked, where nobody is left to say which: of a Hold that was settled by rule. Otherwise empty. */
  mayHaveAsked: string[];
  /** For how many targets that was held which is charged by rule: of each of those accounts so large a part. Otherwise 1. */
  heldFor: number;
  /** Id of the record of which this entry gives back a part; what it charges is below nothing then, and it is no call. Otherwise null. */
  refundOf: string | null;
  verdicts: VerdictRecord[];
  warnings: string[];
  captured: { request: unknown; answer: unknown } | null;
}

/** One page of records, newest first. */
export interface RecordPage {
  records: UsageRecord[];
  /** Pass it to get the next page; null on the last. */
  next: string | null;
}

export interface RecordQuery {
  tenantId?: string;
  keyId?: string;
  outcome?: Outcome;
  /** The call's own id, or the request id that the caller was told. */
  id?: string;
  cursor?: string;
  /** 1 to 200 */
  limit: number;
}

/** The usage records. Those of calls with a Hold are written by the meter, in the Hold's own commit. */
export interface Records {
  /** A call that never had a Hold. Resolves when the record would survive a kill. */
  append(record: UsageRecord): Promise<void>;
  /** By the record's own id. */
  find(id: string): Promise<UsageRecord | undefined>;
  page(query: RecordQuery): Promise<RecordPage>;
  /**
   * The record with this id; where there is none, the newest whose caller was told it as `x-request-id`: callers choose
   * that, and may choose the id of another call.
   */
  recordOf(id: string): Promise<UsageRecord | undefined>;
}
