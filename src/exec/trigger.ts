/** Triggers handed to a program: an SMS centre, a modem, a queue. */
import { z } from 'zod';
import { encodePushSms } from '../codec/sms-push.ts';
import { ExecError } from '../errors.ts';
import type { Impi, Msisdn } from '../ids.ts';
import { publish } from '../lib/events.ts';
import type { TriggerSender } from '../ports.ts';
import { askProgram, hexMember, requestOf, type ProgramOptions } from './program.ts';

/** The program that carries triggers, and what it is told. */
export interface ExecTriggerOptions extends ProgramOptions {
  /** The number of a subscriber: with it the program also gets the trigger as short messages. */
  readonly msisdn?: (impi: Impi) => Msisdn | undefined;
}

const answer = z.object({ auts: hexMember(33).optional() });

/**
 * Runs the program once for each trigger: `{"op":"trigger","impi","envelope","sms"?}`, `sms` a list of
 * `{"pdu","length"}` as `AT+CMGS` takes them. It answers `{}`, or `{"auts"}` with the AUTS message
 * that the UE gave. What fails is the event `gba:trigger:failed`, and `send` rejects with the ExecError.
 */
export function createExecTriggerSender({ msisdn, ...program }: ExecTriggerOptions): TriggerSender {
  const running = new Set<Promise<number>>();
  const stop = new AbortController();
  const to = `exec:${program.command[0] ?? ''}`;
  let reference = Math.floor(Math.random() * 256);

  const sendOnce: TriggerSender['send'] = async ({ impi, envelope, onAnswer }, signal) => {
    const number = msisdn?.(impi);
    reference = (reference + 1) % 256;
    const request = {
      ...requestOf({ op: 'trigger', impi, envelope }),
      ...(number !== undefined && {
        sms: encodePushSms(envelope, { to: number, reference }),
      }),
    };
    try {
      const either = AbortSignal.any([signal, stop.signal]);
      const { auts } = await askProgram(request, answer, program, either);
      publish('gba:trigger:sent', { to, octets: envelope.length, attempt: 1 });
      if (auts !== undefined) onAnswer?.(auts);
    } catch (error) {
      if (!(error instanceof ExecError)) return 0;
      publish('gba:trigger:failed', { to, reason: error.message });
      throw error;
    }
    return 1;
  };

  return {
    bySubscriber: true,
    async send(trigger, signal) {
      if (signal.aborted || stop.signal.aborted) return 0;
      const sending = sendOnce(trigger, signal);
      running.add(sending);
      try {
        return await sending;
      } finally {
        running.delete(sending);
      }
    },
    async close() {
      stop.abort();
      await Promise.allSettled(running);
    },
  };
}
