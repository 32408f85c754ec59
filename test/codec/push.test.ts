import test from 'ava';
import fc from 'fast-check';
import { CodecError } from '../../src/errors.ts';
import { CODE, NO_OPTIONS, OPTION, pathOptions, queryOption, uintOption } from '../../src/codec/coap.ts';
import type { CoapMessage, CoapOption } from '../../src/codec/coap.ts';
import { decodeOne } from '../support/coap.ts';
import {
  bare,
  FORGET,
  isForget,
  isPush,
  parsePushAnswer,
  parsePushRequest,
  parseRegistration,
  pushAnswer,
  pushRequest,
  registration,
  URGENCIES,
  type CoapBody,
  type PushAnswer,
  type PushMessage,
} from '../../src/codec/push.ts';
import { parsePushId } from '../../src/ids.ts';
import { EMPTY, utf8Bytes } from '../../src/lib/bytes.ts';
