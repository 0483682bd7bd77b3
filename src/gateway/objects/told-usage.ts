import type { EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";

/** What something that is kept has used, by the answer that tells it. */
export interface Told {
  used: readonly Partial<Usage>[];
  /** Of each of its calls, by their results; otherwise of all in one. */
  ofEachCall: boolean;
}

const ENDS: ReadonlySet<EventPart["type"]> = new Set<EventPart["type"]>(["result", "end", "error"]);

/**
 * Gathers what an answer about something that is kept tells of its use. Adapters tell that of what has ended,
 * and of nothing that goes on.
 */
export class ToldUsage {
  readonly #id: string | undefined;
  readonly #stream: boolean;
  #used: Partial<Usage>[] = [];
  #wrote = false;
  #isIts = true;

  constructor({ operation, stream }: Pick<ModelRequest, "operation" | "stream">) {
    this.#id = operation?.type === "object" ? operation.id : undefined;
    this.#stream = stream;
  }

  /** @returns what was told, with the part that ends it: once, and not where it can be true of nothing */
  see(part: EventPart): Told | undefined {
    if (part.type === "usage") {
      // In a stream a later one replaces an earlier one.
      if (this.#stream) this.#used = [{ ...this.#used[0], ...part.usage }];
      else this.#used.push(part.usage);
    } else if (part.type === "start") this.#isIts &&= part.id === undefined || part.id === this.#id;
    else if (part.type === "block-start") this.#wrote = true;
    return ENDS.has(part.type) ? this.#take(part) : undefined;
  }

  #take(part: EventPart): Told | undefined {
    const used = this.#used;
    this.#used = [];
    if (used.length === 0 || !this.#isIts) return undefined;
    // Servers that count nothing tell zeros. What came whole, its adapter has looked at already.
    const [{ input, output }] = used as [Partial<Usage>];
    if (this.#stream && (!input || output === undefined || (output === 0 && this.#wrote))) return undefined;
    const ofEachCall = part.type === "result" && part.result.kind === "body" && "bytes" in part.result.content;
    return { used, ofEachCall };
  }
}
