/** Who changes something. `system` is the gateway itself: first start, configuration file. */
export interface Actor {
  kind: "system" | "admin-token";
  id: string;
}
