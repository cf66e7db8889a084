// Who acts in the recorded chain, its genesis, and the calls that its scenes are made of. Not: when (chainStory.ts).
import { utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { type ModuleDef, moduleAddress, SYSTEM_KIND, systemAddress } from '../../base/moduleDefinition.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { DEVNET_ASSET_ID, devnetGenesis } from '../../genesis/devnet.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { erc20Schema } from '../../state/modules/assets/schema.ts'
import { schemas } from '../../state/schemas.ts'
import { callData, type Send, type Wallet } from './goldenChain.ts'

export const MEMBERS = 6
/** The seventh member, admitted during the story. */
export const NEWCOMER = MEMBERS
export const KEYS = MEMBERS + 1
const WINDOW_MS = 4_000
export const COIN = 10n ** 18n
export const UNIT = 1_000_000n

export const accounts: readonly Wallet[] = developmentAccounts()
export const keys = Array.from({ length: KEYS }, (_, i) => developmentValidator(i))
export const rotatedSecret = bls.keygen(sha256(utf8('rotated key of the golden chain')))
export const issuer = developmentValidator(99).operator

/** Consensus keys that lead on this chain. */
export const SECRETS = [...keys.map(({ consensusSecret }) => consensusSecret), rotatedSecret]

/** The operator of the member with this id. */
export const operator = (id: number): Wallet => keys[id - 1]!.operator

export function keysOf(i: number) {
  const { consensusSecret, peerSeed } = keys[i]!
  return {
    operator: operator(i + 1).address,
    consensusKey: bls.publicKey(consensusSecret),
    possessionProof: bls.prove(consensusSecret),
    peerId: peerIdBytesFromSeed(peerSeed),
  }
}

/** The devnet's genesis with six members, windows of four seconds and epochs of at most 40 blocks. */
export function storyGenesis(): Genesis {
  const document = devnetGenesis({
    members: Array.from({ length: MEMBERS }, (_, i) => keysOf(i)),
    accounts: accounts.map(({ address }) => address),
    assetIssuer: issuer.address,
    minBlockIntervalMs: 50,
    windowMs: WINDOW_MS,
  })
  const { params } = document
  return {
    ...document,
    name: 'Suanli golden chain',
    params: {
      ...params,
      // One block brings four pieces of evidence.
      accounts: { ...params.accounts, blockGasLimit: 80_000_000 },
      providers: { ...params.providers, epochBlocksMax: 40 },
      capacity: { ...params.capacity, horizonWindows: 12 },
      issuance: { ...params.issuance, retainPpm: 100_000n, lockFloorPpm: 50_000n },
      // Short, so that a member that leaves has its bond back before the chain ends.
      redemption: { ...params.redemption, assignAhead: 1, tailWindows: 2 },
    },
  }
}

export function act(
  from: Wallet,
  module: ModuleDef,
  action: string,
  args: { readonly [name: string]: unknown },
): Send {
  return { from, to: moduleAddress(module), data: callData(action, module.actions[action]!.args, args) }
}

export function token(from: Wallet, action: keyof typeof erc20Schema.actions, args: object): Send {
  const data = callData(action, erc20Schema.actions[action].args, args as never)
  return { from, to: systemAddress(SYSTEM_KIND.asset, DEVNET_ASSET_ID), data }
}

export function request(from: Wallet, amountBase: bigint, over: object = {}): Send {
  return act(from, schemas.redemption, 'request', {
    amountBase,
    service: 'infer',
    provider: 0,
    ratingMin: 0n,
    region: '',
    startBy: 0,
    finishBy: 0,
    jobHash: sha256(utf8('job')),
    clientKey: new Uint8Array(33).fill(2),
    voucherKey: new Uint8Array(20),
    ...over,
  })
}

/** What the catalogue's changes say: of a class that it does not have, and of one that nobody pledges. */
export const RERATED = {
  ...{ trainPpm: 2_000_000n, finetunePpm: 2_000_000n, inferPpm: 2_000_000n },
  ...{ specOnly: false, evidenceHash: sha256(utf8('evidence')) },
}
export const NEW_CLASS = { slug: 'next', vendor: 'Vendor', model: 'Next', memoryGb: 512, ...RERATED }
