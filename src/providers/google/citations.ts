import { isObject, type JsonObject } from "../../kernel/json.ts";

/**
 * Where an answer's words come from, as citations that other dialects can tell: web pages that
 * Google's search found (`groundingMetadata.groundingChunks`), and works that the model quotes
 * (`citationMetadata`). Each once, with its address.
 */
export class Citations {
  readonly #told = new Set<string>();

  /** Those of a candidate that have not been told. */
  read(candidate: JsonObject): JsonObject[] {
    const found: JsonObject[] = [];
    const { groundingMetadata, citationMetadata } = candidate;
    if (isObject(groundingMetadata) && Array.isArray(groundingMetadata.groundingChunks)) {
      for (const chunk of groundingMetadata.groundingChunks) {
        if (!isObject(chunk)) continue;
        for (const kind of ["web", "maps", "retrievedContext"])
          if (isObject(chunk[kind])) this.#add(chunk[kind], found);
      }
    }
    if (isObject(citationMetadata)) {
      const sources = citationMetadata.citationSources ?? citationMetadata.citations;
      for (const source of Array.isArray(sources) ? sources : []) if (isObject(source)) this.#add(source, found);
    }
    return found;
  }

  #add({ uri, title }: JsonObject, found: JsonObject[]): void {
    if (typeof uri !== "string" || uri === "" || this.#told.has(uri)) return;
    this.#told.add(uri);
    found.push(typeof title === "string" && title !== "" ? { url: uri, title } : { url: uri });
  }
}
