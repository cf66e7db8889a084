// What a rule receives. Owns: the execution context. Not: who builds it (execute.ts).
import type { Address, Hash32, TxId } from '../base/ids.ts'
import type { Lane } from '../base/lanes.ts'
import type { Failure, ModuleDef } from '../base/moduleDefinition.ts'
import type { BlockWork } from './blockWork.ts'
import type { FaultKind } from './modules/providers/schema.ts'
import type { ParameterRules } from './parameterRules.ts'
import type { StateReader, StateWriter } from './view.ts'

export interface Log {
  readonly address: Address
  /** 0 to 4 topics of 32 bytes. */
  readonly topics: readonly Hash32[]
  readonly data: Uint8Array
}

/** Facts of the block being executed; the only clock that rules have. */
export interface BlockContext {
  readonly chainId: number
  readonly genesisHash: Hash32
  readonly protocolVersion: number
  readonly epoch: number
  readonly view: number
  /** The parent's view, if it is of the same epoch: the views between had no block. Absent where no block is executed. */
  readonly parentView?: number
  readonly height: number
  readonly timestampMs: number
  readonly parentTimestampMs: number
  readonly proposer: Address
  readonly mix: Hash32
  readonly baseFeePerGas: bigint
  /** No block: what calls do is thrown away, and no hook of a block's begin or end runs. */
  readonly isSimulated?: boolean
  /** The modules of this version, in registry order, as `checkParameters` (parameters.ts) takes them. */
  readonly modules: readonly ParameterRules[]
}

/** What never changes on a chain and every thread knows: all that a precheck reads besides calldata. */
export interface PrecheckFacts {
  readonly chainId: number
  /** Definitions of all modules of the build, whether they are live or not. */
  readonly definitions: readonly ModuleDef[]
}

/** For queries and invariants. */
export interface ReadContext {
  readonly state: StateReader
  readonly block: BlockContext
}

/** Units that are about to leave an account by its own doing: a transfer, a payment into an escrow, a burn. */
export interface Debit {
  /** 0 is the coin. */
  readonly asset: number
  readonly account: Address
  readonly amountBase: bigint
  /** Who receives them; absent where nobody does, and where a rule only asks in advance. */
  readonly to?: Address
  /** Id of the module whose action makes it; absent for plain and token transfers. */
  readonly module?: number
}

/** A failure that every action may return without declaring it (dispatch.ts `callSchema`). */
export type DebitRefused = Failure<'DebitRefused'>

/** What a member did or left undone at the cost of others (ECONOMY §9). */
export interface Fault {
  /** Id of the module that found it. */
  readonly module: number
  readonly provider: number
  /** Who lost by it; the zero address when nobody in particular. */
  readonly victim: Address
  /** The coins concerned, base units; 0 when none. */
  readonly amountBase: bigint
  readonly cause: FaultKind
  /** Height of the block that found it. */
  readonly height: number
}

/** For beginBlock, endBlock and helper functions that write. */
export interface WriteContext {
  readonly state: StateWriter
  readonly block: BlockContext
  /** Appends to the receipt of the running transaction, or to the block's system logs. */
  emit(log: Log): void
  /** Gas that a lane of this block has left, at the block's end. Absent where no block is executed. */
  laneRoom?(lane: Lane): number
  /** What this block's deferred work has used, shared by its hooks. Absent where no block is executed. */
  readonly work?: BlockWork
  /** Why a debit must not happen now (ECONOMY §10). Absent in hooks, which settle what is owed. */
  refuseDebit?(debit: Debit): DebitRefused | undefined
}

/** For one action. The value is already credited to the module's address when the rule runs. */
export interface ActionContext extends WriteContext {
  readonly sender: Address
  readonly valueBase: bigint
  readonly txId: TxId
  /** Index of the transaction in its block. */
  readonly txIndex: number
  /** The module's precheck of this call's calldata, computed beforehand or now; modules with one only. */
  precheck?(): Uint8Array
  /** Runs a call as the sender, or as whoever signed it, inside this action; returns the custom error's bytes on failure. Composite actions only. */
  readonly call?: (call: InnerCall) => Uint8Array | undefined
}

/** A call inside a composite action. */
export interface InnerCall {
  readonly to: Address
  readonly valueBase: bigint
  readonly data: Uint8Array
  /** Who acts, when it is not the sender: the account whose signature the composite action has checked. */
  readonly signed?: SignedCall
}

export interface SignedCall {
  readonly from: Address
  /** A reason against a debit by this call, at most 64 bytes. */
  checkDebit?(debit: Debit): string | undefined
  /** After the call succeeded: bytes of a custom error that undo it. */
  checkAfter?(): Uint8Array | undefined
}
