import { GatewayError } from "../../errors.ts";
import type { Abortable } from "../../kernel/abort.ts";
import { MAX_ERROR_BYTES } from "../../kernel/bounds.ts";
import type { Clock } from "../../kernel/clock.ts";
import { isObject, type Json, parseBounded } from "../../kernel/json.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { UpstreamAnswer, UpstreamCall } from "../../ports/upstream.ts";
import { type TokenTrade, TRADES } from "./token-requests.ts";

/** A token is not used any more this long before it ends: clocks differ, and calls take their time to arrive. */
const MARGIN_MS = 60_000;
/** How long a token endpoint may take. */
const TRADE_WITHIN_MS = 15_000;
/** A token that does not say how long it lives is used this long. */
const USUAL_LIFE_SECONDS = 300;

interface Token {
  text: string;
  /** Milliseconds since 1970. */
  until: number;
}

interface Account {
  trade: TokenTrade;
  token: Token | undefined;
  /** The trade that is under way: whoever comes meanwhile waits for it. */
  trading: Promise<Token> | undefined;
}

/** Sends one request, guarded like every other. */
export type SendRequest = (call: Omit<UpstreamCall, "authorization">) => Promise<UpstreamAnswer>;

/** Trades keys of accounts for access tokens, and keeps each until shortly before it ends. */
export class AccessTokens {
  readonly #clock: Clock;
  readonly #send: SendRequest;
  readonly #accounts = new WeakMap<Secret<string>, Account>();

  constructor(clock: Clock, send: SendRequest) {
    this.#clock = clock;
    this.#send = send;
  }

  /**
   * A token that is good for a while.
   * @throws GatewayError upstream_refused where the key was refused, upstream_unreachable where nobody answered.
   * @throws KeyFault
   */
  async token(
    by: keyof typeof TRADES,
    key: Secret<string>,
    { allowPrivateNetwork, signal }: Pick<UpstreamCall, "allowPrivateNetwork" | "signal">,
  ): Promise<string> {
    const account = this.#accountOf(by, key);
    if (account.token !== undefined && account.token.until > this.#clock.now()) return account.token.text;
    account.trading ??= this.#trade(account, allowPrivateNetwork).finally(() => {
      account.trading = undefined;
    });
    return (await unlessAborted(account.trading, signal)).text;
  }

  /** The provider did not take the token: the next call gets a new one. */
  forget(key: Secret<string>): void {
    const account = this.#accounts.get(key);
    if (account !== undefined) account.token = undefined;
  }

  #accountOf(by: keyof typeof TRADES, key: Secret<string>): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { trade: TRADES[by](key.reveal()), token: undefined, trading: undefined };
      this.#accounts.set(key, account);
    }
    return account;
  }

  /** Not bound to the call that began it: others wait for it too. */
  async #trade(account: Account, allowPrivateNetwork: boolean): Promise<Token> {
    const begun = this.#clock.now();
    const { baseUrl, path, body } = account.trade(begun);
    const signal = AbortSignal.timeout(TRADE_WITHIN_MS);
    let answer: UpstreamAnswer;
    let text: string;
    try {
      const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
      answer = await this.#send({ baseUrl, path, headers, body, allowPrivateNetwork, signal });
      text = new TextDecoder().decode(await answer.bytes(MAX_ERROR_BYTES));
    } catch (thrown) {
      if (thrown instanceof GatewayError && thrown.code === "upstream_blocked") throw thrown;
      throw unreachable(`${new URL(baseUrl).host} gave no token: ${(thrown as Error).message}`, thrown);
    }
    const value = parseBounded(text);
    if (answer.status >= 500) throw unreachable(`${new URL(baseUrl).host} answered ${answer.status}`);
    const token = answer.status === 200 ? tokenOf(value, begun) : undefined;
    if (token === undefined) throw refused(`${new URL(baseUrl).host} gave no token: ${answer.status}${wordOf(value)}`);
    account.token = token;
    return token;
  }
}

/** RFC 6749, section 5.1. */
function tokenOf(value: Json | undefined, begun: number): Token | undefined {
  if (!isObject(value)) return undefined;
  const { access_token: text, expires_in: life } = value;
  if (typeof text !== "string" || !/^[\x21-\x7e]+$/.test(text)) return undefined;
  const seconds = Number(life ?? USUAL_LIFE_SECONDS);
  return { text, until: begun + (seconds > 0 ? seconds : USUAL_LIFE_SECONDS) * 1_000 - MARGIN_MS };
}

/** The error's own word (RFC 6749, section 5.2). Its description may quote the account, so it is left to the provider's console. */
function wordOf(value: Json | undefined): string {
  const word = isObject(value) ? value.error : undefined;
  return typeof word === "string" && /^\w{1,60}$/.test(word) ? ` ${word}` : "";
}

function unreachable(internal: string, cause?: unknown): GatewayError {
  return new GatewayError("upstream_unreachable", "The provider could not be reached.", { internal, cause });
}

function refused(internal: string): GatewayError {
  return new GatewayError("upstream_refused", "The provider refused the gateway's account; its operator has to act.", {
    internal,
  });
}

/** What the promise gives, or the signal's reason: whoever leaves does not wait for what others wait for. */
function unlessAborted<T>(promise: Promise<T>, signal: Abortable): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
