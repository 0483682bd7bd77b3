import type { JsonObject } from "../kernel/json.ts";

/**
 * What stands in `form` of a request that came in OpenAI's Responses dialect. The wire writes
 * it, and providers of that dialect read it, so that they are asked in the caller's own words.
 */

/** `ModelRequest.form` */
export type ResponsesRequestForm = {
  /** `input` was a string. */
  input?: "string";
  /** The first message came as `instructions`. */
  instructions?: true;
  /** What shall be told beside the text, in the caller's words. */
  include?: string[];
  /** Settings that ask for what is so anyhow where nothing is stored. */
  plain?: JsonObject;
  /** `reasoning.summary`: the caller reads thoughts as summaries. */
  summary?: string;
  /** The `type` of a tool choice that names a tool where it was not `function`. */
  choice?: "custom";
};

/** `form` of a part: the item of `input` in which it came. */
export type ResponsesPartForm = {
  /** Its place in `input`. Neighbours with the same number were one item. */
  item: number;
  /** Of the item: its `type` where a message named it, id, status, phase. On its first part only. */
  head?: JsonObject;
  /** `content` or `output` of the item was a string, or an empty list. */
  content?: "string" | "none";
  /** The part's own type where its role does not tell it. */
  type?: string;
  /** Fields of the part that were empty lists: `annotations`, `logprobs`. */
  empty?: string[];
  /** A thought: the list of the item in which its text stood, if it had any. */
  list?: "summary" | "content";
  /** A thought of another provider's, which this gateway had wrapped (`wire/openai-responses/thoughts.ts`). */
  wrapped?: true;
  /** A call, or its result, of a tool that is no function. */
  as?: ClientTool;
  /** A call of a tool in a namespace: the tool's name there. The namespace stands in `head`. */
  own?: string;
  /** An opaque part that is a whole item, not a part of one. */
  whole?: true;
};

/** Kinds of tools, beside functions, that the caller runs itself. */
export type ClientTool = "custom" | "local_shell";

/** `FunctionTool.form`: a tool of this dialect that is offered to other providers as a function. */
export type ResponsesToolForm = {
  as?: ClientTool;
  /** A custom tool's `format`, as given. Its words stand in the parameters too, where guards read them. */
  format?: JsonObject;
  /**
   * It stands in a namespace: that one's place in `tools`, and the tool's name there. `FunctionTool.name` is unique
   * without it, and `extra.namespace` holds the namespace's own fields, where guards read them.
   */
  namespace?: { at: number; own: string };
};
