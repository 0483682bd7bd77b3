import type { ProviderAdapter } from "../spec/adapter.ts";
import type { ModelRequest } from "../spec/request.ts";
import { type Fitted, withinCapabilities } from "./capable.ts";
import { withoutForeign } from "./foreign.ts";

/**
 * The adapter with what holds for every provider: a request is refused which its API cannot be asked
 * (`capable.ts`), or which only another dialect can answer (`foreign.ts`), and what it may go without
 * is left out, with a warning. Adapters need not know it.
 */
export function guarded(adapter: ProviderAdapter): ProviderAdapter {
  const variants = new WeakMap<ProviderAdapter, ProviderAdapter>();
  const { variant, local, operations } = adapter;
  const fit = (request: ModelRequest) => fitted(request, adapter);
  const whole: { -readonly [K in keyof ProviderAdapter]: ProviderAdapter[K] } = {
    ...adapter,
    encode: guardedEncode(adapter, fit),
  };
  if (operations !== undefined) {
    const apis = Object.entries(operations).map(([name, api]) => [
      name,
      { ...api, encode: guardedEncode(api, (request) => known(request, api)) },
    ]);
    whole.operations = Object.fromEntries(apis);
  }
  if (local !== undefined) {
    whole.local = (request, model, warn) => {
      const { known, warnings } = fit(request);
      for (const warning of warnings) warn?.(warning);
      return local(known, model);
    };
  }
  if (variant !== undefined) {
    whole.variant = (request, model, options) => {
      const chosen = variant(request, model, options);
      let guardedVariant = variants.get(chosen);
      if (guardedVariant === undefined) {
        guardedVariant = guarded(chosen);
        variants.set(chosen, guardedVariant);
      }
      return guardedVariant;
    };
  }
  return whole;
}

function guardedEncode(
  { encode }: Pick<ProviderAdapter, "encode">,
  fit: (request: ModelRequest) => Fitted,
): ProviderAdapter["encode"] {
  return (request, model, options) => {
    const { known, warnings } = fit(request);
    const upstream = encode(known, model, options);
    return warnings.length === 0 ? upstream : { ...upstream, warnings: [...warnings, ...upstream.warnings] };
  };
}

/** For conversations: what an operation can be asked is its own API's to say. @throws UnsupportedFeature */
function fitted(request: ModelRequest, { dialect, capabilities }: ProviderAdapter): Fitted {
  const foreign = known(request, { dialect });
  const { known: able, warnings } = withinCapabilities(foreign.known, capabilities);
  return { known: able, warnings: [...foreign.warnings, ...warnings] };
}

/** @throws UnsupportedFeature */
function known(request: ModelRequest, { dialect }: Pick<ProviderAdapter, "dialect">): Fitted {
  return request.dialect === dialect ? { known: request, warnings: [] } : withoutForeign(request);
}
