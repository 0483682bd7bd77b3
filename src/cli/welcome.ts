/** What a first start prints, once. */
export interface Welcome {
  gatewayUrl: string;
  adminUrl: string;
  /** null where the operator gave one. */
  adminToken: string | null;
  /** A virtual key that may call `model`; null where the configuration file says who has keys. */
  key: string | null;
  model: string;
  /** Names of the provider accounts that were made from the environment. */
  providers: readonly string[];
}

/** The text of a first start. Secrets in it are shown this once. */
export function welcome(facts: Welcome): string {
  const lines = ["", "  Sallyport is ready. This is its first start; what is below is shown once.", ""];
  lines.push(`  Gateway       ${facts.gatewayUrl}`);
  lines.push(`  Admin API     ${facts.adminUrl}/api/v1/   (described by ${facts.adminUrl}/api/v1/openapi.json)`);
  if (facts.adminToken === null) lines.push("  Admin token   the one in SALLYPORT_ADMIN_TOKEN");
  else {
    lines.push(`  Admin token   ${facts.adminToken}`);
    lines.push(`  Set-up link   ${facts.adminUrl}/   (the console follows in a later version)`);
  }
  for (const provider of facts.providers) {
    const how = `its models can be called, any of them as ${provider}/<model>`;
    lines.push(`  Provider      ${provider}, from the environment; ${how}`);
  }
  if (facts.key !== null) {
    lines.push("", "  A first call, answered by the built-in demo model (canned text, no account needed):", "");
    lines.push(...curl(callable(facts.gatewayUrl), facts.key, facts.model).map((line) => `    ${line}`));
  }
  lines.push("", "");
  return lines.join("\n");
}

/** Who listens on all addresses is called by this machine's name, for which certificates are made. */
function callable(url: string): string {
  return url.replace(/^(https?:\/\/)(?:0\.0\.0\.0|\[::\])(?=:|$)/, "$1localhost");
}

function curl(url: string, key: string, model: string): string[] {
  return [
    `curl ${url}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '{"model":"${model}","messages":[{"role":"user","content":"Hello!"}]}'`,
  ];
}
