import { expect, test } from "bun:test";
import { PERMISSIONS, type Permission, ROLES, roleGrants } from "./permissions.ts";

test("an administrator may do everything that can be asked for", () => {
  for (const permission of Object.keys(PERMISSIONS) as Permission[]) {
    expect(roleGrants("administrator", permission)).toBe(true);
  }
});

test("nobody may do nothing at all", () => {
  for (const permission of Object.keys(PERMISSIONS) as Permission[]) {
    expect(roleGrants("nobody", permission)).toBe(false);
  }
});

test("a permission that is not in the table is granted to no role", () => {
  for (const role of Object.keys(ROLES) as (keyof typeof ROLES)[]) {
    for (const name of ["", "*", "key.*", "key", "system.anything", "constructor", "__proto__"]) {
      expect(roleGrants(role, name as Permission)).toBe(false);
    }
  }
});

test("every permission is named noun.verb and says what it allows", () => {
  for (const [name, meaning] of Object.entries(PERMISSIONS)) {
    expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*\.[a-z]+$/);
    expect(meaning).toMatch(/\.$/);
  }
});
