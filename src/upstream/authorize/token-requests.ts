import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { KeyFault, readEntraKey, readGoogleKey } from "../../spec/account-key.ts";
import type { Authorization } from "../../spec/adapter.ts";

/** What a token endpoint is asked. */
export interface TokenRequest {
  baseUrl: string;
  path: string;
  /** application/x-www-form-urlencoded */
  body: string;
}

/** Makes the request that trades one key for a token. @param now milliseconds since 1970 */
export type TokenTrade = (now: number) => TokenRequest;

/** The scope of everything that Vertex AI offers. */
const GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform";
/** The scope of Azure OpenAI (Azure AI services). */
const AZURE_SCOPE = "https://cognitiveservices.azure.com/.default";

/** Google takes grants of an hour at most. */
const GRANT_SECONDS = 3_600;

/** By the way of authorizing: reads a key, once. @throws KeyFault */
export const TRADES: Readonly<Record<Exclude<Authorization, "aws-sigv4">, (key: string) => TokenTrade>> = {
  "google-access-token": googleTrade,
  "entra-access-token": entraTrade,
};

/** A signed grant for a token (RFC 7523; https://developers.google.com/identity/protocols/oauth2/service-account). */
function googleTrade(text: string): TokenTrade {
  const { clientEmail, privateKey, privateKeyId, tokenUri } = readGoogleKey(text);
  const key = privateKeyOf(privateKey);
  const { origin, pathname } = new URL(tokenUri);
  return (now) => {
    const issued = Math.floor(now / 1_000);
    const header = { alg: "RS256", typ: "JWT", ...(privateKeyId === undefined ? {} : { kid: privateKeyId }) };
    const claims = {
      iss: clientEmail,
      scope: GOOGLE_SCOPE,
      aud: tokenUri,
      iat: issued,
      exp: issued + GRANT_SECONDS,
    };
    const signed = `${base64url(header)}.${base64url(claims)}`;
    const signature = sign("RSA-SHA256", Buffer.from(signed), key).toString("base64url");
    const body = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion: `${signed}.${signature}`,
    });
    return { baseUrl: origin, path: pathname, body: body.toString() };
  };
}

/** Client credentials for a token (RFC 6749, section 4.4; https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow). */
function entraTrade(text: string): TokenTrade {
  const { tenantId, clientId, clientSecret, authority } = readEntraKey(text);
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    scope: AZURE_SCOPE,
  }).toString();
  return () => ({ baseUrl: authority, path: `/${tenantId}/oauth2/v2.0/token`, body });
}

function privateKeyOf(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // Its message could quote the key.
  }
  throw new KeyFault("has a private_key that is no RSA key");
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
