import type {
  FoundObjects,
  ObjectKind,
  ObjectOwner,
  ObjectQuery,
  ProviderObject,
  ProviderObjects,
} from "../../src/ports/provider-objects.ts";

/** Whose a provider's ids are, forgotten with the process: for tests, as the plainest reading of the contract. */
export class MemoryObjects implements ProviderObjects {
  readonly #kept: { owner: ObjectOwner; object: ProviderObject }[] = [];

  async remember(owner: ObjectOwner, object: ProviderObject): Promise<boolean> {
    const known = this.#kept.find((kept) => kept.object.id === object.id && kept.object.provider === object.provider);
    if (known === undefined) this.#kept.push({ owner, object });
    else if (!isSame(known.owner, owner)) return false;
    else known.object = { ...object, createdAt: known.object.createdAt };
    return true;
  }

  async find(owner: ObjectOwner, ids: readonly string[]): Promise<FoundObjects> {
    const found = this.#kept.filter(({ object }) => ids.includes(object.id)).reverse();
    const own = found.filter((kept) => isSame(kept.owner, owner)).map(({ object }) => object);
    const foreign = new Set(found.map(({ object }) => object.id));
    for (const { id } of own) foreign.delete(id);
    return { own, foreign: [...foreign] };
  }

  async forget(owner: ObjectOwner, provider: string, id: string): Promise<void> {
    const at = this.#kept.findIndex(
      (kept) => isSame(kept.owner, owner) && kept.object.provider === provider && kept.object.id === id,
    );
    if (at >= 0) this.#kept.splice(at, 1);
  }

  async expire(kind: ObjectKind, before: number, limit: number): Promise<number> {
    const old = this.#kept
      .filter(({ object }) => object.kind === kind && object.createdAt < before)
      .sort((one, other) => one.object.createdAt - other.object.createdAt)
      .slice(0, limit);
    for (const kept of old) this.#kept.splice(this.#kept.indexOf(kept), 1);
    return old.length;
  }

  async page(owner: ObjectOwner, query: ObjectQuery) {
    const mine = this.#kept.filter((kept) => isSame(kept.owner, owner) && kept.object.kind === query.kind);
    if (!query.oldestFirst) mine.reverse();
    const after = query.after === undefined ? -1 : mine.findIndex(({ object }) => object.id === query.after);
    if (query.after !== undefined && after < 0) return undefined;
    const left = mine
      .slice(after + 1)
      .map(({ object }) => object)
      .filter(({ api, purpose }) => query.apis.includes(api) && (query.purpose ?? purpose) === purpose);
    return { objects: left.slice(0, query.limit), more: left.length > query.limit };
  }
}

function isSame(one: ObjectOwner, other: ObjectOwner): boolean {
  return one.tenantId === other.tenantId && one.applicationId === other.applicationId;
}
