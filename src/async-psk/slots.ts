/** A bound on what strangers keep waiting here: in all, and for each source. */

export interface SlotLimits {
  /** In all. */
  readonly total: number;
  /** Per IPv4 address, or per /64 of IPv6. */
  readonly perSource: number;
}

/** Places that are taken and given back. */
export interface Slots {
  readonly taken: number;
  /** A place, as the function that gives it back; undefined when there is none. */
  take(source: string): (() => void) | undefined;
}

/** All places are free at first. */
export function createSlots({ total, perSource }: SlotLimits): Slots {
  const bySource = new Map<string, number>();
  let taken = 0;
  return {
    get taken() {
      return taken;
    },
    take(source) {
      const ofSource = bySource.get(source) ?? 0;
      if (taken >= total || ofSource >= perSource) return undefined;
      taken += 1;
      bySource.set(source, ofSource + 1);
      let given = false;
      return () => {
        if (given) return;
        given = true;
        taken -= 1;
        const left = (bySource.get(source) ?? 1) - 1;
        if (left === 0) bySource.delete(source);
        else bySource.set(source, left);
      };
    },
  };
}
