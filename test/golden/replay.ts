// Replays recorded bytes with this build's decoders and rules. Owns: what is compared and reported of each block.
import { concatBytes, equalBytes, u32be } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { type ModuleDef, moduleAddress, SYSTEM_KIND, systemAddress } from '../../base/moduleDefinition.ts'
import { headerSchema, openBlock, type SealedBlock } from '../../base/protocol/header.ts'
import { selectorOf } from '../../base/selector.ts'
import { buildGenesis } from '../../genesis/build.ts'
import { DEVNET_ASSET_ID } from '../../genesis/devnet.ts'
import { genesisSchema } from '../../genesis/schema.ts'
import type { ChainConfig } from '../../state/chain.ts'
import type { Log } from '../../state/context.ts'
import { callSchema } from '../../state/dispatch.ts'
import { type ExecutedBlock, executeBlock, type ParentView, recomputeBlock } from '../../state/execute.ts'
import { failureReaderOf } from '../../state/failure.ts'
import { erc20Schema } from '../../state/modules/assets/schema.ts'
import { MemoryState } from '../../state/overlay.ts'
import type { Module } from '../../state/rules.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'
import { decodeTransaction, recoverSender } from '../../state/transaction.ts'
import { ADVICE, type Lines } from './files.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Length (u32 big-endian) and bytes, one after the other. */
export function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...frames.flatMap((frame) => [u32be(frame.length), frame]))
}

export function cutFrames(bytes: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const frames: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + view.getUint32(at)
    frames.push(bytes.slice(at + 4, end))
    at = end
  }
  return frames
}

/** The results of a replay, as lines to compare. */
export interface Replayed {
  /** By height: block hash, state root, receipts root, hash of the receipts' bytes, transactions, gas. */
  readonly blocks: Lines
  /** Successes by `module.action`, failures by name. */
  readonly actions: { readonly [name: string]: number }
  readonly failures: { readonly [name: string]: number }
  /** Logs of transactions and of the modules' hooks, by `module.event`. */
  readonly events: { readonly [name: string]: number }
}

function blockLine({ block, receiptBytes }: ExecutedBlock): string {
  const { stateRoot, receiptsRoot, gasUsed } = block.header
  const receipts = sha256(concatBytes(...receiptBytes))
  return [
    `hash ${hex(block.hash)}`,
    `state ${hex(stateRoot)}`,
    `receipts ${hex(receiptsRoot)} ${hex(receipts)}`,
    `${block.transactions.length} transactions`,
    `gas ${gasUsed}`,
  ].join(', ')
}

/** Everything that accepts calldata here: the modules and the token. */
const TARGETS: readonly (readonly [Uint8Array, ModuleDef])[] = [
  ...MODULE_SCHEMAS.map((definition) => [moduleAddress(definition), definition] as const),
  [systemAddress(SYSTEM_KIND.asset, DEVNET_ASSET_ID), erc20Schema],
]

export function actionOf(to: Uint8Array, data: Uint8Array): string {
  const definition = TARGETS.find(([address]) => equalBytes(address, to))?.[1]
  if (definition === undefined) return 'transfer'
  const called = Object.entries(definition.actions).find(([name, { args }]) =>
    equalBytes(selectorOf(name, args), data.subarray(0, 4)),
  )
  return `${definition.name}.${called?.[0] ?? 'unknown'}`
}

const failures = failureReaderOf([...MODULE_SCHEMAS, callSchema, erc20Schema])

/** A failure's name with those nested in it: `BatchFailed BelowMinimum`. */
function failureName(reason: Uint8Array): string {
  return (failures.describe(reason).match(/\w+(?=\()/g) ?? ['unnamed']).join(' ')
}

const events = new Map(
  [...MODULE_SCHEMAS, callSchema, erc20Schema].flatMap((definition) =>
    Object.entries(definition.events).map(([name, fields]) => [
      hex(selectorOf(name, fields)),
      `${definition.name}.${name}`,
    ]),
  ),
)

/** The first topic of an event starts with its signature's hash, like a selector. */
function eventName({ topics }: Log): string {
  return events.get(hex(topics[0]!.subarray(0, 4))) ?? 'unknown'
}

class Tally {
  readonly #counts = new Map<string, number>()

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  /** By name, ascending. */
  counts(): { readonly [name: string]: number } {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** Every header field that this build computes differently: one alone (the state root) says little. */
function headerDifferences(chain: ChainConfig, parent: ParentView, block: SealedBlock): string {
  const computed = recomputeBlock(parent, block, { chain, senderOf: recoverSender })
  if ('rejected' in computed) return computed.rejected.detail
  const [recorded, now] = [headerSchema.toJson(block.header), headerSchema.toJson(computed.header)] as [
    { readonly [name: string]: Json },
    { readonly [name: string]: Json },
  ]
  computed.executed.tree.release()
  return Object.keys(now)
    .filter((name) => JSON.stringify(now[name]) !== JSON.stringify(recorded[name]))
    .map(
      (name) => `${name}: golden ${JSON.stringify(recorded[name])}, this build ${JSON.stringify(now[name])}`,
    )
    .join('\n  ')
}

/** Decodes and executes one block; throws with its height and the reason when this build rejects it. */
function executeRecorded(chain: ChainConfig, parent: ParentView, bytes: Uint8Array): ExecutedBlock {
  const fails = `the recorded block ${parent.header.height + 1} is not valid in this build`
  let block: SealedBlock
  let verdict: ReturnType<typeof executeBlock>
  try {
    block = openBlock(bytes)
    verdict = executeBlock(parent, block, { chain, senderOf: recoverSender })
  } catch (error) {
    throw new Error(`${fails}: ${errorText(error)}\n  ${ADVICE}`, { cause: error })
  }
  if ('executed' in verdict) return verdict.executed
  const { code, detail } = verdict.rejected
  const what = code === 'WrongResult' ? headerDifferences(chain, parent, block) : detail
  throw new Error(`${fails}: ${code}\n  ${what}\n  ${ADVICE}`)
}

/**
 * Executes the chain from genesis; throws at the first block that this build does not accept, naming height and field.
 * `modules`: those of another build.
 */
export function replay(frames: readonly Uint8Array[], modules?: readonly Module[]): Replayed {
  const [document, ...blocks] = frames
  const genesis = buildGenesis(genesisSchema.decode(document!))
  const chain: ChainConfig = modules === undefined ? genesis.chain : { ...genesis.chain, modules }
  const state = new MemoryState()
  state.apply(genesis.changes)
  const { header, hash } = genesis.block
  let parent: ParentView = { header, hash, state, tree: genesis.tree }
  const lines: Record<string, string> = { genesis: `hash ${hex(genesis.hash)}, block 0 ${hex(hash)}` }
  const [actions, failed, logged] = [new Tally(), new Tally(), new Tally()]
  if (!equalBytes(openBlock(blocks[0]!).header.parentHash, hash))
    throw new Error(`this build makes another block 0 of the recorded genesis: ${hex(hash)}\n  ${ADVICE}`)
  for (const bytes of blocks) {
    const executed = executeRecorded(chain, parent, bytes)
    const { block, overlay, tree, receipts, systemLogs } = executed
    lines[block.header.height] = blockLine(executed)
    receipts.forEach((receipt, i) => {
      const decoded = decodeTransaction(block.transactions[i]!, chain.chainId)
      if ('failure' in decoded) throw new Error(decoded.failure.message)
      const { to, data } = decoded.transaction
      if (receipt.succeeded) actions.add(actionOf(to, data))
      else failed.add(`${actionOf(to, data)}: ${failureName(receipt.failure)}`)
    })
    for (const log of [...receipts.flatMap(({ logs }) => logs), ...systemLogs]) logged.add(eventName(log))
    state.apply(overlay.changes())
    parent.tree.release()
    parent = { header: block.header, hash: block.hash, state, tree }
  }
  const counted = { actions: actions.counts(), failures: failed.counts(), events: logged.counts() }
  return { blocks: lines, ...counted }
}
