// `suanli verify …`: the light client on the command line. Owns: options and output. Not: the checks
// (client/, base/protocol), the source of trust (verifyTrust.ts).
import { type Command, InvalidArgumentError, Option } from 'commander'
import { checksumAddress, parseChecksumAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import { type Address, type Hash32, parseHash32, type TxId } from '../../base/ids.ts'
import { formatBoundaryCheckpoint } from '../../base/protocol/checkpoint.ts'
import { type Reserve, reserveSchema } from '../../base/protocol/header.ts'
import { formatCoins } from '../../base/units.ts'
import { conflictJson } from '../../client/conflict.ts'
import { checkFailed, LightClientError } from '../../client/errors.ts'
import type { LightClient, Progress, ProvenBlock } from '../../client/lightClient.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { failureWords } from '../../rpc/failures.ts'
import { MODULES } from '../../state/registry.ts'
import { RPC_VARIABLE } from '../chain/send.ts'
import { print, printJson, wholeNumber } from '../common.ts'
import { openClient, saveClient, type TrustOptions } from './verifyTrust.ts'

interface VerifyOptions extends TrustOptions {
  readonly maxAge?: number
  readonly json: boolean
}

/** One line of the report: a label and the proven value. */
type Line = readonly [name: string, text: string]

const addressArgument = (text: string): Address => {
  const address = parseChecksumAddress(text)
  if (address === undefined) throw new InvalidArgumentError('expected an address, 20 bytes as 0x hex')
  return address
}

const hashArgument = (text: string): Hash32 => {
  const hash = parseHash32(text)
  if (hash === undefined) throw new InvalidArgumentError('expected 32 bytes as 0x hex')
  return hash
}

const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
]

function withTrust(command: Command): Command {
  return command
    .addOption(
      new Option('--rpc <url>', 'JSON-RPC of a node; repeat it to compare other nodes with the first')
        .env(RPC_VARIABLE)
        .argParser(collect)
        .default(undefined, `http://127.0.0.1:${DEFAULT_CONFIG.rpcPort}`),
    )
    .option('-g, --genesis <file>', 'trust this genesis document')
    .addOption(
      new Option('--genesis-hash <hash>', 'trust the genesis document with this hash').argParser(
        hashArgument,
      ),
    )
    .option('--checkpoint <text>', 'trust this validator set change, as printed by an earlier run')
    .option('--state <file>', "continue from an earlier run's proof, and store this run's")
    .addOption(
      new Option('--recovery <file>', 'a recovery file whose hash you compared with the published one')
        .argParser(collect)
        .default(undefined, 'none'),
    )
    .addOption(
      new Option('--max-age <seconds>', 'fail when the newest block is older').argParser(
        wholeNumber(1, 1_000_000_000),
      ),
    )
    .option('--json', 'print JSON', false)
}

function ageText(ageMs: number): string {
  const seconds = Math.round(Math.abs(ageMs) / 1000)
  return ageMs < 0 ? `${seconds} s ahead of this clock` : `${seconds} s ago`
}

function blockLines({ header, hash, ageMs, signers, validatorCount }: ProvenBlock): readonly Line[] {
  return [
    ['Block', `${header.height}, epoch ${header.epoch}, ${hash}`],
    ['Time', `${new Date(header.timestampMs).toISOString()} (${ageText(ageMs)})`],
    ['Signed by', `validators ${signers.join(', ')} (${signers.length} of ${validatorCount})`],
  ]
}

function blockJson({ header, hash, ageMs, signers, validatorCount }: ProvenBlock) {
  const { height, epoch, timestampMs } = header
  return { height, epoch, hash, timestampMs, ageMs, signers, validatorCount }
}

function checkpointText(client: LightClient): string | undefined {
  const checkpoint = client.checkpoint()
  return checkpoint === undefined ? undefined : formatBoundaryCheckpoint(checkpoint)
}

function trustLines(from: string, client: LightClient, { changes, witnesses }: Progress): readonly Line[] {
  const checkpoint = checkpointText(client)
  return [
    ['Proven', `${from}, over ${changes} ${changes === 1 ? 'change' : 'changes'} of the validator set`],
    ...witnesses.map((witness): Line => {
      const text = witness.verdict === 'agrees' ? `agrees at block ${witness.height}` : 'cannot be compared'
      const reason = witness.verdict === 'unusable' ? `: ${witness.reason}` : ''
      return ['Compared', `${witness.provider} ${text}${reason}`]
    }),
    ...(checkpoint === undefined ? [] : [['Checkpoint', checkpoint] as const]),
  ]
}

interface Report {
  readonly lines: readonly Line[]
  readonly json: object
  /** The block the answer refers to. */
  readonly block: ProvenBlock
}

/** Follows the chain, queries, prints what was proven; throws LightClientError naming the check that failed. */
async function verify(
  options: VerifyOptions,
  ask: (client: LightClient, progress: Progress) => Promise<Report>,
): Promise<void> {
  const { client, from } = await openClient(options)
  try {
    const progress = await client.sync()
    const { lines, json, block } = await ask(client, progress)
    await saveClient(options, client)
    const { maxAge } = options
    const newest = block.ageMs < progress.tip.ageMs ? block : progress.tip
    if (maxAge !== undefined && newest.ageMs > maxAge * 1000) {
      const reason = `the newest block is ${Math.round(newest.ageMs / 1000)} s old, at most ${maxAge} s are allowed`
      throw checkFailed({ check: 'age', reason })
    }
    if (options.json) {
      const { changes, witnesses } = progress
      const checkpoint = checkpointText(client) ?? null
      printJson({ ...json, block: blockJson(block), trusted: from, changes, witnesses, checkpoint })
      return
    }
    for (const [name, text] of [...lines, ...blockLines(block), ...trustLines(from, client, progress)]) {
      print(`${name.padEnd(11)}${text}`)
    }
  } catch (error) {
    if (error instanceof LightClientError && error.conflict !== undefined) {
      // Print the evidence although the command fails: it convicts.
      printJson(conflictJson(error.conflict))
    }
    throw error
  }
}

async function balanceReport(client: LightClient, address: Address, asset?: number): Promise<Report> {
  const account = checksumAddress(address)
  if (asset !== undefined) {
    const { amountBase, block } = await client.assetBalance(asset, address)
    const amount = amountBase.toString()
    return {
      lines: [
        ['Balance', `${amount} base units of asset ${asset}`],
        ['Address', account],
      ],
      json: { address: account, asset, amountBase: amount },
      block,
    }
  }
  const { balanceBase, nonce, block } = await client.balance(address)
  return {
    lines: [
      ['Balance', `${formatCoins(balanceBase)} ACPC (${balanceBase} base units)`],
      ['Address', `${account}, nonce ${nonce}`],
    ],
    json: { address: account, balanceBase: balanceBase.toString(), nonce },
    block,
  }
}

async function receiptReport(client: LightClient, id: TxId): Promise<Report> {
  const proven = await client.receipt(id)
  if (proven === undefined) {
    throw new OperatorError(`the node does not know transaction ${toHex(id)} as final; this proves nothing`)
  }
  const { receipt, index, block } = proven
  const { succeeded, gasUsed, effectiveGasPrice, logs, failure } = receipt
  const feeBase = BigInt(gasUsed) * effectiveGasPrice
  const words = succeeded ? undefined : failureWords(MODULES, failure)
  return {
    lines: [
      ['Receipt', succeeded ? 'the transaction succeeded' : `the transaction failed: ${words!.sentence}`],
      ['Hash', `${toHex(id)}, number ${index} in its block`],
      ['Fee', `${formatCoins(feeBase)} ACPC for ${gasUsed} gas; ${logs.length} logs`],
    ],
    json: {
      hash: toHex(id),
      index,
      succeeded,
      ...(words === undefined ? {} : { failure: words }),
      gasUsed,
      feeBase: feeBase.toString(),
      logs: logs.map(({ address, topics, data }) => {
        return { address: toHex(address), topics: topics.map(toHex), data: toHex(data) }
      }),
    },
    block,
  }
}

const RESERVE_LINES: readonly (readonly [Exclude<keyof Reserve, 'anchor' | 'mintStop'>, string])[] = [
  ['supplyBase', 'Supply'],
  ['liabilitiesBase', 'Owed'],
  ['capacityBase', 'Capacity'],
  ['lockedInRedemptionBase', 'Redeeming'],
  ['shortfallBase', 'Shortfall'],
]

function supplyReport(block: ProvenBlock): Report {
  const { reserve } = block.header
  return {
    lines: [
      ...RESERVE_LINES.map(([field, name]): Line => [name, `${formatCoins(reserve[field])} ACPC`]),
      ['Anchor', `${reserve.anchor} ppm of the reference device for one coin`],
      ...(reserve.mintStop === undefined
        ? []
        : [
            ['Minting', `stopped since block ${reserve.mintStop.since}: ${reserve.mintStop.reason}`] as const,
          ]),
    ],
    json: {
      reserve: reserveSchema.toJson(reserve),
    },
    block,
  }
}

/** Adds `verify balance`, `verify receipt` and `verify supply` to the program. */
export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .description('verify what nodes answer, trusting only genesis or a checkpoint')
  withTrust(command.command('balance'))
    .description('prove the coins of an account, or what it holds of an asset, at the newest final block')
    .argument('<address>', 'the account', addressArgument)
    .option('--asset <id>', 'a settlement asset instead of coins', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .action((address: Address, options: VerifyOptions & { readonly asset?: number }) =>
      verify(options, (client) => balanceReport(client, address, options.asset)),
    )
  withTrust(command.command('receipt'))
    .description('prove that a transaction is final, and its result')
    .argument('<hash>', 'hash of the transaction', hashArgument)
    .action((id: Hash32, options: VerifyOptions) =>
      verify(options, (client) => receiptReport(client, id as Uint8Array)),
    )
  withTrust(command.command('supply'))
    .description('prove the supply and its backing, from the newest certified header')
    .action((options: VerifyOptions) => verify(options, async (_, { tip }) => supplyReport(tip)))
}
