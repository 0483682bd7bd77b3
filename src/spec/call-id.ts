/**
 * Ids of tool calls for providers whose calls have none (Gemini's older models, Ollama's). They
 * are made of the answer's id, so that those of one conversation differ, and are known by their
 * beginning, so that such a provider never sees an id that it did not give.
 */
const MADE_UP = "sp_call_";

/** @param answer what tells this answer apart from others of the conversation; @param number of the call in it. */
export function madeUpCallId(answer: string, number: number): string {
  return `${MADE_UP}${answer.replace(/[^\w-]/g, "")}_${number}`;
}

export function isMadeUpCallId(id: string): boolean {
  return id.startsWith(MADE_UP);
}
