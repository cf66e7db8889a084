// Who takes part in the replay: providers, clients, holders, reporters. Owns: names, shares and keys.
import { secretKeyAddress } from '../../base/address.ts'
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Address } from '../../base/ids.ts'

export interface Wallet {
  readonly name: string
  readonly address: Address
  readonly secretKey: Uint8Array
}

function walletOf(name: string): Wallet {
  const secretKey = sha256(utf8(`suanli replay ${name}`))
  return { name, secretKey, address: secretKeyAddress(secretKey) }
}

const walletsOf = (name: string, count: number): readonly Wallet[] =>
  Array.from({ length: count }, (_, i) => walletOf(`${name} ${i}`))

export interface Operator extends Wallet {
  /** Of the member, from 1. */
  readonly id: number
  /** Per mille of the fleet. */
  readonly share: number
  readonly region: string
}

/** Shares of the fleet, per mille, the largest first; and where it stands. */
const MEMBERS = [
  ['alder', 210, 'us-east'],
  ['birch', 170, 'us-west'],
  ['cedar', 150, 'eu-north'],
  ['durian', 130, 'sg'],
  ['elm', 110, 'tw-north'],
  ['fir', 90, 'jp-east'],
  ['ginkgo', 80, 'tw-south'],
  ['hazel', 60, 'eu-west'],
] as const

export const operators: readonly Operator[] = MEMBERS.map(([name, share, region], i) => ({
  ...walletOf(name),
  id: i + 1,
  share,
  region,
}))

/** They redeem a part of what they hold every day. */
export const clients = walletsOf('client', 8)
/** They hold. */
export const savers = walletsOf('saver', 4)
/** Issues the settlement asset against dollars. */
export const issuer = walletOf('issuer')
export const auditor = walletOf('auditor')
export const reporters = walletsOf('reporter', 5)
