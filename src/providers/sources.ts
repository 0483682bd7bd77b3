import { isObject, type Json, type JsonObject } from "../kernel/json.ts";

/** Where servers that search tell what they found, beside their answer: lists of addresses or of pages. */
export const SOURCE_FIELDS = ["citations", "search_results", "web_search", "search_info"] as const;

/**
 * The pages that an answer rests on, where a server tells them beside its messages instead of in `annotations`:
 *
 *     "citations": ["https://…"]                                     Perplexity, xAI
 *     "search_results": [{"url", "title", "snippet", …}]             Perplexity
 *     "search_info": {"search_results": [{"url", "title", …}]}       DashScope
 *     "web_search": [{"link", "title", "content", …}]                Z.ai
 *
 * Some repeat them in every chunk, xAI tells them in the last one. Each page counts once. What is read here are
 * citations for callers of other dialects.
 */
export class Sources {
  readonly #found = new Map<string, JsonObject>();

  read(answer: JsonObject): void {
    for (let i = 0; i < SOURCE_FIELDS.length; i++) {
      const value = answer[SOURCE_FIELDS[i]!];
      if (value === undefined || value === null) continue;
      const pages = isObject(value) ? value.search_results : value;
      if (Array.isArray(pages)) for (const page of pages) this.#add(page);
    }
  }

  /** In the order in which they came, which is that of their numbers in the text. */
  all(): readonly JsonObject[] {
    return [...this.#found.values()];
  }

  #add(page: Json): void {
    if (typeof page === "string") this.#know(page);
    if (!isObject(page)) return;
    const url = page.url ?? page.link;
    if (typeof url !== "string") return;
    const known = this.#know(url);
    if (known === undefined) return;
    const title = textOf(page.title);
    const quoted = textOf(page.snippet) ?? textOf(page.content);
    if (title !== undefined) known.title ??= title;
    if (quoted !== undefined) known.cited_text ??= quoted;
  }

  #know(url: string): JsonObject | undefined {
    if (url === "") return undefined;
    let known = this.#found.get(url);
    if (known === undefined) {
      known = { url };
      this.#found.set(url, known);
    }
    return known;
  }
}

/** What one text has to cite: annotations that came beside it, and the sources of its answer, each once. */
export class OwedCitations {
  readonly #sources: Sources;
  #told = 0;
  #annotations: JsonObject[] = [];

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  add(annotation: JsonObject): void {
    this.#annotations.push(annotation);
  }

  /** All that is owed now. */
  take(): JsonObject[] {
    const found = this.#sources.all();
    const owed = [...this.#annotations, ...found.slice(this.#told)];
    this.#told = found.length;
    this.#annotations = [];
    return owed;
  }
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
