/**
 * Every right that an administrative operation can ask for. An operation names exactly one.
 * Adding a row changes the golden matrix in test/security, which is what a reviewer looks at.
 */
export const PERMISSIONS = {
  "application.read": "See applications, and which team and tenant they belong to.",
  "audit.read": "Read the audit log.",
  "capture.read": "Read prompts and answers, where an API keeps them.",
  "event.read": "See events: quotas and budgets that come near their end.",
  "key.create": "Issue virtual keys; the secret is shown to who does.",
  "key.read": "See virtual keys, never their secrets.",
  "key.revoke": "Put virtual keys out of use for good.",
  "ledger.recount": "Have the ledger added up, and the counters set to what it says.",
  "limit-request.create": "Ask for a higher limit of an application, a subscription or a key.",
  "limit-request.decide": "Grant or reject higher limits, and take back what was granted.",
  "limit-request.read": "See requests for higher limits, and what became of them.",
  "metrics.read": "Read the metrics where the admin listener is reachable from outside this machine.",
  "provider.test": "Ask a provider account, at its own cost, whether its key works and which models answer.",
  "status.read": "See version, uptime and counts of this installation.",
  "usage.read": "Read usage records, sums and limits: who called what, when, for how much; not the prompts.",
} as const satisfies Record<string, string>;

export type Permission = keyof typeof PERMISSIONS;

/**
 * What a role may do. `developer` is for members of a team; as long as members do not sign in, they may do nothing here.
 * `nobody` stands for actors that never come in by a listener.
 */
export const ROLES = {
  administrator: Object.keys(PERMISSIONS) as Permission[],
  developer: [],
  nobody: [],
} as const satisfies Record<string, readonly Permission[]>;

export type Role = keyof typeof ROLES;

/** Roles that a member of a team may have. None reaches beyond its team. */
export const MEMBER_ROLES = ["developer"] as const satisfies readonly Role[];

/** Whether the role has the right. What is not in the table is not allowed. */
export function roleGrants(role: Role, permission: Permission): boolean {
  const granted: readonly Permission[] = ROLES[role];
  return granted.includes(permission);
}
