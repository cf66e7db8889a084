// Runs an operation on the model. Owns: which function of the model an operation is, and a batch's all or nothing.

import { openRequest, refuseRequest } from '../admission.ts'
import { back, claimBacking, unback } from '../backing.ts'
import { grant, reject, resume, settle } from '../delivery.ts'
import { type GovernanceTerms, propose, vote, withdraw } from '../governance.ts'
import { mint, type Outcome, providerOf, retire, retireLocked } from '../issuance.ts'
import {
  bondEscrow,
  issueUnits,
  move,
  redeemUnits,
  tokenApprove,
  tokenTransfer,
  tokenTransferFrom,
  transfer,
  unitsOf,
} from '../ledger.ts'
import { attest, giveNotice, list, pledge, unlist } from '../pledges.ts'
import { cancel } from '../queue.ts'
import { boundedAnchor } from '../windows.ts'
import type { World } from '../world.ts'
import { applyInstitution, type InstitutionOperation, isInstitutional } from './institutionOperations.ts'
import { changeOf, nameOf, type Operation, rootOf } from './operations.ts'
import { applyOrder, isOrder, type OrderOperation } from './orderOperations.ts'
import { applySale, isSale, type SaleOperation } from './saleOperations.ts'

/** Where a transaction runs: what draws its requests' order, and who governs. */
export interface Place {
  readonly txHash: string
  readonly proposerGroup: string
  readonly governance: GovernanceTerms
}

/** A failed batch: which call, and why. */
export interface BatchFailure {
  readonly index: number
  readonly inner: Outcome | BatchFailure
}

export type Result = Outcome | BatchFailure

export function applyOperation(world: World, from: number, operation: Operation, place: Place): Result {
  if (operation.kind === 'batch') return applyBatch(world, from, operation.calls, place)
  if (isInstitutional(operation)) return applyInstitution(world, from, operation, place.governance)
  const sender = nameOf(from)
  if (isSale(operation)) return applySale(world, sender, operation, place)
  if (isOrder(operation)) return applyOrder(world, sender, operation, place.txHash)
  switch (operation.kind) {
    case 'pay':
      return transfer(world, sender, nameOf(operation.to), operation.valueBase)
    case 'transfer':
      return tokenTransfer(world, operation.asset, sender, {
        to: nameOf(operation.to),
        value: operation.value,
      })
    case 'approve':
      return tokenApprove(world, operation.asset, sender, {
        spender: nameOf(operation.spender),
        value: operation.value,
      })
    case 'transferFrom': {
      const { asset, owner, to, value } = operation
      return tokenTransferFrom(world, asset, sender, { from: nameOf(owner), to: nameOf(to), value })
    }
    case 'issue':
      return issueUnits(world, sender, { ...operation, to: nameOf(operation.to) })
    case 'redeem':
      return redeemUnits(world, sender, operation)
    case 'postBond':
      return postBond(world, sender, operation)
    case 'mint':
      return mint(world, sender, { to: nameOf(operation.to), amountBase: operation.amountBase })
    case 'retire':
      return retire(world, sender, operation)
    case 'retireLocked':
      return retireLocked(world, sender, operation)
    case 'back':
      return back(world, sender, operation)
    case 'unback':
      return unback(world, sender, operation)
    case 'claimBacking':
      return claimBacking(world, sender, operation)
    default:
      return applyService(world, sender, operation, place)
  }
}

/** Adds settlement assets to a bond. */
function postBond(
  world: World,
  sender: string,
  { asset, amountBase }: { readonly asset: number; readonly amountBase: bigint },
): string | undefined {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (!world.assets.has(asset)) return 'UnknownAsset'
  if (amountBase === 0n) return 'BelowMinimum'
  // A bond holds no asset of its own group (§3).
  if (world.assets.get(asset)!.issuer === sender) return 'OwnAssetAsBond'
  if (unitsOf(world, asset, sender) < amountBase) return 'InsufficientAsset'
  move(world, asset, sender, bondEscrow(provider.id), amountBase)
  provider.bonds.set(asset, (provider.bonds.get(asset) ?? 0n) + amountBase)
  return undefined
}

type Service = Exclude<
  Exclude<Operation, SaleOperation | InstitutionOperation | OrderOperation>,
  {
    readonly kind:
      | 'batch'
      | 'pay'
      | 'transfer'
      | 'approve'
      | 'transferFrom'
      | 'issue'
      | 'redeem'
      | 'postBond'
      | 'mint'
      | 'retire'
      | 'retireLocked'
      | 'back'
      | 'unback'
      | 'claimBacking'
  }
>

function applyService(world: World, sender: string, operation: Service, place: Place): Result {
  switch (operation.kind) {
    case 'pledge':
      return pledge(world, sender, { ...operation, deviceRoot: rootOf(operation.root) })
    case 'giveNotice':
      return giveNotice(world, sender, operation)
    case 'list':
      return list(world, sender, operation)
    case 'unlist':
      return unlist(world, sender, operation)
    case 'request':
      return request(world, sender, operation, place)
    case 'cancel':
      return cancel(world, sender, operation.id)
    case 'grant':
      return grant(world, sender, operation)
    case 'settle':
      return settle(world, {
        ...operation,
        signer: nameOf(operation.signer),
        operator: nameOf(operation.operator),
      })
    case 'reject':
      return reject(world, sender, operation)
    case 'resume':
      return resume(world, sender)
    case 'report':
      // The bound is that of the window in which it is reported.
      world.reportedAnchorPpm = boundedAnchor(world, operation.anchor)
      return undefined
    case 'attest':
      attest(world, operation.lot)
      return undefined
    default:
      return govern(world, sender, operation, place)
  }
}

function request(
  world: World,
  sender: string,
  operation: Extract<Operation, { readonly kind: 'request' }>,
  place: Place,
): string | undefined {
  const terms = {
    ...operation,
    ratingMinPpm: operation.ratingMin,
    voucherKey: operation.voucherKey === 0 ? '' : nameOf(operation.voucherKey),
  }
  const refusal = refuseRequest(world, sender, terms)
  if (refusal !== undefined) return refusal
  const made = openRequest(world, sender, terms)
  const { txHash, proposerGroup } = place
  world.pending.push({
    what: made.id,
    height: world.height,
    proposerGroup,
    txHash,
    index: world.drawnInBlock++,
  })
  return undefined
}

type Governance = Extract<
  Operation,
  {
    readonly kind:
      | 'proposeJail'
      | 'proposeUnjail'
      | 'proposeRemoval'
      | 'proposeParameter'
      | 'vote'
      | 'withdrawProposal'
  }
>

function govern(world: World, sender: string, operation: Governance, place: Place): string | undefined {
  const { governance } = place
  switch (operation.kind) {
    case 'proposeJail':
      return propose(world, governance, sender, { kind: 'jail', provider: operation.provider })
    case 'proposeUnjail':
      return propose(world, governance, sender, { kind: 'unjail', provider: operation.provider })
    case 'proposeRemoval':
      return propose(world, governance, sender, { kind: 'remove', provider: operation.provider })
    case 'proposeParameter':
      return propose(world, governance, sender, {
        kind: 'parameters',
        provider: 0,
        change: changeOf(operation),
      })
    case 'vote':
      return vote(world, governance, sender, operation)
    case 'withdrawProposal':
      return withdraw(world, sender, operation)
  }
}

/** A batch runs its calls in order on a copy that replaces the world only when all succeed. */
function applyBatch(world: World, from: number, calls: readonly Operation[], place: Place): Result {
  const nested = calls.findIndex((call) => call.kind === 'batch')
  if (nested >= 0) return 'NestedBatch'
  const saved = structuredClone(world)
  for (const [index, call] of calls.entries()) {
    const inner = applyOperation(world, from, call, place)
    if (inner === undefined) continue
    for (const key of Object.keys(world)) delete (world as unknown as Record<string, unknown>)[key]
    Object.assign(world, saved)
    return { index, inner }
  }
  return undefined
}
