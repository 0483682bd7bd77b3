import { GatewayError } from "../../errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { UpstreamCall } from "../../ports/upstream.ts";
import { KeyFault } from "../../spec/account-key.ts";
import { AccessTokens, type SendRequest } from "./access-tokens.ts";
import { Sigv4 } from "./sigv4.ts";

/** Makes requests the account's own, where a header that shows the key is not enough. */
export interface Authorizer {
  /** All headers of the request. @param url of the request, by its name. @throws GatewayError */
  headers(call: UpstreamCall, url: string): Promise<Record<string, string>>;
  /** The provider answered 401: what was kept of this account's key is not used again. */
  refused(call: UpstreamCall): void;
}

export function createAuthorizer(clock: Clock, send: SendRequest): Authorizer {
  const signer = new Sigv4(clock);
  const tokens = new AccessTokens(clock, send);
  return {
    async headers(call, url) {
      const { authorization } = call;
      if (authorization === undefined) return call.headers;
      const { by, key } = authorization;
      try {
        if (by === "aws-sigv4") return await signer.headers(call, url, authorization);
        return { ...call.headers, authorization: `Bearer ${await tokens.token(by, key, call)}` };
      } catch (thrown) {
        if (!(thrown instanceof KeyFault)) throw thrown;
        throw new GatewayError(
          "upstream_refused",
          "The provider refused the gateway's account; its operator has to act.",
          { internal: `the account's key ${thrown.message}` },
        );
      }
    },
    refused({ authorization }) {
      if (authorization !== undefined) tokens.forget(authorization.key);
    },
  };
}
