import type { CatalogModel } from "../../src/domain/catalog/catalog.ts";

/** A model with one target. */
export function modelAt(name: string, provider: string, target: string): CatalogModel {
  return { name, targets: [{ provider, model: target, weight: 1 }], fallbacks: [] };
}
