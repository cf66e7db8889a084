// chain_proposers: who proposed the last blocks, and whose views ended without one. Owns: counting. Not: whose turn a view is
// (base/protocol/vote.ts).
import { bytesKey, toHex } from '../../base/bytes.ts'
import type { JsonSchema } from '../../base/field.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { Header } from '../../base/protocol/header.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import { leaderPermutation } from '../../base/protocol/vote.ts'
import type { Backend } from '../backend.ts'
import { RPC_CODE, RpcError } from '../errors.ts'
import { mustFindBlock } from '../eth/resolve.ts'
import { defineMethod, type Method } from '../method.ts'
import { ADDRESS_SCHEMA, invalidWhen, p, withDefault } from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'

const BLOCKS_MAX = 1_000
const BLOCKS_DEFAULT = 256
/** Views between two blocks that are told apart; beyond, the chain stood still. */
const SKIPPED_MAX = 4_096

const INTEGER: JsonSchema = { type: 'integer', minimum: 0 }

interface Count {
  proposed: number
  missed: number
}

/** Whose turn each view of an epoch is. */
interface Turns {
  readonly set: ValidatorSet
  /** Undefined where the block before the epoch is not held. */
  readonly order: readonly number[] | undefined
}

class Counting {
  readonly counts = new Map<string, Count>()
  views = 0
  skipped = 0

  #of(operator: Uint8Array): Count {
    const key = bytesKey(operator)
    const count = this.counts.get(key) ?? { proposed: 0, missed: 0 }
    this.counts.set(key, count)
    return count
  }

  add(header: Header, before: number, { set, order }: Turns): void {
    this.#of(header.proposer).proposed++
    this.views++
    const first = Math.max(before + 1, header.view - SKIPPED_MAX)
    for (let view = first; view < header.view; view++) {
      this.views++
      this.skipped++
      const leader = order === undefined ? undefined : set.validators[order[view % order.length]!]
      if (leader !== undefined) this.#of(leader.operator).missed++
    }
  }
}

class Proposers {
  readonly #backend: Backend
  readonly #turns = new Map<number, Turns | undefined>()

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** The set and order of a block's epoch; undefined when the set is not held any more. */
  async #turnsOf({ epoch, height }: Header): Promise<Turns | undefined> {
    if (this.#turns.has(epoch)) return this.#turns.get(epoch)
    const set = await this.#backend.validatorsAt(height)
    const turns = set === undefined ? undefined : { set, order: await this.#orderOf(epoch, set) }
    this.#turns.set(epoch, turns)
    return turns
  }

  async #orderOf(epoch: number, set: ValidatorSet): Promise<readonly number[] | undefined> {
    const { genesisHash } = this.#backend.identity
    const floorMix = await this.#floorMixOf(epoch)
    if (floorMix === undefined || set.validators.length === 0) return undefined
    return leaderPermutation({ genesisHash, epoch, floorMix, validatorCount: set.validators.length })
  }

  /** Of the block that the epoch begins on. */
  async #floorMixOf(epoch: number): Promise<Hash32 | undefined> {
    const genesis = await this.#backend.blockByHeight(0)
    if (genesis !== undefined && epoch === genesis.header.epoch) return genesis.header.mix
    return (await this.#backend.epochProof(epoch - 1))?.header.mix
  }

  /** Newest first, down to `fromHeight` or to what is held. */
  async count(
    last: Header,
    fromHeight: number,
  ): Promise<{ readonly counting: Counting; readonly from: number }> {
    const counting = new Counting()
    const slice = new TimeSlice()
    let header = last
    for (;;) {
      if (!(await slice.next()))
        throw new RpcError(RPC_CODE.limit, 'this takes too long: ask for fewer blocks')
      const turns = await this.#turnsOf(header)
      if (turns === undefined) return { counting, from: header.height + 1 }
      const parent = (await this.#backend.blockByHeight(header.height - 1))?.header
      const isFirst = header.height === fromHeight || parent === undefined
      const before = parent === undefined ? header.view - 1 : parent.epoch === header.epoch ? parent.view : 0
      counting.add(header, before, turns)
      if (isFirst) return { counting, from: header.height }
      header = parent
    }
  }
}

const VALIDATOR: JsonSchema = {
  type: 'object',
  properties: {
    index: INTEGER,
    provider: INTEGER,
    operator: ADDRESS_SCHEMA,
    proposed: INTEGER,
    missed: INTEGER,
  },
  required: ['index', 'provider', 'operator', 'proposed', 'missed'],
}

export function proposerMethods(backend: Backend): readonly Method[] {
  const blocks = invalidWhen(p.count, (count) =>
    count >= 1 && count <= BLOCKS_MAX ? undefined : `expected 1 to ${BLOCKS_MAX}`,
  )
  return [
    defineMethod({
      name: 'chain_proposers',
      doc: 'Returns, for each validator of a block, how many of the last blocks up to it it proposed, and how many of its views ended without one.',
      cost: 1_000,
      params: { toBlock: p.atBlock, blocks: withDefault(blocks, BLOCKS_DEFAULT) },
      returns: {
        type: 'object',
        properties: {
          fromHeight: INTEGER,
          height: INTEGER,
          views: INTEGER,
          skipped: INTEGER,
          validators: { type: 'array', items: VALIDATOR },
        },
        required: ['fromHeight', 'height', 'views', 'skipped', 'validators'],
      },
      run: async ({ toBlock, blocks: count }) => {
        const { header } = await mustFindBlock(backend, toBlock)
        const { height } = header
        const set = await backend.validatorsAt(height)
        if (set === undefined)
          throw new RpcError(RPC_CODE.refused, `the validator set of block ${height} is not held`)
        const oldest = Math.max(1, backend.blockHeightMin(), height - count + 1)
        const { counting, from } =
          height === 0
            ? { counting: new Counting(), from: 0 }
            : await new Proposers(backend).count(header, Math.min(oldest, height))
        return {
          fromHeight: from,
          height,
          views: counting.views,
          skipped: counting.skipped,
          validators: set.validators.map(({ id, operator }, index) => ({
            index,
            provider: id,
            operator: toHex(operator),
            ...(counting.counts.get(bytesKey(operator)) ?? { proposed: 0, missed: 0 }),
          })),
        }
      },
    }),
  ]
}
