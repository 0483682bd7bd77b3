import { describe, expect, test } from "bun:test";
import type { ModelRequest } from "../../spec/request.ts";
import { OPENAI_QUIRKS } from "./quirks.ts";
import { callersNames, idForServer, nameForServer } from "./tool-names.ts";

const long = (end: string) => `mcp__${"server_".repeat(12)}${end}`;

function requestWith(names: string[], dialect: ModelRequest["dialect"] = "anthropic-messages"): ModelRequest {
  const tools = names.map((name) => ({ type: "function" as const, name }));
  return { dialect, model: "m", messages: [], stream: false, includeUsage: true, tools };
}

describe("names of tools", () => {
  test("of letters that OpenAI takes, up to 64, stay as they are", () => {
    expect(nameForServer("x".repeat(64))).toBe("x".repeat(64));
    expect(callersNames(requestWith(["x".repeat(64), "f-1_A"]), "openai-chat")).toBeUndefined();
  });

  test.each([
    ["longer", long("a"), long("b")],
    ["with a point", "srv.get", "srv.put"],
    ["with a colon or a slash", "srv:get", "srv/get"],
    ["with a space", "get it", "get.it"],
  ])("%s become names that the dialect allows, the same ones every time, and told apart", (_, first, second) => {
    const [one, other] = [nameForServer(first), nameForServer(second)];
    for (const name of [one, other]) expect(name).toMatch(/^[\w-]{1,64}$/);
    expect(one).toBe(nameForServer(first));
    expect(one).not.toBe(other);
    expect(one).toStartWith(first.slice(0, 3));
  });

  test("come back as the caller's own", () => {
    const names = callersNames(requestWith(["f", long("a"), "srv.get"]), "openai-chat")!;
    expect([...names.values()]).toEqual([long("a"), "srv.get"]);
    expect(names.get(nameForServer("srv.get"))).toBe("srv.get");
  });

  test.each(["openai-chat", "openai-responses"] as const)(
    "of a caller of %s are its own business where the server is asked in it, and nowhere else",
    (dialect) => {
      const request = requestWith([long("a")], dialect);
      expect(callersNames(request, dialect)).toBeUndefined();
      const other = dialect === "openai-chat" ? "openai-responses" : "openai-chat";
      expect([...callersNames(request, other)!.values()]).toEqual([long("a")]);
    },
  );
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
