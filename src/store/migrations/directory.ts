import { begin } from "./directory-1-begin.ts";
import type { Migration } from "./migration.ts";

/** The life of the directory's schema, oldest first. */
export const DIRECTORY_MIGRATIONS: readonly Migration[] = [begin];
