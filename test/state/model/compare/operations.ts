// Operations that both sides apply: as calldata for the chain, as a function call for the model. Owns: the translation.
import { fromHex, toHex, utf8 } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import { signHash } from '../../../../base/crypto/secp256k1.ts'
import { voucherDigest } from '../../../../base/eip712.ts'
import { type Address, ZERO_ADDRESS, ZERO_HASH } from '../../../../base/ids.ts'
import { type ModuleDef, moduleAddress } from '../../../../base/moduleDefinition.ts'
import { accountsSchema } from '../../../../state/modules/accounts/schema.ts'
import { ACCOUNTS_ADDRESS } from '../../../../state/modules/accounts/tables.ts'
import { assetAddress } from '../../../../state/modules/assets/ledger.ts'
import { erc20Schema } from '../../../../state/modules/assets/schema.ts'
import { MODULES } from '../../../../state/registry.ts'
import { calldata } from '../../../support/calldata.ts'
import { type Parameters, SERVICES, type Service } from '../world.ts'
import { driverSchema } from './driver.ts'
import {
  INSTITUTION_MODULES,
  type InstitutionOperation,
  institutionArgs,
  isInstitutional,
} from './institutionOperations.ts'
import { isOrder, type OrderOperation, orderArgs } from './orderOperations.ts'
import { isSale, SALE_MODULES, type SaleOperation, saleAction, saleArgs } from './saleOperations.ts'
import { keyOf, nameOf, walletOf } from './wallets.ts'

/** What a client says of an assignment that it rejects. */
export type RejectReason = 'unreachable' | 'wrongHardware' | 'other'

/** Wallets stand for accounts; everything else is what the action takes. */
export type Operation =
  | { readonly kind: 'pay'; readonly to: number; readonly valueBase: bigint }
  | { readonly kind: 'transfer'; readonly asset: number; readonly to: number; readonly value: bigint }
  | { readonly kind: 'approve'; readonly asset: number; readonly spender: number; readonly value: bigint }
  | {
      readonly kind: 'transferFrom'
      readonly asset: number
      readonly owner: number
      readonly to: number
      readonly value: bigint
    }
  | { readonly kind: 'issue'; readonly asset: number; readonly to: number; readonly amountBase: bigint }
  | { readonly kind: 'redeem'; readonly asset: number; readonly amountBase: bigint }
  | { readonly kind: 'postBond'; readonly asset: number; readonly amountBase: bigint }
  | {
      readonly kind: 'pledge'
      readonly classId: number
      readonly devices: number
      readonly root: number
      readonly region: string
      readonly services: readonly Service[]
      readonly firstWindow: number
    }
  | { readonly kind: 'giveNotice'; readonly lot: number }
  | { readonly kind: 'mint'; readonly to: number; readonly amountBase: bigint }
  | { readonly kind: 'retire' | 'retireLocked'; readonly amountBase: bigint }
  | { readonly kind: 'back' | 'unback'; readonly provider: number; readonly amountBase: bigint }
  | { readonly kind: 'claimBacking'; readonly provider: number }
  | {
      readonly kind: 'list'
      readonly service: Service
      readonly classId: number
      readonly region: string
      readonly bonusPpm: bigint
    }
  | { readonly kind: 'unlist'; readonly service: Service }
  | {
      readonly kind: 'request'
      readonly amountBase: bigint
      readonly service: Service
      readonly provider: number
      readonly ratingMin: bigint
      readonly region: string
      readonly startBy: number
      readonly finishBy: number
      /** 0: none. */
      readonly voucherKey: number
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'grant'; readonly id: number; readonly assignment: number }
  | {
      readonly kind: 'settle'
      readonly id: number
      readonly assignment: number
      /** Wallet of the operator named in the voucher. */
      readonly operator: number
      readonly deliveredBase: bigint
      readonly signer: number
    }
  | {
      readonly kind: 'reject'
      readonly id: number
      readonly assignment: number
      readonly reason: RejectReason
    }
  | { readonly kind: 'resume' }
  | { readonly kind: 'report'; readonly anchor: bigint }
  | { readonly kind: 'attest'; readonly lot: number }
  | { readonly kind: 'proposeJail' | 'proposeUnjail' | 'proposeRemoval'; readonly provider: number }
  | {
      readonly kind: 'proposeParameter'
      readonly module: string
      readonly parameter: keyof Parameters
      readonly value: bigint
    }
  | { readonly kind: 'vote'; readonly proposal: number; readonly approve: boolean }
  | { readonly kind: 'withdrawProposal'; readonly proposal: number }
  | { readonly kind: 'batch'; readonly calls: readonly Operation[] }
  | InstitutionOperation
  | SaleOperation
  | OrderOperation

/** One transaction. */
export interface Sent {
  readonly from: number
  readonly operation: Operation
}

export interface Call {
  readonly to: Address
  readonly valueBase: bigint
  readonly data: Uint8Array
}

const NOTHING = new Uint8Array(0)
const SERVICE_BITS: Readonly<Record<Service, number>> = { train: 1, finetune: 2, infer: 4 }

/** Module of each action that a module has; tokens, payments and batches are apart. */
const MODULE_OF: { readonly [kind: string]: string } = {
  issue: 'assets',
  redeem: 'assets',
  postBond: 'providers',
  pledge: 'capacity',
  giveNotice: 'capacity',
  mint: 'issuance',
  retire: 'issuance',
  retireLocked: 'issuance',
  back: 'backing',
  unback: 'backing',
  claimBacking: 'backing',
  placeOrder: 'market',
  cancelOrder: 'market',
  list: 'redemption',
  unlist: 'redemption',
  request: 'redemption',
  cancel: 'redemption',
  grant: 'redemption',
  settle: 'redemption',
  reject: 'redemption',
  resume: 'redemption',
  report: 'driver',
  attest: 'driver',
  proposeJail: 'governance',
  proposeUnjail: 'governance',
  proposeRemoval: 'governance',
  proposeParameter: 'governance',
  vote: 'governance',
  withdrawProposal: 'governance',
  ...INSTITUTION_MODULES,
  ...SALE_MODULES,
}

const RENAMED: { readonly [kind: string]: string } = {
  proposeParameter: 'proposeParameters',
  claimBacking: 'claim',
  placeOrder: 'place',
  cancelOrder: 'cancel',
}

/** The name of an operation's action. */
const actionOf = (kind: Operation['kind']): string => RENAMED[kind] ?? saleAction(kind) ?? kind

const definitions = new Map<string, ModuleDef>(
  [...MODULES.map(({ definition }) => definition), driverSchema].map((def) => [def.name, def]),
)

export const rootOf = (root: number): string => toHex(sha256(utf8(`devices ${root}`)))

/** What a proposal changes, as the model has it: counts are numbers, all else is exact. */
export const changeOf = ({
  parameter,
  value,
}: {
  readonly parameter: keyof Parameters
  readonly value: bigint
}): Partial<Parameters> => ({ [parameter]: parameter.endsWith('Ppm') ? value : Number(value) })

/** The module of an operation: what decides its lane. */
export const moduleOf = (operation: Operation): string => MODULE_OF[operation.kind] ?? 'accounts'

/** Arguments as the chain's action takes them; names that it does not have are left out. */
function argsOf(
  chain: { readonly chainId: number; readonly genesisHash: Uint8Array },
  operation: Operation,
): object {
  if (isInstitutional(operation)) return institutionArgs(chain.genesisHash, operation)
  if (isSale(operation)) return saleArgs(operation)
  if (isOrder(operation)) return orderArgs(operation)
  switch (operation.kind) {
    case 'issue':
    case 'mint':
      return { ...operation, to: walletOf(operation.to) }
    case 'pledge': {
      const services = operation.services.reduce((bits, service) => bits | SERVICE_BITS[service], 0)
      return { ...operation, services, deviceRoot: fromHex(rootOf(operation.root)) }
    }
    case 'list':
      return {
        ...operation,
        endpoint: 'https://provider.example',
        runtimeHash: ZERO_HASH,
        tariffHash: ZERO_HASH,
      }
    case 'request': {
      const voucherKey = operation.voucherKey === 0 ? ZERO_ADDRESS : walletOf(operation.voucherKey)
      return { ...operation, voucherKey, jobHash: ZERO_HASH, clientKey: new Uint8Array(32) }
    }
    case 'grant':
      return { ...operation, ciphertext: utf8('sealed') }
    case 'settle': {
      const { id, assignment, deliveredBase, operator, signer } = operation
      const digest = voucherDigest({
        chainId: chain.chainId,
        verifyingContract: moduleAddress(definitions.get('redemption')!),
        redemptionId: id,
        assignment,
        provider: walletOf(operator),
        deliveredBase,
        genesis: chain.genesisHash,
      })
      return { id, assignment, deliveredBase, signature: signHash(digest, keyOf(signer)) }
    }
    case 'proposeParameter':
      return { changes: [operation] }
    default:
      return operation
  }
}

/** An operation as the chain receives it. */
export function callOf(
  chain: { readonly chainId: number; readonly genesisHash: Uint8Array },
  operation: Operation,
): Call {
  switch (operation.kind) {
    case 'pay':
      return { to: walletOf(operation.to), valueBase: operation.valueBase, data: NOTHING }
    case 'transfer': {
      const args = { to: walletOf(operation.to), value: operation.value }
      return {
        to: assetAddress(operation.asset),
        valueBase: 0n,
        data: calldata(erc20Schema, 'transfer', args),
      }
    }
    case 'approve': {
      const args = { spender: walletOf(operation.spender), value: operation.value }
      return {
        to: assetAddress(operation.asset),
        valueBase: 0n,
        data: calldata(erc20Schema, 'approve', args),
      }
    }
    case 'transferFrom': {
      const { owner, to, value, asset } = operation
      const args = { from: walletOf(owner), to: walletOf(to), value }
      return { to: assetAddress(asset), valueBase: 0n, data: calldata(erc20Schema, 'transferFrom', args) }
    }
    case 'batch': {
      const calls = operation.calls.map((inner) => {
        const { to, valueBase, data } = callOf(chain, inner)
        return { to, value: valueBase, data }
      })
      return { to: ACCOUNTS_ADDRESS, valueBase: 0n, data: calldata(accountsSchema, 'batch', { calls }) }
    }
    default: {
      const definition = definitions.get(MODULE_OF[operation.kind]!)!
      const data = calldata(definition, actionOf(operation.kind), argsOf(chain, operation) as never)
      return { to: moduleAddress(definition), valueBase: 0n, data }
    }
  }
}

/** Whether this build's modules have the action. */
export const exists = (kind: Operation['kind']): boolean =>
  MODULE_OF[kind] === undefined || definitions.get(MODULE_OF[kind]!)?.actions[actionOf(kind)] !== undefined

/** A reader's line for one operation. */
export function describe(sent: Sent): string {
  const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)
  const { kind, ...rest } = sent.operation
  return `wallet ${sent.from} ${kind} ${JSON.stringify(rest, text)}`
}

export { nameOf, SERVICES }
