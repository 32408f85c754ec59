/** Instants as text: RFC 3339, which is also xs:dateTime with a time zone. */

/** `2026-01-01T00:00:00.000Z`. */
export function formatInstant(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** Epoch ms; undefined unless it is a date, a time and a time zone. */
export function parseInstant(text: string): number | undefined {
  const epochMs = RFC_3339.test(text) ? Date.parse(text.toUpperCase()) : NaN;
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i;
