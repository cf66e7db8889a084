// `suanli provider`: what a provider does, in the order of its life, and what it must do next. The actions are those of the
// modules under shorter names; `suanli MODULE` has them all. Owns: the grouping, the status, sealed bids.

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { checksumAddress } from '../../base/address.ts'
import { equalBytes, parseHex, toHex } from '../../base/bytes.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import type { ModuleDef } from '../../base/moduleDefinition.ts'
import { bidCommitment, type SealedBid } from '../../base/protocol/sealedBid.ts'
import { formatCoins, PPM } from '../../base/units.ts'
import { encodeCall } from '../../client/calls.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { assets, capacity, defaults, issuance, providers, redemption } from '../../client/modules.ts'
import { capacitySchema } from '../../state/modules/capacity/schema.ts'
import { defaultSchema } from '../../state/modules/default/schema.ts'
import { issuanceSchema } from '../../state/modules/issuance/schema.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import { redemptionSchema } from '../../state/modules/redemption/schema.ts'
import { readText } from '../../storage/durableFile.ts'
import { readOptions } from '../chain/fieldInput.ts'
import { withProgress } from '../chain/progress.ts'
import {
  clientOf,
  type NodeOptions,
  openSender,
  printAnswer,
  type Sender,
  type SendOptions,
  sendCall,
  sendFrom,
  withNode,
  withSending,
} from '../chain/send.ts'
import { wholeNumber } from '../common.ts'
import { unitsText } from '../genesis/terms.ts'
import { UsageError } from '../usageError.ts'
import { addAction } from './module.ts'

const ID_MAX = Number.MAX_SAFE_INTEGER

/** Groups of the help in the order of a provider's life: the name here, the module and its action. */
const GROUPS: readonly (readonly [string, readonly (readonly [string, ModuleDef, string])[]])[] = [
  [
    'Capacity and bond commands:',
    [
      ['pledge', capacitySchema, 'pledge'],
      ['notice', capacitySchema, 'giveNotice'],
      ['bond', providersSchema, 'postBond'],
      ['profile', providersSchema, 'updateProfile'],
    ],
  ],
  [
    'Issuing commands:',
    [
      ['mint', issuanceSchema, 'mint'],
      ['retire', issuanceSchema, 'retire'],
      ['retire-locked', issuanceSchema, 'retireLocked'],
    ],
  ],
  [
    'Serving commands:',
    [
      ['list', redemptionSchema, 'list'],
      ['unlist', redemptionSchema, 'unlist'],
      ['grant', redemptionSchema, 'grant'],
      ['settle', redemptionSchema, 'settle'],
      ['resume', redemptionSchema, 'resume'],
    ],
  ],
  [
    'Leaving commands:',
    [
      ['offer', defaultSchema, 'offerNovation'],
      ['withdraw-offer', defaultSchema, 'withdrawNovation'],
      ['accept', defaultSchema, 'acceptNovation'],
      ['exit', defaultSchema, 'beginExit'],
      ['complete-exit', defaultSchema, 'completeExit'],
      ['withdraw-bond', defaultSchema, 'withdrawBond'],
    ],
  ],
]

const coins = (base: bigint): string => `${formatCoins(base)} ACPC`

/** Coins of the next window that a provider has not granted access for, and how many reservations they are; undefined if none. */
async function grantsDue(
  client: Pick<ChainClient, 'query'>,
  provider: number,
  window: number,
): Promise<string | undefined> {
  let count = 0
  let amountBase = 0n
  let cursor = 0
  do {
    const page = await client.query(redemption, 'assignments', { provider, window, cursor, limit: 0 })
    for (const assignment of page?.assignments ?? []) {
      if (assignment.grantedAtMs > 0) continue
      count++
      amountBase += assignment.amountBase
    }
    cursor = page?.nextCursor ?? 0
  } while (cursor !== 0)
  return count === 0 ? undefined : `${count}, ${coins(amountBase)}, before window ${window} begins`
}

interface Duty {
  readonly what: string
  readonly otherwise: string
  readonly untilWindow?: number | undefined
  readonly windowIndex: number
}

/** A missing grant comes before what can wait longer: `default.status` does not know of it. */
function nextDuty({ what, otherwise, untilWindow, windowIndex }: Duty, due: string | undefined) {
  const by = untilWindow === undefined ? '-' : `window ${untilWindow}; window ${windowIndex} runs`
  if (due === undefined || (untilWindow !== undefined && untilWindow <= windowIndex))
    return { next: what, by, otherwise }
  return {
    next: 'grant access for what is due below: redemption.grant',
    by: `the end of window ${windowIndex}, which runs`,
    otherwise:
      'a fault, which costs a part of the bond; a further one within K windows suspends the provider',
  }
}

/** An amount of a settlement asset as people write it. */
async function inAsset(client: Pick<ChainClient, 'query'>, amountBase: bigint, id: number): Promise<string> {
  const asset = await client.query(assets, 'asset', { asset: id })
  if (asset === null || asset === undefined) return `${amountBase} of asset ${id}`
  return `${unitsText(amountBase, asset.decimals)} ${asset.symbol}`
}

/** What a provider must do next and what it has, as one answer. */
export async function providerStatus(client: Pick<ChainClient, 'query'>, provider: number) {
  const at = { provider }
  const [standing, security, clock, offer, exit, quota] = await Promise.all([
    client.query(defaults, 'status', at),
    client.query(issuance, 'security', at),
    client.query(capacity, 'clock', {}),
    client.query(defaults, 'novation', { from: provider }),
    client.query(defaults, 'exitCost', at),
    client.query(issuance, 'quota', at),
  ])
  if (standing === null || standing === undefined || security === null || security === undefined)
    throw new OperatorError(`there is no provider ${provider}`)
  const due = await grantsDue(client, provider, standing.windowIndex + 1)
  return {
    provider,
    status: standing.suspended ? `${standing.status}, suspended` : standing.status,
    ...nextDuty(standing, due),
    grantsDue: due ?? 'none',
    windowEnds: clock === null || clock === undefined ? '-' : new Date(clock.endsAtMs).toISOString(),
    owes: coins(standing.liabilityBase),
    mintable:
      quota === null || quota === undefined
        ? '-'
        : quota.blocked === ''
          ? coins(quota.mintableBase)
          : `none: ${quota.blocked}`,
    shortfall: coins(standing.shortfallBase),
    bond: coins(security.bondValueBase),
    bondMissing: coins(standing.bondMissingBase),
    locked: coins(security.lockedBase),
    unsecured: coins(standing.unsecuredBase),
    suspendedWindows: `${standing.suspendedWindows} of at most ${standing.suspendedWindowsMax}`,
    offer:
      offer === null || offer === undefined
        ? '-'
        : `${coins(offer.amountBase)} to provider ${offer.to}, paying ${await inAsset(client, offer.paymentBase, offer.asset)}`,
    leaving:
      exit === null || exit === undefined
        ? '-'
        : `${coins(exit.remainingBase)} beyond its own coins, ${await inAsset(client, exit.costBase, exit.asset)}`,
  }
}

const providerOption = () =>
  new Option('--provider <id>', 'id of the provider').argParser(wholeNumber(1, ID_MAX)).makeOptionMandatory()

function addStatus(program: Command): void {
  withNode(
    program
      .command('status')
      .description('say what a provider must do next, by when, and what happens otherwise')
      .addOption(providerOption()),
  ).action(async (options: NodeOptions & { readonly provider: number }) => {
    const client = await clientOf(options)
    const ask = () => providerStatus(client, options.provider)
    printAnswer(options, await withProgress('waiting for the node', ask))
  })
}

/** A bid as its file holds it until it is revealed. */
function readBid(file: string): SealedBid {
  try {
    const known = JSON.parse(readText(file)) as { readonly [name: string]: string | number }
    const salt = parseHex(String(known.salt).replace(/^0x/, ''))
    if (salt?.length !== 32) throw new Error('salt: expected 32 bytes')
    return {
      provider: Number(known.provider),
      bidder: Number(known.bidder),
      amountBase: BigInt(known.amountBase!),
      sharePpm: BigInt(known.sharePpm!),
      salt,
    }
  } catch (cause) {
    throw new OperatorError(`${file} is no bid of this program: ${errorText(cause)}`)
  }
}

interface BidOptions extends SendOptions {
  readonly provider: string
  readonly amountBase: string
  readonly sharePpm: string
  readonly bidFile: string
}

type BidTerms = Omit<SealedBid, 'bidder'>

/** The terms of a new bid. What no reveal could mend is refused here: its deposit would be lost. */
function bidTerms({ provider, amountBase, sharePpm }: BidOptions): BidTerms {
  const { args } = defaultSchema.actions.revealBid
  const salt = toHex(randomBytes(32))
  const terms = readOptions(args, { provider, amountBase, sharePpm, salt }) as unknown as BidTerms
  if (terms.amountBase === 0n) throw new UsageError('--amount-base: expected more than 0')
  if (terms.sharePpm > PPM)
    throw new UsageError(`--share-ppm: expected at most ${PPM}, all of the estate per coin`)
  return terms
}

/** The provider of an account: a bid that names another could not be revealed. */
async function bidderOf({ client, account }: Sender): Promise<number> {
  const all = (await client.query(providers, 'providers', {})) ?? []
  const own = all.find(({ operator }) => equalBytes(operator, account.address))
  if (own !== undefined) return own.id
  throw new OperatorError(`${checksumAddress(account.address)} is the operator of no provider`)
}

function writeBid(file: string, bid: SealedBid): void {
  const { provider, bidder, amountBase, sharePpm, salt } = bid
  const amounts = { amountBase: amountBase.toString(), sharePpm: sharePpm.toString() }
  const text = JSON.stringify({ provider, bidder, ...amounts, salt: toHex(salt) })
  writeFileSync(file, `${text}\n`, { mode: 0o600, flag: 'wx' })
}

async function commitBid(options: BidOptions): Promise<void> {
  const terms = bidTerms(options)
  const sender = await openSender(options)
  const bid = { ...terms, bidder: await bidderOf(sender) }
  const { genesisHash } = (await sender.client.request('chain_info')) as { readonly genesisHash: string }
  const commitment = bidCommitment(parseHex(genesisHash.slice(2)) as never, bid)
  const call = encodeCall(defaultSchema, 'commitBid', { provider: bid.provider, commitment })
  if (options.dryRun !== true) {
    // A bid that is refused leaves no file behind, in whose way the next one would be.
    await sender.client.estimate(sender.account.address, call)
    // Before it is sent: a commitment whose salt is lost loses its deposit.
    writeBid(options.bidFile, bid)
  }
  await sendFrom(sender, call, options)
}

const bidFile = () =>
  new Option('--bid-file <file>', 'holds the bid between its two halves').makeOptionMandatory()

function addBids(program: Command): void {
  withSending(
    program
      .command('bid')
      .description('commit a sealed bid for what a defaulted provider owes')
      .requiredOption('--provider <id>', 'the provider that has defaulted')
      .requiredOption('--amount-base <amount>', 'most that it takes')
      .requiredOption('--share-ppm <amount>', 'of the estate per coin that it asks for')
      .addOption(bidFile()),
  ).action(commitBid)
  withSending(
    program
      .command('reveal')
      .description('reveal a bid in the second half of the window')
      .addOption(bidFile()),
  ).action(async (options: BidOptions) => {
    const { bidder: _, ...terms } = readBid(options.bidFile)
    await sendCall(encodeCall(defaultSchema, 'revealBid', { ...terms, salt: terms.salt as never }), options)
  })
}

/** Adds `suanli provider`. */
export function addProviderCommand(program: Command): void {
  const provider = program
    .command('provider')
    .description('all that a provider does, from its first pledge to its exit; `status` says what comes next')
  addStatus(provider)
  for (const [group, actions] of GROUPS) {
    provider.commandsGroup(group)
    for (const [name, definition, action] of actions) addAction(provider, definition, action, name)
  }
  provider.commandsGroup('Bidding commands:')
  addBids(provider)
}
