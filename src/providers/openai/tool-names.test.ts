import { describe, expect, test } from "bun:test";
import type { ModelRequest } from "../../spec/request.ts";
import { OPENAI_QUIRKS } from "./quirks.ts";
import { idForServer, nameForServer, shortenedNames } from "./tool-names.ts";

const long = (end: string) => `mcp__${"server_".repeat(12)}${end}`;

function requestWith(names: string[], dialect: ModelRequest["dialect"] = "anthropic-messages"): ModelRequest {
  const tools = names.map((name) => ({ type: "function" as const, name }));
  return { dialect, model: "m", messages: [], stream: false, includeUsage: true, tools };
}

describe("names of tools", () => {
  test("up to 64 characters stay as they are", () => {
    expect(nameForServer("x".repeat(64))).toBe("x".repeat(64));
    expect(shortenedNames(requestWith(["x".repeat(64), "f"]))).toBeUndefined();
  });

  test("beyond are shortened to a name that the dialect allows, the same one every time, and told apart", () => {
    const [one, other] = [nameForServer(long("a")), nameForServer(long("b"))];
    expect(one).toMatch(/^[\w-]{64}$/);
    expect(one).toBe(nameForServer(long("a")));
    expect(one).not.toBe(other);
    expect(one).toStartWith("mcp__server_server_");
  });

  test("come back as the caller's own", () => {
    const names = shortenedNames(requestWith(["f", long("a"), long("b")]))!;
    expect([...names.values()]).toEqual([long("a"), long("b")]);
    expect(names.get(nameForServer(long("b")))).toBe(long("b"));
  });

  test("of a caller of this dialect are its own business", () => {
    expect(shortenedNames(requestWith([long("a")], "openai-chat"))).toBeUndefined();
  });
});

describe("ids of calls", () => {
  const mistral = { allowed: /^[a-zA-Z0-9]{9}$/, length: 9 };

  test("that the server takes stay as they are", () => {
    expect(idForServer("call_CaalD94FuSu5MqNicAXxBeZ8", OPENAI_QUIRKS.callIds)).toBe("call_CaalD94FuSu5MqNicAXxBeZ8");
    expect(idForServer("Nr1uNItcS", mistral)).toBe("Nr1uNItcS");
  });

  test.each(["call_1", "toolu_01QXVkPZYABFNhTASu9uBdEM", "functions.f:0", "x".repeat(64), ""])(
    "%p is renamed where it is not taken",
    (id) => {
      expect(idForServer(id, mistral)).toMatch(mistral.allowed);
      expect(idForServer(id, mistral)).toBe(idForServer(id, mistral));
      expect(idForServer(id, mistral)).not.toBe(idForServer(`${id}2`, mistral));
    },
  );

  test("beyond 40 characters are renamed for OpenAI", () => {
    const id = idForServer(`chatcmpl-tool-${"0".repeat(32)}`, OPENAI_QUIRKS.callIds);
    expect(id).toMatch(/^[A-Za-z0-9]{40}$/);
  });
});
