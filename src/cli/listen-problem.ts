import { formatListenAddress, type ListenAddress } from "../config/network.ts";
import type { Problem } from "../config/problem.ts";
import { lookAtPort } from "./port-probe.ts";

/** What keeps the gateway from listening, in words for whoever set the variable. */
export async function listenProblem(
  variable: string,
  address: ListenAddress,
  cause: unknown,
  tls: boolean,
): Promise<Problem> {
  const where = formatListenAddress(address);
  const { code, message } = cause as { code?: string; message?: string };
  if (code === "EADDRINUSE") {
    const facts = await lookAtPort(address, tls);
    const who =
      facts.state === "sallyport"
        ? "another Sallyport"
        : ((facts.state === "other" ? facts.program : null) ?? "another program");
    return {
      where: variable,
      message: `is ${where}, which is in use by ${who}; stop that program, or set ${variable} to another port`,
    };
  }
  if (code === "EACCES") {
    return {
      where: variable,
      message: `is ${where}, where this user may not listen; set ${variable} to a port above 1023, or give the process the right to (CAP_NET_BIND_SERVICE)`,
    };
  }
  return {
    where: variable,
    message: `is ${where}, where this machine cannot listen (${code ?? message}); set ${variable} to an address of this machine`,
  };
}
