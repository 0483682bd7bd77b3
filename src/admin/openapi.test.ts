import { expect, test } from "bun:test";
import { isObject, type Json, type JsonObject } from "../kernel/json.ts";
import { openApiDocument } from "./openapi.ts";
import { OPERATIONS } from "./operations.ts";

const document = openApiDocument(OPERATIONS, "1.2.3") as {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Record<string, Json>>>;
  components: { schemas: Record<string, JsonObject> };
};

function* references(value: Json): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* references(item);
  else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (key === "$ref" && typeof inner === "string") yield inner;
      else yield* references(inner);
    }
  }
}

test("every operation is in the document once, with its permission and its refusals", () => {
  for (const operation of OPERATIONS) {
    const described = document.paths[operation.path]?.[operation.method.toLowerCase()];
    expect(described).toMatchObject({ operationId: operation.id, "x-permission": operation.permission });
    const statuses = Object.keys(described?.responses as JsonObject);
    expect(statuses).toEqual(expect.arrayContaining(["400", "401", "403", "500"]));
    expect(statuses.some((status) => status === "200" || status === "201")).toBe(true);
    for (const name of operation.path.matchAll(/\{(\w+)\}/g)) {
      expect(described?.parameters).toContainEqual(
        expect.objectContaining({ name: name[1], in: "path", required: true }),
      );
    }
  }
  expect(Object.values(document.paths).flatMap((methods) => Object.keys(methods))).toHaveLength(OPERATIONS.length);
});

test("every reference leads somewhere, and no schema is there for nothing", () => {
  const used = new Set(references(document as unknown as Json));
  for (const reference of used) {
    expect(reference).toStartWith("#/components/schemas/");
    expect(document.components.schemas).toHaveProperty([reference.split("/").at(-1)!]);
  }
  for (const name of Object.keys(document.components.schemas)) expect(used).toContain(`#/components/schemas/${name}`);
});

test("requests say that unknown fields are refused; answers may grow", () => {
  const create = document.paths["/api/v1/keys"]?.post as unknown as {
    requestBody: { content: { "application/json": { schema: JsonObject } } };
  };
  expect(create.requestBody.content["application/json"].schema.additionalProperties).toBe(false);
  for (const schema of Object.values(document.components.schemas))
    expect(schema).not.toHaveProperty("additionalProperties");
});

test("what is not required because it has a default is not required in requests, and is there in answers", () => {
  const create = document.paths["/api/v1/keys"]?.post as unknown as {
    requestBody: { content: { "application/json": { schema: JsonObject } } };
  };
  expect(create.requestBody.content["application/json"].schema.required).toEqual(["application", "name"]);
  expect(document.components.schemas.Key?.required).toContain("mode");
});

test("the secret of a key is in no schema but that of its issue", () => {
  const withSecret = Object.entries(document.components.schemas)
    .filter(([, schema]) => isObject(schema.properties) && "secret" in schema.properties)
    .map(([name]) => name);
  expect(withSecret).toEqual(["IssuedKey"]);
});

test("it is OpenAPI 3.1 of this version", () => {
  expect(document).toMatchObject({ openapi: "3.1.0", info: { version: "1.2.3" } });
});

test("docs/openapi.json is what the operations say (npm run docs writes it)", async () => {
  const { version } = await Bun.file(`${import.meta.dir}/../../package.json`).json();
  expect(await Bun.file(`${import.meta.dir}/../../docs/openapi.json`).json()).toEqual(
    openApiDocument(OPERATIONS, version) as never,
  );
});
