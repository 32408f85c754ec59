/** Normal GBA becomes an association: the key of one NAF out of a run over Ub (TS 33.220 4.5.2, 4.5.3). */
import type { Endpoint } from '../codec/address.ts';
import {
  nafIdOf,
  PSK_NAMESPACE,
  PSK_NAMESPACE_UICC,
  pskIdentityOf,
  uaIdOf,
  type BTid,
  type Fqdn,
  type NafId,
  type PskIdentity,
} from '../ids.ts';
import { ExecError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { TlsBinding, TlsPolicy } from '../lib/suites.ts';
import type { Turns } from '../lib/turns.ts';
import { systemLookup } from '../net/network.ts';
import type { NafKeySource, Usim } from '../ports.ts';
import { announce, type Announced, type LiveSa } from '../sa/association.ts';
import type { AutsAnswers } from './auts-answers.ts';
import { resolveConnect, type ConnectPolicy } from './connect-policy.ts';
import { bootstrapOverUb } from './ub-client.ts';

/** Where a UE bootstraps, and for which NAF. */
export interface BootstrapTarget {
  /** Where the BSF answers, `http://host:port`: see `parseBsfUrl`. */
  readonly bsf: URL;
  /** Its name when it is not the one that TS 23.003 16.2 gives for the IMPI. */
  readonly bsfFqdn?: Fqdn;
  readonly nafFqdn: Fqdn;
  /** Where the NAF takes layers; absent: its own address, port 5684. The connect policy must allow either. */
  readonly connect?: Endpoint;
  /** What the key is for. Default: the first TLS version of the UE, in 1.2 with the first suite of its policy. */
  readonly binding?: TlsBinding;
  /** How long a run may take, ms. Default 10,000. */
  readonly timeoutMs?: number;
}

/** The UE that bootstraps. */
export interface Bootstrapper {
  readonly usim: Usim;
  /** Of those that use the SIM: a card keeps the Ks of its last run alone. */
  readonly turns: Turns;
  readonly clock: Clock;
  readonly policy: TlsPolicy;
  readonly connectPolicy: ConnectPolicy;
  /** `internal`: in GBA_U it proves itself by Ks_int_NAF. */
  readonly pskKey: 'external' | 'internal';
  /** What a challenge with an SQN out of step gets; nothing when absent. */
  readonly auts: AutsAnswers | undefined;
}

/** A key that the BSF knows too. The caller owns it. */
export interface BegunSa {
  readonly sa: Announced;
  /** Allowed addresses to dial now, in order. */
  readonly connect: readonly Endpoint[];
}

/**
 * Runs Ub, unless the connect policy forbids the NAF's address anyway. Ks is wiped before the BSF has even
 * proved itself. @throws GbaError ERR_GPI_POLICY, ERR_UPA_ADDRESS; what `bootstrapOverUb` throws.
 */
export async function beginSa(
  { bsf, bsfFqdn, nafFqdn, connect, timeoutMs, ...target }: BootstrapTarget,
  { usim, turns, clock, policy, connectPolicy, pskKey, auts }: Bootstrapper,
  signal: AbortSignal,
): Promise<BegunSa> {
  const binding = target.binding ?? { version: '1.3' };
  const judged = await resolveConnect(connectPolicy, nafFqdn, connect, systemLookup);
  const nafId = nafIdOf(nafFqdn, uaIdOf(binding));
  const { bTid, expiresAt, keys } = await bootstrapOverUb({
    bsf,
    fqdn: bsfFqdn,
    usim: forOneNaf(usim, { nafId, pskKey, turns, signal }),
    clock,
    signal,
    firstAuts: auts && ((rand, given) => auts.first(rand, given)),
    maxLifetimeSeconds: policy.keyLifetime.maxSeconds,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  try {
    const identity = identityOf(bTid, pskKey, usim);
    const dial = { identity, ...(connect && { connect }) };
    const terms = { bTid, impi: usim.impi, nafFqdn, binding, expiresAt, dial };
    return { sa: announce(terms, await keys.derive(nafId)), connect: judged };
  } finally {
    keys.wipe();
  }
}

/** Whether such an association would be made for that target; a wake may have moved it since. */
export function isOfTarget(
  { bTid, pTid, nafFqdn, dial, wake, ...sa }: LiveSa,
  target: BootstrapTarget,
  { pskKey, usim }: Pick<Bootstrapper, 'pskKey' | 'usim'>,
): boolean {
  if (pTid !== undefined || nafFqdn !== target.nafFqdn) return false;
  const { binding = { version: '1.3' }, connect } = target;
  const moved = wake !== undefined && wake.counter > 0;
  const there = dial?.connect?.host === connect?.host && dial?.connect?.port === connect?.port;
  return (
    uaIdOf(sa.binding) === uaIdOf(binding) &&
    dial?.identity === identityOf(bTid, pskKey, usim) &&
    (there || moved)
  );
}

function identityOf(bTid: BTid, pskKey: Bootstrapper['pskKey'], usim: Usim): PskIdentity {
  return pskIdentityOf(bTid, isInternal(pskKey, usim) ? PSK_NAMESPACE_UICC : PSK_NAMESPACE);
}

function isInternal(pskKey: Bootstrapper['pskKey'], { uiccType }: Usim): boolean {
  return pskKey === 'internal' && uiccType === 'GBA_U';
}

interface OneNaf extends Pick<Bootstrapper, 'pskKey' | 'turns'> {
  readonly nafId: NafId;
  readonly signal: AbortSignal;
}

/** The SIM, which gives RES and the key of one NAF in one turn; Ks is gone with the turn. */
function forOneNaf(usim: Usim, { nafId, pskKey, turns, signal }: OneNaf): Usim {
  return {
    impi: usim.impi,
    uiccType: usim.uiccType,
    async authenticate(rand, autn, type) {
      const endTurn = await turns.take(signal);
      try {
        const keys = await usim.authenticate(rand, autn, type);
        try {
          const internal = isInternal(pskKey, usim);
          const key = await (internal ? keys.deriveInternal?.(nafId) : keys.derive(nafId));
          if (key === undefined) {
            throw new ExecError('ERR_EXEC_FAILED', 'this SIM keeps Ks_int_NAF to itself');
          }
          return oneKey(key, keys.res?.slice());
        } finally {
          keys.wipe();
        }
      } finally {
        endTurn();
      }
    },
  };
}

/** It owns both. */
function oneKey(key: Uint8Array, res: Uint8Array | undefined): NafKeySource {
  return {
    res,
    derive: () => Promise.resolve(key.slice()),
    wipe() {
      wipe(key, ...(res ? [res] : []));
    },
  };
}
