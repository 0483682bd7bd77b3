import { type Environment, readEnvironment } from "../config/environment.ts";
import { isLoopback } from "../config/network.ts";
import { isObject, type JsonObject, parseJson } from "../kernel/json.ts";
import { type CliIo, CommandFailure } from "./io.ts";

/** An answer of the admin API may take as long as a slow disk does. */
const ANSWER_WITHIN_MS = 30_000;

const MISSING_TOKEN = `No admin token is set. Set SALLYPORT_TOKEN (or SALLYPORT_TOKEN_FILE) to the token that the gateway printed at its first start.
If the token is lost, start the gateway again with SALLYPORT_ADMIN_TOKEN set to a new one of your choice.`;

/** The admin API, as a command sees it. */
export interface AdminClient {
  /** @throws CommandFailure with the gateway's own words. */
  call(method: "GET" | "POST", path: string, body?: JsonObject): Promise<JsonObject>;
  /** All pages of a list, in order. */
  all(path: string): Promise<JsonObject[]>;
}

/** @param fieldFlags the flag by which a field of the body is set, for messages. @throws CommandFailure, ConfigurationError */
export function createAdminClient(io: CliIo, fieldFlags: Readonly<Record<string, string>> = {}): AdminClient {
  const environment = readEnvironment(io.env, io.readFile, { serving: false });
  const token = environment.token ?? environment.adminToken;
  if (token === undefined) throw new CommandFailure("missing_credential", MISSING_TOKEN);
  refusePlainHttp(environment);

  const call = async (method: "GET" | "POST", path: string, body?: JsonObject): Promise<JsonObject> => {
    const response = await send(io, environment.url, path, {
      method,
      headers: {
        accept: "application/json",
        authorization: `Bearer ${token.reveal()}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const text = await response.text();
    const answer = parseJson(text);
    if (response.ok && isObject(answer)) return answer;
    throw refusal(response.status, answer, environment.url, fieldFlags);
  };

  const all = async (path: string): Promise<JsonObject[]> => {
    const items: JsonObject[] = [];
    let cursor: string | undefined;
    do {
      const url = `${path}${path.includes("?") ? "&" : "?"}limit=200${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
      const page = await call("GET", url);
      items.push(...((page.items as JsonObject[] | undefined) ?? []));
      cursor = typeof page.next === "string" ? page.next : undefined;
    } while (cursor !== undefined);
    return items;
  };

  return { call, all };
}

/** The token opens everything, so it does not cross a network that others can read. */
function refusePlainHttp({ url, insecureHttp }: Environment): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || insecureHttp || isLoopback(hostname.replace(/^\[|\]$/g, ""))) return;
  throw new CommandFailure(
    "insecure_url",
    `SALLYPORT_URL is ${url}: the admin token would cross the network readable. Use https, or set SALLYPORT_INSECURE_HTTP=1 if the network is yours alone.`,
  );
}

/** OpenSSL's and Node's words for a certificate that proves nothing (https://nodejs.org/api/tls.html#x509-certificate-error-codes). */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ALTNAME/;

async function send(io: CliIo, base: string, path: string, init: RequestInit): Promise<Response> {
  try {
    return await io.fetch(base + path, init);
  } catch (thrown) {
    const { code, name, message } = thrown as { code?: string; name?: string; message: string };
    const why = name === "TimeoutError" ? `no answer within ${ANSWER_WITHIN_MS / 1000} s` : (code ?? message);
    if (CERTIFICATE.test(why)) {
      throw new CommandFailure(
        "certificate",
        `The certificate that ${base} shows is not trusted here (${why}), so the token was not sent. Set NODE_EXTRA_CA_CERTS to a PEM file with the certificate or its authority, and let SALLYPORT_URL have a name that is in it.`,
      );
    }
    const plain = base.startsWith("http:") && why === "ECONNRESET";
    throw new CommandFailure(
      "unreachable",
      `The admin listener at ${base} could not be reached (${why}). ${plain ? "If it serves TLS, SALLYPORT_URL begins with https://. " : ""}Is the gateway running (sallyport serve)? If it listens elsewhere, set SALLYPORT_URL; "sallyport doctor" looks further.`,
    );
  }
}

function refusal(
  status: number,
  answer: unknown,
  url: string,
  fieldFlags: Readonly<Record<string, string>>,
): CommandFailure {
  if (!isObject(answer) || typeof answer.code !== "string" || typeof answer.detail !== "string") {
    return new CommandFailure(
      "not_sallyport",
      `What answers at ${url} (status ${status}) is not Sallyport's admin API; SALLYPORT_URL must be the address of the admin listener.`,
    );
  }
  if (status === 401) {
    return new CommandFailure(
      answer.code,
      `The gateway at ${url} does not know this admin token; check SALLYPORT_TOKEN.`,
    );
  }
  const faults = Array.isArray(answer.errors) ? answer.errors.filter(isObject) : [];
  const lines = faults.map(({ field, message }) => {
    const name = String(field);
    const flag = fieldFlags[name.replace(/[.[].*$/, "")];
    if (flag === undefined) return `${name}: ${String(message)}`;
    // A flag may stand for an object: which of its fields it is, is told; which of several such flags, their order tells.
    const [within = ""] = /(?<=\.).+$/.exec(name) ?? [];
    return `--${flag}: ${within === "" ? "" : `${within} `}${String(message)}`;
  });
  return new CommandFailure(answer.code, lines.length > 0 ? lines.join("\n") : answer.detail);
}
