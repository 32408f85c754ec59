/** An attack, and the pair of tests that it makes: a naive NAF falls, ours holds. */
import type { ExecutionContext } from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import type { Resumption } from '../../src/sa/sessions.ts';
import type { SerialTest } from '../support/peers.ts';
import { makeSa, TLS13 } from '../support/tls.ts';
import { startNaive, type NaiveOptions } from './naive.ts';
import { makeCertificate } from './openssl.ts';
import { startOurs } from './ours.ts';
import { openRawLayer, type RawHello, type RawLayer } from './raw-client.ts';
import { smuggle } from './smuggle.ts';
import { pushTo, type Target } from './target.ts';

/** What the attacker works with. The victim's key is for playing the victim, never for the attack. */
export interface Scene {
  readonly target: Target;
  readonly victim: LiveSa;
  /** The attacker's own association with the same NAF. */
  readonly own: LiveSa;
  readonly t: ExecutionContext;
}

export interface Attack {
  /** What the attacker does, and what he gets. */
  readonly title: string;
  /** What it rests on. */
  readonly because: string;
  /** Of both associations; TLS 1.3 unless given. */
  readonly binding?: TlsBinding;
  /** What the naive developer chose beside the defaults. */
  readonly naive?: NaiveOptions;
  /** True when the listener has a certificate; ours gets it behind its back, as it takes none. */
  readonly certified?: boolean;
  /** True when the attacker has got it. */
  readonly succeeds: (scene: Scene) => Promise<boolean>;
}

/**
 * Two tests: the attack succeeds against a naive server and fails against ours. In TLS 1.2 a third one:
 * against ours with sessions of its associations.
 */
export function testAttack(test: SerialTest, attack: Attack): void {
  const { title, because, binding = TLS13, naive = {}, certified = false } = attack;
  test(`${title}: a naive NAF falls`, async (t) => {
    const [victim, own] = [makeSa({ binding }), makeSa({ binding })];
    const tls = { ...naive.tls, ...(certified && makeCertificate(t)) };
    const target = await startNaive(t, [victim, own], { ...naive, tls });
    t.true(await attack.succeeds({ target, victim, own, t }), because);
  });
  for (const resumption of binding.version === '1.2' ? RESUMPTIONS : RESUMPTIONS.slice(0, 1)) {
    const how = resumption === 'off' ? '' : ' with sessions';
    test(`${title}: ours${how} holds`, async (t) => {
      const [victim, own] = [makeSa({ binding }), makeSa({ binding })];
      const start = (): Promise<Target> => startOurs(t, [victim, own], resumption);
      const target = await (certified
        ? smuggle('createServer', makeCertificate(t), start)
        : start());
      t.false(await attack.succeeds({ target, victim, own, t }), because);
    });
  }
}

const RESUMPTIONS: readonly Resumption[] = ['off', 'sa-bound'];

/** What the NAF writes first to whoever says this hello; undefined when it refuses him. */
export async function firstPush({ target }: Scene, hello: RawHello): Promise<string | undefined> {
  const layer = await openRawLayer(target.port, hello);
  const push = await layer?.read();
  layer?.close();
  return push;
}

/** A layer that is the attacker's by right. What the NAF was told before it has been dealt with. */
export async function openOwn({ t, target, own }: Scene): Promise<RawLayer> {
  const identity = pskIdentityOf(own.bTid);
  const layer = await openRawLayer(target.port, { psks: [{ identity, key: own.key }] });
  if (layer === undefined) return t.fail('the NAF refuses a good key');
  t.is(await layer.read(), pushTo(identity));
  return layer;
}
