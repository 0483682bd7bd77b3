/** What a load balancer is told: whether to send calls here, and if not, why. */
export class Readiness {
  readonly #gateway: { readonly draining: boolean };
  readonly #stores: readonly { readonly failing?: boolean }[];
  #starting = true;
  #stopping = false;

  constructor(gateway: { readonly draining: boolean }, ...stores: { readonly failing?: boolean }[]) {
    this.#gateway = gateway;
    this.#stores = stores;
  }

  now(): { ready: boolean; reason?: string } {
    if (this.#stopping || this.#gateway.draining) return { ready: false, reason: "draining" };
    if (this.#stores.some(({ failing }) => failing === true)) return { ready: false, reason: "store unavailable" };
    return this.#starting ? { ready: false, reason: "starting" } : { ready: true };
  }

  /** Everything is open. */
  started(): void {
    this.#starting = false;
  }

  /** The process has been asked to stop; calls may still be taken for a while. */
  stopping(): void {
    this.#stopping = true;
  }
}
