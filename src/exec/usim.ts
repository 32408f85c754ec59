/** A USIM behind a program: a card in a reader, a modem, another simulator. */
import { z } from 'zod';
import { deriveKsNaf, ksOf } from '../aka/kdf.ts';
import { AkaError, ExecError, SyncFailure } from '../errors.ts';
import { impiFromImsi, parseImsi, type Impi, type Imsi, type NafId } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { NafKeySource, Usim } from '../ports.ts';
import { askProgram, hexMember, requestOf, type ProgramOptions } from './program.ts';

const identity = z.object({
  imsi: z.string().regex(/^\d{6,15}$/, 'expected 6 to 15 digits'),
  mncDigits: z.literal([2, 3]).default(2),
  gbaU: z.boolean().default(false),
});

const refusal = { auts: hexMember(14).optional(), error: z.string().optional() };
const onMe = z.object({
  ...refusal,
  res: hexMember(4, 8, 16).optional(),
  ck: hexMember(16).optional(),
  ik: hexMember(16).optional(),
});
const onCard = z.object({ ...refusal, res: hexMember(4, 8, 16).optional() });
const derived = z.object({ ksExtNaf: hexMember(32) });

/**
 * Asks the program who it is, then hands it every challenge. Its requests and answers, octets in hex:
 * `{"op":"identify"}` - `{"imsi","mncDigits"?,"gbaU"?}`;
 * `{"op":"authenticate","context":"GBA_ME","rand","autn"}` - `{"ck","ik","res"?}`, `{"auts"}` or `{"error":"mac"}`;
 * the same with `GBA_U` and AUTN* - `{"res"?}`, `{"auts"}` or `{"error":"mac"}`, after which
 * `{"op":"derive","rand","impi","nafId"}` - `{"ksExtNaf"}`.
 * The card keeps SQN: nothing is stored here. @throws ExecError.
 */
export async function openExecUsim(
  options: ProgramOptions,
): Promise<Usim & { readonly imsi: Imsi }> {
  const { imsi: text, mncDigits, gbaU } = await askProgram({ op: 'identify' }, identity, options);
  const imsi = parseImsi(text);
  const impi = impiFromImsi(imsi, mncDigits);
  return {
    imsi,
    impi,
    uiccType: gbaU ? 'GBA_U' : 'GBA_ME',
    async authenticate(rand, autn, type = 'GBA_ME') {
      const request = requestOf({ op: 'authenticate', context: type, rand, autn });
      if (type === 'GBA_U') {
        const answer = await askProgram(request, onCard, options);
        throwRefusal(answer);
        return cardKeys({ rand: Uint8Array.from(rand), res: answer.res, impi }, options);
      }
      const answer = await askProgram(request, onMe, options);
      throwRefusal(answer);
      const { ck, ik, res } = answer;
      if (!ck || !ik)
        throw new ExecError('ERR_EXEC_FAILED', 'the SIM program gave neither CK and IK nor AUTS');
      const ks = ksOf(ck, ik);
      wipe(ck, ik);
      return meKeys(ks, { rand: Uint8Array.from(rand), res, impi });
    },
  };
}

function throwRefusal({ auts, error }: Pick<z.output<typeof onCard>, 'auts' | 'error'>): void {
  if (auts !== undefined) throw new SyncFailure(auts);
  if (error === 'mac') {
    throw new AkaError(
      'ERR_AKA_MAC_FAILURE',
      'the challenge is not from the network of this SIM: compare K and OPc at both ends',
    );
  }
  if (error !== undefined)
    throw new ExecError('ERR_EXEC_FAILED', 'the SIM program answered with an error');
}

/** What a run is known by, and what it gave for Ub if the program gives that. */
interface Run {
  readonly rand: Uint8Array;
  readonly res: Uint8Array | undefined;
  readonly impi: Impi;
}

/** It owns `ks` and RES. */
function meKeys(ks: Uint8Array, { rand, res, impi }: Run): NafKeySource {
  return {
    res,
    derive: (nafId) => Promise.resolve(deriveKsNaf({ ks, rand, impi, nafId })),
    wipe() {
      wipe(ks, ...(res ? [res] : []));
    },
  };
}

/** Ks stays on the card, which knows it by RAND. */
function cardKeys({ rand, res, impi }: Run, options: ProgramOptions): NafKeySource {
  return {
    res,
    async derive(nafId: NafId) {
      const request = requestOf({ op: 'derive', rand, impi, nafId });
      return (await askProgram(request, derived, options)).ksExtNaf;
    },
    wipe() {
      wipe(rand, ...(res ? [res] : []));
    },
  };
}
