import { AwsV4Signer } from "aws4fetch";
import type { Clock } from "../../kernel/clock.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { AccountAuthorization, UpstreamCall } from "../../ports/upstream.ts";
import { type AwsKey, readAwsKey } from "../../spec/account-key.ts";

/** The name under which requests to Amazon Bedrock are signed, the only service of AWS's that is called. */
const SIGNING_NAME = "bedrock";

/** The region that an address of AWS's names; of an own address, the one that AWS's clients take too. */
function regionOf(url: string): string {
  return /^https?:\/\/[^/]*?\.([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(url)?.[1] ?? "us-east-1";
}

/** A key that was read, and the keys that were derived from it, one for each day and region. */
interface Signing {
  key: AwsKey;
  derived: Map<string, ArrayBuffer>;
}

/**
 * Signs requests to AWS: Signature Version 4
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html), over method, path,
 * query, host, the headers and the body.
 */
export class Sigv4 {
  readonly #clock: Clock;
  readonly #keys = new WeakMap<Secret<string>, Signing>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param url where the request goes, by its name. @returns all its headers. @throws KeyFault */
  async headers(
    call: Pick<UpstreamCall, "headers" | "body">,
    url: string,
    { key: secret, options }: AccountAuthorization,
  ): Promise<Record<string, string>> {
    const { key, derived } = this.#read(secret);
    if (derived.size > 8) derived.clear();
    const { sessionToken } = key;
    const signer = new AwsV4Signer({
      method: "POST",
      url,
      headers: call.headers,
      body: call.body,
      service: SIGNING_NAME,
      region: options.region ?? regionOf(url),
      accessKeyId: key.accessKeyId,
      secretAccessKey: key.secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      cache: derived,
      datetime: new Date(this.#clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const signed: Record<string, string> = {};
    const { headers } = await signer.sign();
    headers.forEach((value, name) => {
      signed[name] = value;
    });
    return signed;
  }

  #read(secret: Secret<string>): Signing {
    let signing = this.#keys.get(secret);
    if (signing === undefined) {
      signing = { key: readAwsKey(secret.reveal()), derived: new Map() };
      this.#keys.set(secret, signing);
    }
    return signing;
  }
}
