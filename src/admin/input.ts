import { z } from "zod";
import { describeIssue, LINE } from "../config/issue.ts";
import { GatewayError } from "../errors.ts";
import type { OperationInput, ParsedInput } from "./operation.ts";
import type { FieldFault } from "./problem.ts";

/** The input breaks the operation's schemas. Names every field at fault, not only the first. */
export class InvalidInput extends GatewayError {
  readonly faults: readonly FieldFault[];

  constructor(faults: readonly FieldFault[]) {
    const first = faults[0]!;
    super("invalid_request", first.field === "" ? first.message : `${first.field}: ${first.message}`, {
      param: first.field === "" ? null : first.field,
    });
    this.faults = faults;
  }
}

/** For rules that a schema cannot say. */
export function invalidField(where: FieldFault["in"], field: string, message: string): InvalidInput {
  return new InvalidInput([{ in: where, field, message }]);
}

const NOTHING = z.strictObject({});

/**
 * Path, query and body through the operation's schemas; what a schema does not name is
 * refused by its name. An operation without a body takes none, or `{}`.
 *
 * @throws InvalidInput
 */
export function readInput(
  input: OperationInput,
  path: Record<string, string>,
  query: URLSearchParams,
  body: unknown,
): ParsedInput<OperationInput> {
  const faults: FieldFault[] = [];
  const read = (where: FieldFault["in"], schema: z.ZodObject | undefined, value: unknown) => {
    const result = (schema ?? NOTHING).safeParse(value, { error: namingWords });
    if (!result.success) faults.push(...faultsOf(where, result.error));
    return result.data;
  };
  const names = new Set<string>();
  for (const name of query.keys()) {
    if (names.has(name)) faults.push({ in: "query", field: name, message: "may be given once only" });
    names.add(name);
  }
  const parsed = {
    path: read("path", input.path, path),
    query: read("query", input.query, Object.fromEntries(query)),
    body: read("body", input.body, body === undefined ? {} : body),
  };
  if (faults.length > 0) throw new InvalidInput(faults);
  return parsed as ParsedInput<OperationInput>;
}

/** Of words and fields that are none, the ones that were meant; the rest in the schema library's words, which know no YAML. */
const namingWords: z.core.$ZodErrorMap = (issue) =>
  issue.code === "invalid_value" || issue.code === "unrecognized_keys" ? describeIssue(issue) : undefined;

function faultsOf(where: FieldFault["in"], error: z.ZodError): FieldFault[] {
  return error.issues.flatMap((issue) => {
    const field = pathText(issue.path);
    if (issue.code !== "unrecognized_keys") {
      const missing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
      return [{ in: where, field, message: missing ? "is required" : issue.message }];
    }
    const messages = issue.message.split(LINE);
    return issue.keys.map((key, at) => ({
      in: where,
      field: field === "" ? key : `${field}.${key}`,
      message: messages[at]!.replace("is not a field here", "is not a field of this operation"),
    }));
  });
}

function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += text === "" ? String(step) : `.${String(step)}`;
  }
  return text;
}
