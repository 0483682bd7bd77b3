import { relayApi } from "../relay.ts";
import { errorInside } from "./errors.ts";

/** `POST /v2/rerank` (https://docs.cohere.com/reference/rerank). Cohere counts searches, and no tokens. */
export const rerankApi = relayApi({
  dialect: "rerank",
  path: "/v2/rerank",
  errorInside: (value) =>
    errorInside(undefined, value) ?? { status: 502, message: "The provider reported an error within its answer." },
  readUsage: () => undefined,
});
