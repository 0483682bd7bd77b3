import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../kernel/json.ts";
import type { ModelRequest } from "../spec/request.ts";
import { InvalidRequest } from "../spec/wire.ts";
import { refuseChosenUpstream } from "./chosen-upstream.ts";

function refused(over: Partial<ModelRequest>): string | null | undefined {
  try {
    refuseChosenUpstream({
      ...{ dialect: "openai-responses", model: "m", messages: [], stream: false, includeUsage: true },
      ...over,
    });
  } catch (thrown) {
    if (thrown instanceof InvalidRequest) return thrown.field;
    throw thrown;
  }
  return undefined;
}
const tool = (value: JsonObject) => refused({ tools: [{ type: "opaque", value }] });
const mcp = (server_url: string) => tool({ type: "mcp", server_label: "x", server_url });

describe("a model's name is no step in a path", () => {
  test.each([".", ".."])("%s", (model) => {
    expect(refused({ model })).toBe("model");
  });
  test.each(["gpt-4.1", "a/b.c", "...", "eu.anthropic.claude:0"])("%s passes", (model) => {
    expect(refused({ model })).toBeUndefined();
  });
});

describe("no provider is sent to an address inside", () => {
  test.each([
    ...["http://mcp.example.com", "ftp://mcp.example.com", "no address", "https://localhost/x", "https://a.localhost"],
    ...["https://127.0.0.1", "https://2130706433/", "https://0x7f.1", "https://10.1.2.3:8443/sse", "https://[::1]/"],
    ...["https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]", "https://[fd00::1]", "https://metadata"],
    ...["https://metadata.google.internal", "https://printer.local.", "https://100.64.0.1"],
  ])("%s", (address) => {
    expect(mcp(address)).toBe("tools[0].server_url");
    expect(refused({ extra: { mcp_servers: [{ type: "url", url: address }] } })).toBe("mcp_servers[0].url");
    expect(tool({ mcpServers: [{ streamableHttpTransport: { url: address } }] })).toBe(
      "tools[0].mcpServers[0].streamableHttpTransport.url",
    );
  });

  test.each(["https://mcp.example.com/sse", "https://8.8.8.8/mcp", "https://[2606:4700::1111]/"])(
    "%s passes",
    (url) => {
      expect(mcp(url)).toBeUndefined();
    },
  );

  test("nor with a secret of the account's", () => {
    const externalApi = { endpoint: "https://x.example.com", apiAuth: { apiKeyConfig: { apiKeySecretVersion: "p" } } };
    expect(tool({ retrieval: { externalApi } })).toContain("apiKeySecretVersion");
  });
});
