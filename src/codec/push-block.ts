/** A push in blocks: `PUT /push/<id>` with Block1, and what its UE says to each (RFC 7959 2.3, 2.5; docs/wire.md). */
import { EMPTY } from '../lib/bytes.ts';
import { blockOption, readBlock, type Block } from './block.ts';
import { CODE, type CoapMessage } from './coap.ts';
import { OPTION, uintOption, type CoapOption } from './coap-option.ts';
import { findOption, findUint } from './option-values.ts';
import { bare, pushAnswer, type CoapBody, type PushAnswer, type PushMessage } from './push.ts';
import { pushOptionList } from './push-options.ts';

/** What one message of a push in blocks says of it. */
export interface PushBlock {
  readonly block: Block;
  /** The same in all blocks of one body, 0 to 8 octets (RFC 9175 3); empty when it says none. */
  readonly tag: Uint8Array;
  /** Octets of the whole body, when it says so. */
  readonly size: number | undefined;
}

/** `payload` is that of the block; `ttlSeconds` the same in all blocks. */
export function pushBlockRequest(
  push: PushMessage,
  ttlSeconds: number,
  { block, tag }: Pick<PushBlock, 'block' | 'tag'>,
  payload: Uint8Array,
): CoapBody {
  const size = uintOption(OPTION.SIZE1, push.payload.length);
  return {
    code: CODE.PUT,
    options: [
      ...pushOptionList(push, ttlSeconds),
      blockOption(OPTION.BLOCK1, block),
      ...(block.number === 0 ? [size] : []),
      { number: OPTION.REQUEST_TAG, value: tag },
    ],
    payload,
  };
}

/** Undefined for a message with the whole body. @throws CodecError ERR_COAP_MALFORMED. */
export function readPushBlock({ options }: CoapMessage): PushBlock | undefined {
  const block = findBlock1(options);
  if (block === undefined) return undefined;
  const tag = findOption(options, OPTION.REQUEST_TAG)?.value ?? EMPTY;
  return {
    block,
    tag: tag.length > LONGEST_TAG ? EMPTY : tag,
    size: findUint(options, OPTION.SIZE1),
  };
}

/** To the last block, or one that ends it all: what the push comes to. */
export function pushBlockAnswer(answer: PushAnswer, block: Block): CoapBody {
  const { code, options, payload } = pushAnswer(answer);
  return { code, options: [...(options as readonly CoapOption[]), echo(block)], payload };
}

/** 2.31: the next block, please. */
export function proceed(block: Block): CoapBody {
  return { ...bare(CODE.CONTINUE), options: [echo(block)] };
}

/** 4.08: this block does not follow the one before; the sender begins again. */
export function incomplete(block: Block): CoapBody {
  return { ...bare(CODE.REQUEST_ENTITY_INCOMPLETE), options: [echo(block)] };
}

/** 4.13: no body may be longer than `most` octets. */
export function tooLarge(block: Block, most: number): CoapBody {
  const options = [echo(block), uintOption(OPTION.SIZE1, most)];
  return { ...bare(CODE.REQUEST_ENTITY_TOO_LARGE), options };
}

/** What the options of an answer say of blocks: the size that its sender wants, and the longest body that it takes. */
export function readBlockAnswer(options: CoapMessage['options']): {
  readonly block: Block | undefined;
  readonly most: number | undefined;
} {
  return { block: findBlock1(options), most: findUint(options, OPTION.SIZE1) };
}

function findBlock1(options: CoapMessage['options']): Block | undefined {
  const option = findOption(options, OPTION.BLOCK1);
  return option && readBlock(option);
}

function echo(block: Block): CoapOption {
  return blockOption(OPTION.BLOCK1, block);
}

/** A longer one says nothing: it is elective (RFC 7252 5.4.3). */
const LONGEST_TAG = 8;
