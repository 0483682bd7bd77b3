/**
 * What stands in `form` of a request that came in Gemini's dialect. The wire writes it, and
 * providers of that dialect read it, so that they are asked in the caller's own words.
 */

/** `ModelRequest.form` */
export type GeminiRequestForm = {
  /** The stream is one JSON array instead of server-sent events: `alt=sse` was not asked for. */
  stream?: "array";
  /** `responseModalities` that name text only, which says nothing elsewhere. */
  responseModalities?: string[];
  /** What is thought shall be told, as elsewhere it always is. */
  includeThoughts?: true;
  /** Whether the answer's schema came as `responseSchema` or `responseJsonSchema`. */
  schema?: GeminiSchemaField;
  /** Tools may be called or not, but as declared: elsewhere that is `auto`. */
  mode?: "VALIDATED";
};

/** `Message.form` */
export type GeminiMessageForm = {
  /** `role` was not there, or was another word for the user's. */
  role?: string;
};

/** `form` of a part */
export type GeminiPartForm = {
  /** A call, or a result, came without an id; the one that it has was made up. */
  id?: "absent";
  /** The media type as it was written. */
  mimeType?: string;
  /**
   * How a result's text came: alone under this key of `response`, or (an empty word) as the
   * JSON text of the whole `response`.
   */
  response?: string;
};

/** `FunctionTool.form` */
export type GeminiToolForm = {
  schema?: GeminiSchemaField;
};

/** Google's own form of a schema (upper-case types, `nullable`), or JSON Schema. */
export type GeminiSchemaField = "own" | "json";
