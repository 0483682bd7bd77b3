import { createHash, createHmac } from "node:crypto";

/**
 * AWS's side of Signature Version 4, written from its description
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html):
 * whether a request as it arrived was signed with this secret key.
 */
export interface ArrivedRequest {
  method: string;
  /** Path and query, as they stood in the request line. */
  target: string;
  header(name: string): string | null;
  body: string | Uint8Array;
}

const sha256 = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Uint8Array, text: string) =>
  new Uint8Array(createHmac("sha256", key).update(text).digest());

/** What is wrong with the signature, or undefined. */
export function faultOfSignature(
  request: ArrivedRequest,
  secretAccessKey: string,
  service: string,
): string | undefined {
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/;
  const parts = pattern.exec(request.header("authorization") ?? "");
  if (parts === null) return "no Authorization header of this form";
  const [, , day, region, signedService, names, signature] = parts as unknown as string[];
  if (signedService !== service) return `signed for ${signedService}`;
  const at = request.header("x-amz-date") ?? "";
  if (!at.startsWith(day!)) return "signed on another day";
  if (!names!.split(";").includes("host")) return "the host is not signed";
  const [path, query = ""] = request.target.split("?");
  const canonical = [
    request.method,
    // Every service but S3 encodes each segment once more.
    path!.split("/").map(encoded).join("/"),
    query.split("&").sort().join("&"),
    ...names!.split(";").map((name) => `${name}:${(request.header(name) ?? "").trim().replace(/\s+/g, " ")}`),
    "",
    names,
    sha256(request.body),
  ].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", at, scope, sha256(canonical)].join("\n");
  const key = [region!, service, "aws4_request"].reduce<Uint8Array>(hmac, hmac(`AWS4${secretAccessKey}`, day!));
  const wanted = Buffer.from(hmac(key, text)).toString("hex");
  return wanted === signature ? undefined : "the signature is another one";
}

function encoded(segment: string): string {
  return encodeURIComponent(segment).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
