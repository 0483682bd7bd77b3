import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { json, type ReceivedRequest, type Script, text } from "./upstream.ts";

interface Kept {
  object: JsonObject;
  bytes: Uint8Array;
}

/** Ids are drawn by chance; here no two providers give the same. */
let count = 0;

/**
 * Files and batches as a provider keeps them that knows accounts and no tenants: whoever asks with the
 * account's key gets whatever lies there, and its lists show everything.
 *
 *   const provider = new FileProvider();
 *   up.plan((request) => provider.answer(request));
 */
export class FileProvider {
  readonly files = new Map<string, Kept>();
  readonly batches = new Map<string, JsonObject>();

  answer(request: ReceivedRequest): Script {
    const { method } = request;
    const path = request.path.replace(/\?.*$/, "").replace(/^\/(?:openai\/)?v1|^\/openai/, "");
    const [, kind, id, verb] = path.split("/");
    if (kind === "files" && method === "POST") return this.#upload(request);
    if (kind === "batches" && id === undefined) return this.#begin(request.json() as JsonObject);
    if (id === undefined)
      return json(200, { object: "list", data: [...this.files.values()].map(({ object }) => object) });
    const found = kind === "files" ? this.files.get(id)?.object : this.batches.get(id);
    if (found === undefined)
      return json(404, { error: { message: `No such object: ${id}`, type: "invalid_request_error" } });
    if (verb === "content") {
      return text(200, this.files.get(id)!.bytes, { contentType: "application/octet-stream" });
    }
    if (method === "DELETE") {
      this.files.delete(id);
      return json(200, { id, object: "file", deleted: true });
    }
    if (verb === "cancel") found.status = "cancelling";
    return json(200, found);
  }

  /** Lets a batch end, with a file of results and one of errors. */
  end(id: string, output: string, errors: string, over: JsonObject = {}): void {
    const batch = this.batches.get(id)!;
    const [output_file_id, error_file_id] = [output, errors].map((content) => {
      return this.#keep("batch_output", "results.jsonl", new TextEncoder().encode(content)).id as string;
    });
    Object.assign(batch, { status: "completed", completed_at: 5, output_file_id, error_file_id, ...over });
  }

  #upload(request: ReceivedRequest): Script {
    const body = Buffer.from(request.body).toString("latin1");
    const field = (name: string) => new RegExp(`name="${name}"\\r\\n\\r\\n([^\\r]*)`).exec(body)?.[1] ?? "";
    const file = /filename="([^"]*)"\r\ncontent-type: [^\r]*\r\n\r\n([\s\S]*?)\r\n--sallyport/.exec(body);
    if (file === null) return json(400, { error: { message: "no file", type: "invalid_request_error" } });
    return json(200, this.#keep(field("purpose"), file[1]!, Buffer.from(file[2]!, "latin1")));
  }

  #keep(purpose: string, filename: string, bytes: Uint8Array): JsonObject {
    const id = `file-${++count}`;
    const object: JsonObject = { id, object: "file", bytes: bytes.length, created_at: 1, filename, purpose };
    this.files.set(id, { object, bytes });
    return object;
  }

  #begin(body: JsonObject): Script {
    const id = `batch_${++count}`;
    const batch: Record<string, Json> = { id, object: "batch", status: "validating", created_at: 2, ...body };
    this.batches.set(id, batch);
    return json(200, batch);
  }

  /** What lies there of a file. */
  textOf(id: string): string {
    return new TextDecoder().decode(this.files.get(id)?.bytes);
  }

  linesOf(id: string): JsonObject[] {
    return this.textOf(id)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as JsonObject);
  }
}
