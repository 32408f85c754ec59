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
  /** False when there is no place. */
  take(source: string): boolean;
  /** Once for each that was taken. */
  giveBack(source: string): void;
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
      if (taken >= total || ofSource >= perSource) return false;
      taken += 1;
      bySource.set(source, ofSource + 1);
      return true;
    },
    giveBack(source) {
      taken -= 1;
      const left = (bySource.get(source) ?? 1) - 1;
      if (left === 0) bySource.delete(source);
      else bySource.set(source, left);
    },
  };
}
