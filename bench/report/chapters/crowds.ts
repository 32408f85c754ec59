/** What the report says of bench/broadcast.ts and bench/storm.ts: very many devices at one moment. */
import { againstAll } from '../../systems/looks.ts';
import type { Chapter } from '../chapter.ts';

export const broadcast: Chapter = {
  name: 'broadcast',
  title: 'Side by side: one payload to many devices',
  comparisons: againstAll([
    { figure: 'until the last acknowledged', better: 'lower' },
    { figure: 'server CPU per device', better: 'lower' },
  ]),
};

export const storm: Chapter = {
  name: 'storm',
  title: 'Side by side: many devices connect',
  comparisons: againstAll([
    { figure: 'connections', better: 'higher' },
    { figure: 'server CPU per connection', better: 'lower' },
  ]),
};
