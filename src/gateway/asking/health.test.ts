import { expect, test } from "bun:test";
import type { ProviderAccount } from "../../domain/catalog/catalog.ts";
import { HealthBook, targetKey } from "./health.ts";

const target = (name: string, model: string) => ({ account: { name } as ProviderAccount, model });

test("a target is known by its account and model, whatever object names it", () => {
  const book = new HealthBook();
  expect(book.of(target("up", "m"), 0)).toBe(book.of(target("up", "m"), 0));
  expect(book.of(target("up", "n"), 0)).not.toBe(book.of(target("up", "m"), 0));
  expect(targetKey(target("up", "a/b"))).toBe("up/a/b");
});

test("a check holds for all models of its account, also for those that nobody has asked yet, and for no other account", () => {
  const book = new HealthBook();
  const [asked, other] = [book.of(target("up", "m"), 0), book.of(target("upper", "m"), 0)];
  book.checked("up", 0, false);
  expect(asked.admits(1)).toBe("no");
  expect(book.of(target("up", "new"), 1).admits(1)).toBe("no");
  expect(other.admits(1)).toBe("yes");
  book.checked("up", 2, true);
  expect(asked.admits(3)).toBe("yes");
  expect(book.of(target("up", "newer"), 3).admits(3)).toBe("yes");
});

test("of too many it forgets the one that nobody has asked for longest", () => {
  const book = new HealthBook();
  const busy = book.of(target("up", "busy"), 0);
  const idle = book.of(target("up", "idle"), 0);
  for (let i = 2; i <= 10_000; i++) {
    book.of(target("up", `made up ${i}`), 0);
    expect(book.of(target("up", "busy"), 0)).toBe(busy);
  }
  expect(book.of(target("up", "busy"), 0)).toBe(busy);
  expect(book.of(target("up", "idle"), 0)).not.toBe(idle);
});
