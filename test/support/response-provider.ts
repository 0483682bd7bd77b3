import type { JsonObject } from "../../src/kernel/json.ts";
import * as responses from "./upstream/openai-responses.ts";
import { json, openaiChat, type ReceivedRequest, type Script, sse } from "./upstream.ts";

/**
 * Responses as a provider keeps them that knows accounts and no tenants: whoever asks with the account's key
 * gets whatever lies there.
 */
export class ResponseProvider {
  readonly kept = new Map<string, JsonObject>();
  /** What it answers to every question. */
  text = "Hello.";
  #count = 0;
  readonly #mark: string;

  /** @param mark in its ids, which two providers at one account must not share */
  constructor(mark = "") {
    this.#mark = mark;
  }

  answer(request: ReceivedRequest): Script {
    const path = request.path.replace(/\?.*$/, "");
    const [, id, verb] = /\/responses(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
    if (id === undefined)
      return path.endsWith("/responses") ? this.#create(request) : openaiChat.unary({ text: "Hi." });
    const found = this.kept.get(id);
    if (found === undefined) return json(404, { error: { message: `Response with id '${id}' not found.` } });
    if (request.method === "DELETE") {
      this.kept.delete(id);
      return json(200, { id, object: "response", deleted: true });
    }
    if (verb === "cancel") found.status = "cancelled";
    if (verb === "input_items") return json(200, { object: "list", data: [{ id: "msg_1" }], has_more: false });
    const query = new URLSearchParams(request.path.split("?")[1] ?? "");
    if (query.get("stream") === "true") return this.#stream(id, Number(query.get("starting_after") ?? -1));
    return json(200, found);
  }

  #create(request: ReceivedRequest): Script {
    const asked = request.json() as JsonObject;
    const id = `resp${this.#mark}_${++this.#count}`;
    const body: JsonObject = { ...responses.body({ text: this.text }), id, store: asked.store ?? true };
    if (asked.background === true) Object.assign(body, { status: "queued", output: [], usage: null });
    if (asked.store !== false) this.kept.set(id, body);
    if (asked.stream !== true) return json(200, body);
    return this.#stream(id);
  }

  /** @param after the number of the last event that was seen */
  #stream(id: string, after = -1): Script {
    const events = responses.events({ text: this.text }).slice(after + 1);
    return sse(
      events.map((data) => {
        const told =
          data.response === undefined ? data : { ...data, response: { ...(data.response as JsonObject), id } };
        return { event: String(data.type), data: told };
      }),
    );
  }
}
