/**
 * Gateways that share a store, each in a process of its own, under one configuration: the nodes of a small cluster,
 * which a suite may kill and start again.
 *
 *   const nodes = await SharedGateways.start(config, { DATABASE_URL: await postgres.database() });
 *   …post(nodes.node(0), { body: chat(), key: nodes.key })…
 *   await nodes.kill(1);
 *   await nodes.remove();
 */
import { randomBytes } from "node:crypto";
import type { JsonObject } from "../../src/kernel/json.ts";
import { type GatewayProcess, Installation } from "./process.ts";

/** A first start writes a configuration that may have thousands of keys, on a machine that is busy with the other nodes. Milliseconds. */
const START_MS = 60_000;

export class SharedGateways {
  /** Imported by the configuration. */
  readonly key: string;
  readonly #places: readonly Installation[];
  readonly #running: GatewayProcess[] = [];

  private constructor(places: readonly Installation[]) {
    this.#places = places;
    this.key = places[0]!.key;
  }

  /**
   * @param env what all of them are given: where the store is, and keys that the configuration imports
   * @param own what each of them is given
   */
  static async start(
    config: JsonObject,
    env: Record<string, string>,
    own: readonly Record<string, string>[] = [{}, {}],
  ): Promise<SharedGateways> {
    const places = own.map(() => new Installation(config));
    const common = { SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64"), CALLER_KEY: places[0]!.key, ...env };
    for (const [i, place] of places.entries()) Object.assign(place.env, common, own[i]);
    const nodes = new SharedGateways(places);
    try {
      // The first one applies the configuration; so the others have nothing to wait for.
      for (const i of places.keys()) await nodes.restart(i);
      return nodes;
    } catch (error) {
      await nodes.remove();
      throw error;
    }
  }

  get count(): number {
    return this.#places.length;
  }

  /** The one that runs in a place, or ran there last. */
  node(i: number): GatewayProcess {
    return this.#running[i]!;
  }

  /** Starts the one in a place, which does not run. */
  async restart(i: number): Promise<GatewayProcess> {
    const started = this.#places[i]!.spawn();
    this.#running[i] = started;
    await started.ready(START_MS);
    return started;
  }

  async kill(i: number): Promise<void> {
    this.node(i).kill("SIGKILL");
    await this.node(i).exited;
  }

  /** Ends all of them in good order. @returns their exit codes */
  async stop(): Promise<number[]> {
    return await Promise.all(this.#running.map((each) => each.stop()));
  }

  async remove(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.remove()));
  }
}
