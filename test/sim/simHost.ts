// The interface between a simulated node and its world.
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import type { ConsensusMessage } from '../../consensus/messages.ts'
import type { ConsensusParameters, Misbehaviour, Output, Target } from '../../consensus/types.ts'
import type { Random, Scheduler } from '../support/random.ts'
import type { Accomplice } from './behaviours/behaviour.ts'
import type { Invariants } from './invariants.ts'
import type { SimModel } from './simModel.ts'

/** Critical moments for a crash: around each write of journal, signer and store. */
export type CrashPoint = 'appended' | 'synced' | 'unsigned' | 'signed' | 'uncommitted' | 'committed'

/** `Node` is the simulated node, unknown here. */
export interface SimHost<Node> {
  readonly config: { readonly parameters: ConsensusParameters; readonly model?: SimModel }
  readonly scheduler: Scheduler
  readonly random: Random
  readonly invariants: Invariants
  readonly isTracing: boolean
  setOf(epoch: number): ValidatorSet
  /** Whether more than the node itself, or a Byzantine one, signs with its key of that epoch. */
  isFaulty(identity: number, epoch: number): boolean
  trace(node: number, what: string): void
  accomplice(node: Node): Accomplice
  /** True when the node crashed here. */
  crashPoint(node: Node, point: CrashPoint): boolean
  sendMessage(from: Node, to: Target, message: ConsensusMessage): void
  deliverTransaction(from: number, to: number, transaction: Uint8Array): void
  sourceFor(to: Node, height: number): Node | undefined
  onDiskFull(node: Node): void
  onOutput(node: Node, output: Output): void
  onFinalized(node: Node, block: SealedBlock): void
  onHalt(node: Node, reason: string): void
  onPenalised(node: Node, peer: string, reason: string): void
  onMisbehaviour(node: Node, misbehaviour: Misbehaviour): void
}
