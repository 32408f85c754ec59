import test from 'ava';
import fc from 'fast-check';
import { releaseAheadMs, renewAheadMs } from '../../src/sa/ahead.ts';

test('a key is replaced when a tenth, two seconds, four bootstraps or two releases are left, whichever is most', (t) => {
  t.is(renewAheadMs({ lifetimeMs: 3_600_000, bootstrapMs: 100 }, 0), 360_000);
  t.is(renewAheadMs({ lifetimeMs: 10_000, bootstrapMs: 100 }, 0), 2_000);
  t.is(renewAheadMs({ lifetimeMs: 60_000, bootstrapMs: 4_000 }, 0), 16_000);
  t.is(renewAheadMs({ lifetimeMs: 20_000, bootstrapMs: 100 }, 0), 4_000, 'not with the release');
});

test('of a fleet that got its keys at once, no two need ask at once', (t) => {
  t.is(renewAheadMs({ lifetimeMs: 3_600_000, bootstrapMs: 0 }, 1), 450_000);
  t.is(renewAheadMs({ lifetimeMs: 3_600_000, bootstrapMs: 0 }, 0.5), 405_000);
});

test('however short the lifetime and slow the bootstrap, a third of the lifetime is left, and the release comes last', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 1e9 })),
      fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1e9 })),
      fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
      (lifetimeMs, bootstrapMs, spread) => {
        const ahead = renewAheadMs({ lifetimeMs, bootstrapMs }, spread);
        return ahead <= (2 / 3) * lifetimeMs && releaseAheadMs(lifetimeMs) < ahead;
      },
    ),
  );
  t.is(releaseAheadMs(5_000), 500);
  t.is(releaseAheadMs(86_400_000), 5_000);
});
