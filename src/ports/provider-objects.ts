import type { Rates, ServiceTier } from "../domain/plans/price.ts";
import type { JsonObject } from "../kernel/json.ts";

/** Whose something at a provider is: one application's. Tenants share accounts there, and the provider knows no tenants. */
export interface ObjectOwner {
  tenantId: string;
  applicationId: string;
}

/** Anthropic's batches are none of OpenAI's. A response is an answer that a provider of OpenAI's Responses keeps. */
export type ObjectKind = "file" | "batch" | "message-batch" | "response";

/** What the calls of a batch are, and the most that they can use, in tokens. */
export interface BatchFacts {
  /** The endpoint that all of them call. */
  url: string;
  calls: number;
  input: number;
  output: number;
  /** Of its longest call; absent where that was not looked at. */
  longest?: number;
}

/** What was charged for something before anybody knew what it would use, and what prices that once it is told. */
export interface ChargeFacts {
  /** Id of the usage record of the call that began it. */
  record: string;
  /** Place among that record's attempts of the one that began it; the others are charged for themselves. */
  attempt: number;
  /** The provider's name of the model. */
  model: string;
  /** As they were when it was charged, whatever becomes of the price lists; null where nobody knew a price. */
  rates: Rates | null;
  /** As what it was asked to be served; null for the usual way. */
  tier: ServiceTier | null;
  /** Tokens of its prompt, as an answer is charged that failed before its first word; null where it is none. */
  prompt: number | null;
}

/** A file, a batch or a response that lies with a provider. */
export interface ProviderObject {
  /** The provider's own id, unique within an account. */
  id: string;
  kind: ObjectKind;
  /** Name of the account where it lies. */
  provider: string;
  /** `slug/version` of the API by which it was made. */
  api: string;
  /** The model that it was made for, by the name that callers use. */
  model: string;
  /** What the caller, or the provider, says it is for. */
  purpose: string | null;
  /** Mark of the guards and the policy that what is in it has passed; null where it comes from the provider. */
  judged: string | null;
  /** Present for a file of calls, and for a batch. */
  batch: BatchFacts | null;
  /** Present where the call that began it is charged before it is known what it uses: a batch, a response in the background. */
  charge: ChargeFacts | null;
  /** As the provider last told it. */
  told: JsonObject;
  /** Milliseconds since 1970. */
  createdAt: number;
}

export interface FoundObjects {
  own: ProviderObject[];
  /** Those ids that others hold, and the owner does not. For refusing, never for telling. */
  foreign: string[];
}

export interface ObjectQuery {
  kind: ObjectKind;
  /** Only what was made by one of these APIs. */
  apis: readonly string[];
  purpose?: string;
  /** Id of the object after which the page begins; must be the owner's. */
  after?: string;
  oldestFirst: boolean;
  limit: number;
}

/** Remembers whose a provider's ids are. Every method takes the owner first, and shows nothing of anybody else's. */
export interface ProviderObjects {
  /**
   * Resolves when it would survive a kill. What the owner has already is replaced, and keeps its place in time.
   * @returns false where another owner holds this id at this account.
   */
  remember(owner: ObjectOwner, object: ProviderObject): Promise<boolean>;
  find(owner: ObjectOwner, ids: readonly string[]): Promise<FoundObjects>;
  forget(owner: ObjectOwner, provider: string, id: string): Promise<void>;
  /**
   * Forgets at most `limit` objects of a kind, whoever's, that were made before a time; the oldest first.
   * @returns how many
   */
  expire(kind: ObjectKind, before: number, limit: number): Promise<number>;
  /** By time of making. Undefined where `after` is none of the owner's. */
  page(owner: ObjectOwner, query: ObjectQuery): Promise<{ objects: ProviderObject[]; more: boolean } | undefined>;
}
