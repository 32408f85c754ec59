/** Vectors out of a program: a lab's own HSS, an authentication centre, osmo-auc-gen. */
import { z } from 'zod';
import { AkaError, BsfError, ExecError } from '../errors.ts';
import type { Impi } from '../ids.ts';
import type { Hss } from '../ports.ts';
import { askProgram, hexMember, requestOf, type ProgramOptions } from './program.ts';

const refusal = z.object({ error: z.string() });
const vector = z.object({
  rand: hexMember(16),
  autn: hexMember(16),
  xres: hexMember(4, 8, 16).optional(),
  ck: hexMember(16),
  ik: hexMember(16),
  uiccType: z.enum(['GBA_ME', 'GBA_U']).optional(),
});

/** A refusal, or a vector whose faults are named member by member. */
const vectorOrRefusal = z.unknown().transform((json, context) => {
  const refused = refusal.safeParse(json);
  if (refused.success) return refused.data;
  const { data, error } = vector.safeParse(json);
  if (data !== undefined) return data;
  for (const { path, message } of error.issues) {
    context.addIssue({ code: 'custom', path: [...path], message });
  }
  return z.NEVER;
});

/**
 * Its requests and answers, octets in hex: `{"op":"vector","impi","use":"push"|"ub"}` -
 * `{"rand","autn","ck","ik","xres"?,"uiccType"?}`, `xres` demanded for `ub`; `{"op":"resynchronise","impi","rand","auts"}` - `{}`.
 * Either may be answered `{"error":"unknown"}` for a subscriber that it does not know, the second
 * `{"error":"mac"}` for an AUTS that is not the SIM's. The program keeps SQN.
 */
export function createExecHss(options: ProgramOptions): Hss {
  return {
    async vector(impi, use) {
      const request = requestOf({ op: 'vector', impi, use });
      const answer = await askProgram(request, vectorOrRefusal, options);
      if ('error' in answer) throw refused(answer.error, impi);
      if (answer.xres === undefined && use === 'ub') {
        throw new ExecError(
          'ERR_EXEC_FAILED',
          'the vector program gave no xres, which Ub compares',
        );
      }
      return { ...answer, xres: answer.xres ?? new Uint8Array(8) };
    },
    async resynchronise(impi, rand, auts) {
      const request = requestOf({ op: 'resynchronise', impi, rand, auts });
      const answer = await askProgram(request, refusal.partial(), options);
      if (answer.error !== undefined) throw refused(answer.error, impi);
    },
  };
}

function refused(error: string, impi: Impi): AkaError | BsfError | ExecError {
  if (error === 'mac') return new AkaError('ERR_AKA_MAC_FAILURE', 'AUTS is not from this SIM');
  if (error === 'unknown') {
    const reason = `the vector program does not know ${impi}`;
    return new BsfError('ERR_BSF_UNKNOWN_SUBSCRIBER', reason);
  }
  return new ExecError('ERR_EXEC_FAILED', 'the vector program answered with an error');
}
