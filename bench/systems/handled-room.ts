/** A UE of gba-push remembers every id for a while, and says "not now" when it has too many: see to it that it has not. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Room } from './side.ts';

/** What a UE remembers of one NAF (`HandledSet`). */
const MOST = 500_000;

/** `rememberedMs`: how long an id is remembered, at the most. */
export function handledRoom(rememberedMs: number): Room {
  let taken: { readonly pushes: number; readonly until: number }[] = [];
  return {
    async wait(pushes) {
      for (;;) {
        const now = performance.now();
        taken = taken.filter(({ until }) => until > now);
        const held = taken.reduce((sum, each) => sum + each.pushes, 0);
        const [oldest] = taken;
        if (oldest === undefined || held + pushes <= MOST) return;
        await pause(oldest.until - now);
      }
    },
    took(pushes) {
      taken.push({ pushes, until: performance.now() + rememberedMs });
    },
  };
}
