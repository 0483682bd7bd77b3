import { expect, test } from "bun:test";
import { OPERATIONS } from "../../src/admin/operations.ts";
import { PERMISSIONS, type Permission, ROLES, type Role, roleGrants } from "../../src/domain/access/permissions.ts";
import golden from "./role-matrix.golden.json";

/**
 * Who may do what, written down twice. Whoever changes a role, a permission or an
 * operation's permission changes the golden file by hand, and a reviewer sees it as a line.
 */
test("each role may do exactly what the golden matrix says", () => {
  const roles = Object.keys(ROLES) as Role[];
  const permissions = Object.keys(PERMISSIONS) as Permission[];
  const granted = (role: Role) => permissions.filter((permission) => roleGrants(role, permission)).sort();
  expect(Object.fromEntries(roles.map((role) => [role, granted(role)]))).toEqual(
    golden.roles as Record<string, Permission[]>,
  );
});

test("each operation asks for exactly the permission that the golden matrix says, and leaves the entry it says", () => {
  const asked = OPERATIONS.map(({ id, permission, audit }) => [id, { permission, audit }]);
  expect(Object.fromEntries(asked)).toEqual(golden.operations);
});
