/** What the report says of bench/handshake.ts: groups and resumption. */
import type { Chapter } from '../chapter.ts';
import type { Figures } from '../figures.ts';
import { number, timesWithSpread } from '../format.ts';

const RESUMED = '1.2 ECDHE-PSK resumed';
const FULL = '1.2 ECDHE-PSK full';
const HYBRID = '1.3 X25519MLKEM768';
const cpu = { figure: 'NAF CPU per handshake', against: 'own', better: 'lower' } as const;

export const handshake: Chapter = {
  name: 'handshake',
  title: 'Handshakes: groups and resumption',
  comparisons: [
    { ...cpu, over: '1.3 X25519' },
    { ...cpu, of: RESUMED, over: FULL },
  ],
  unflattering: [resumptionIsDear],
  surprising: [hybridIsCheap],
};

/** Told when a resumed handshake saves less than a fifth of the NAF's CPU. */
function resumptionIsDear(figures: Figures): string | undefined {
  const [ratio] = figures.ratios('handshake', { ...cpu, of: RESUMED, over: FULL });
  if (ratio === undefined || ratio.spread.median < 0.8) return undefined;
  const saves = ratio.spread.low > 1 ? 'no CPU' : 'no CPU that these rounds could show';
  return `**Resumption in TLS 1.2 saves ${ratio.spread.high < 1 ? 'little CPU' : saves}**, whatever it saves in round trips: a resumed handshake takes ${timesWithSpread(ratio.spread)} the NAF's CPU of a full one.`;
}

function hybridIsCheap(figures: Figures): string | undefined {
  const [ratio] = figures.ratios('handshake', { ...cpu, of: HYBRID, over: '1.3 X25519' });
  const [hello, classic] = [HYBRID, '1.3 X25519'].map((subject) =>
    figures.median({ in: 'handshake', subject, figure: 'ClientHello' }),
  );
  if (ratio === undefined || hello === undefined || classic === undefined) return undefined;
  return `A key exchange that is safe from quantum computers as well (X25519MLKEM768) takes ${timesWithSpread(ratio.spread)} the NAF's CPU of X25519; its ClientHello is ${number(hello)} octets in place of ${number(classic)}.`;
}
