/** Opens what an installation keeps, and picks what it is kept in: the directory, the books, the keys. */
import type { Environment } from "./config/environment.ts";
import { keyDigest } from "./domain/access/virtual-key.ts";
import type { Clock } from "./kernel/clock.ts";
import type { RandomBytes } from "./kernel/id.ts";
import type { Log } from "./ports/log.ts";
import type { Sealer } from "./ports/vault.ts";
import { type Books, openStore, type Store } from "./store/open.ts";
import { openDataFolder } from "./store/sqlite/folder.ts";
import { createSealer } from "./vault/envelope.ts";
import { type Keyring, MASTER_KEY_FILE, MASTER_KEY_SETTING, openKeyring } from "./vault/keyring.ts";

/** What an installation keeps, opened. */
export interface Installation {
  directory: Store["directory"];
  keyring: Keyring;
  books: Books;
  /** Key of the virtual keys' digests. */
  pepper: Uint8Array;
  /** What turns secrets into what may be stored. */
  sealing(): { sealer: Sealer; digest: (key: string) => string };
  /** Commits what is waiting, and lets go of everything. */
  close(): Promise<void>;
}

/**
 * Opens an installation, and begins on it while no other node that shares its store does.
 * @throws DataFolderError, MasterKeyError
 */
export async function withInstallation<T>(
  environment: Environment,
  { clock, random, log }: { clock: Clock; random: RandomBytes; log: Log },
  begin: (installation: Installation) => Promise<T>,
): Promise<T> {
  const folder = openDataFolder(environment.dataDir);
  const store = await openStore(folder, environment, { clock, random, log });
  return await store.alone(async () => {
    const { directory, shared, openBooks } = store;
    const expected = await directory.setting(MASTER_KEY_SETTING);
    const file = folder.file(MASTER_KEY_FILE);
    const keyring = openKeyring({ value: environment.masterKey, file, expected, shared, random });
    if (expected === undefined) await directory.setSetting(MASTER_KEY_SETTING, keyring.fingerprint);
    const books = await openBooks();
    const pepper = keyring.derive("virtual keys");
    const sealing = () => ({
      sealer: createSealer(keyring.master.reveal(), random),
      digest: (key: string) => keyDigest(pepper, key),
    });
    const close = async () => {
      await books.close();
      await store.close();
      folder.release();
    };
    return await begin({ directory, keyring, books, pepper, sealing, close });
  });
}
