import type { PlannedChange } from "../../ports/administration.ts";

/** What one change has done so far; decides whether there is anything to commit and to audit, and who must hear of it. */
export class ChangeSheet {
  /** What `apply` did, in order. */
  readonly planned: PlannedChange[] = [];
  #wrote = false;
  #touchedCatalog = false;
  #touchedPrincipals = false;

  /** Something of the catalog changed. */
  catalog(verb: PlannedChange["verb"], subject: string): void {
    this.#touchedCatalog = true;
    this.tenancy(verb, subject);
  }

  /** Something of the tenants changed. */
  tenancy(verb: PlannedChange["verb"], subject: string): void {
    this.planned.push({ verb, subject });
    this.wrote();
  }

  /** Something that was there before was written, outside of `apply`. */
  wrote(): void {
    this.#wrote = true;
    this.#touchedPrincipals = true;
  }

  /** Something was added of which nobody can have known before. */
  added(): void {
    this.#wrote = true;
  }

  get isEmpty(): boolean {
    return !this.#wrote;
  }

  get touchedCatalog(): boolean {
    return this.#touchedCatalog;
  }

  /** Whether a principal that somebody keeps in memory may be another one now. */
  get touchedPrincipals(): boolean {
    return this.#touchedPrincipals;
  }
}
