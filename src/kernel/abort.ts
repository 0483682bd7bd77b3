/** Whom an abort is told: what `addEventListener` takes, less the event. */
export type AbortListener = (() => void) | { handleEvent(): void };

/** What of an `AbortSignal` (https://dom.spec.whatwg.org/#interface-AbortSignal) is asked here. Every `AbortSignal` is one. */
export interface Abortable {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: AbortListener): void;
  removeEventListener(type: "abort", listener: AbortListener): void;
}

/**
 * A controller and its signal in one, for what every call has one of: the platform's are event
 * targets, and cost twenty times as much to make, listen to and let go.
 */
export class Abort implements Abortable {
  aborted = false;
  reason: unknown;
  readonly #listeners: AbortListener[] = [];

  /** The first reason stays. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    for (const listener of this.#listeners.splice(0)) {
      if (typeof listener === "function") listener();
      else listener.handleEvent();
    }
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_type: "abort", listener: AbortListener): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: AbortListener): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }
}
