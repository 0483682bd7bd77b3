import { expect, test } from "bun:test";
import { welcome } from "./welcome.ts";

const facts = {
  gatewayUrl: "http://127.0.0.1:8080",
  adminUrl: "http://127.0.0.1:8081",
  adminToken: "token-1",
  key: "sp_live_x",
  model: "demo",
  providers: ["openai"],
};

test("a first start shows the admin token, the console's address and a call that works", () => {
  const text = welcome(facts);
  for (const shown of ["http://127.0.0.1:8081/", "token-1", "Bearer sp_live_x", '"model":"demo"', "openai/<model>"]) {
    expect(text).toContain(shown);
  }
});

test("a token that the operator gave is not repeated, and without a key there is no call", () => {
  const text = welcome({ ...facts, adminToken: null, key: null, providers: [] });
  expect(text).toContain("SALLYPORT_ADMIN_TOKEN");
  expect(text).not.toContain("curl");
});

test("where it listens on all addresses, the call goes to one that a certificate can name", () => {
  for (const [gatewayUrl, called] of [
    ["https://0.0.0.0:8443", "https://localhost:8443/v1/"],
    ["http://[::]:8080", "http://localhost:8080/v1/"],
    ["http://10.0.0.1:8080", "http://10.0.0.1:8080/v1/"],
  ] as const) {
    expect(welcome({ ...facts, gatewayUrl })).toContain(`curl ${called}`);
  }
});
