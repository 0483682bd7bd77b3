/** What an account is and promises. */
export interface Place {
  region?: string;
  dataHandling?: readonly string[];
}

/** What an API demands of the accounts that serve it. */
export interface Demands {
  /** One of these; an empty list demands nothing. */
  regions: readonly string[];
  /** All of these. */
  dataHandling: readonly string[];
}

/** Whether an account may serve. One that does not say where it is, or what it promises, is not taken at its best. */
export function mayServe(place: Place, demands: Demands | undefined): boolean {
  if (demands === undefined) return true;
  const { regions, dataHandling } = demands;
  if (regions.length > 0 && (place.region === undefined || !regions.includes(place.region))) return false;
  return dataHandling.every((promise) => place.dataHandling?.includes(promise) === true);
}
