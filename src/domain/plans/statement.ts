/** What a usage record says that a statement asks about; the record of the ledger fits. */
export interface Stated {
  api: string | null;
  catalogModel: string | null;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  priceSource: string | null;
  /** Not null where a part of a call's charge is given back, which is no call. */
  refundOf: string | null;
  attempts: readonly {
    provider: string;
    model: string;
    inputTokens: number;
    outputTokens: number;
    costNanoUsd: number;
  }[];
}

/** What was spent by one API on one model at one place. Money in nano-dollars. */
export interface StatementLine {
  api: string | null;
  model: string | null;
  /** Null for what was charged by rule, where nobody is left to say who was asked. */
  provider: string | null;
  providerModel: string | null;
  priceSource: string | null;
  /** Calls that asked there; one that fell back asks in several places. */
  calls: number;
  inputTokens: number;
  outputTokens: number;
  nanoUsd: number;
}

export interface StatementTotal {
  calls: number;
  inputTokens: number;
  outputTokens: number;
  nanoUsd: number;
}

/** Adds records up, exactly: money is whole nano-dollars, and the lines add up to the total. */
export class Statement {
  readonly total: StatementTotal = { calls: 0, inputTokens: 0, outputTokens: 0, nanoUsd: 0 };
  readonly #lines = new Map<string, StatementLine>();

  add(record: Stated): void {
    this.total.calls += record.refundOf === null ? 1 : 0;
    this.total.inputTokens += record.inputTokens;
    this.total.outputTokens += record.outputTokens;
    this.total.nanoUsd += record.costNanoUsd;
    let { inputTokens, outputTokens, costNanoUsd } = record;
    for (const attempt of record.attempts) {
      this.#line(record, attempt.provider, attempt.model, attempt);
      inputTokens -= attempt.inputTokens;
      outputTokens -= attempt.outputTokens;
      costNanoUsd -= attempt.costNanoUsd;
    }
    if (record.attempts.length > 0 && inputTokens === 0 && outputTokens === 0 && costNanoUsd === 0) return;
    this.#line(record, null, null, { inputTokens, outputTokens, costNanoUsd });
  }

  /** The dearest first. */
  lines(): StatementLine[] {
    return [...this.#lines.values()].sort((a, b) => b.nanoUsd - a.nanoUsd || b.calls - a.calls);
  }

  #line(
    { api, catalogModel: model, priceSource, refundOf }: Stated,
    provider: string | null,
    providerModel: string | null,
    spent: Pick<Stated, "inputTokens" | "outputTokens" | "costNanoUsd">,
  ): void {
    const key = JSON.stringify([api, model, provider, providerModel, priceSource]);
    let line = this.#lines.get(key);
    if (line === undefined) {
      const nothing = { calls: 0, inputTokens: 0, outputTokens: 0, nanoUsd: 0 };
      line = { api, model, provider, providerModel, priceSource, ...nothing };
      this.#lines.set(key, line);
    }
    line.calls += refundOf === null ? 1 : 0;
    line.inputTokens += spent.inputTokens;
    line.outputTokens += spent.outputTokens;
    line.nanoUsd += spent.costNanoUsd;
  }
}
