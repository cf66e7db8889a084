// Random membership decisions in a simulated network: proposals and votes by operators, key changes by members.
// Owns: the decisions, and when all have settled. Not: the world (memberWorld.ts), the rules (state/modules/governance).
import { equalBytes, utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { perLane } from '../../../base/lanes.ts'
import { COIN } from '../../../base/units.ts'
import { type Call, encodeCall, transfer } from '../../../client/calls.ts'
import { developmentAccounts } from '../../../genesis/devKeys.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { openProposals } from '../../../state/modules/governance/proposals.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { governanceTables } from '../../../state/modules/governance/tables.ts'
import {
  getProvider,
  providerByConsensusKey,
  providerByOperator,
} from '../../../state/modules/providers/members.ts'
import { providersSchema } from '../../../state/modules/providers/schema.ts'
import { validatorSet } from '../../../state/modules/providers/validatorSet.ts'
import { signTransaction } from '../../../state/transaction.ts'
import type { StateReader } from '../../../state/view.ts'
import { type Machine, type MemberWorld, VALIDATORS } from './memberWorld.ts'

const GWEI = 10n ** 9n
const EVERY_MS = [200, 1_500] as const
/** How often members approve proposals in a scripted course. */
const APPROVE_EVERY_MS = 500
const FUNDER = developmentAccounts()[0]!

export class MemberDecisions {
  readonly #world: MemberWorld
  /** Whether the last transfer, after healing, was sent: it must become final everywhere. */
  #lastSent = false
  proposals = 0

  constructor(world: MemberWorld) {
    this.#world = world
  }

  begin(): void {
    this.#giveFees()
    this.#next()
  }

  /** Plays these steps instead of random decisions, `everyMs` apart; every validator approves every proposal, with retries. */
  play(everyMs: number, steps: readonly (readonly [Machine, () => Call])[]): void {
    this.#giveFees()
    const { scheduler } = this.#world
    steps.forEach(([machine, callOf], i) => {
      this.proposals++
      scheduler.after((i + 1) * everyMs, () => this.#sendBy(machine, callOf()))
    })
    const approve = (): void => {
      const state = this.#world.highest()?.node?.importer.head().state
      const open = state === undefined ? [] : openProposals(state).proposals
      for (const { id } of open) this.#approve(state!, id)
      if (!this.#world.healed) scheduler.after(APPROVE_EVERY_MS, approve)
    }
    approve()
  }

  #giveFees(): void {
    const { machines } = this.#world
    const gift = (machine: Machine): Call => transfer(machine.operator.address, 10n * COIN)
    for (const machine of machines.slice(VALIDATORS))
      this.#send(FUNDER.secretKey, FUNDER.address, gift(machine))
  }

  #approve(state: StateReader, proposal: number, share = 1): void {
    const { approve: given } = governanceTables.votes.mustGet(state, { id: proposal })
    for (const machine of this.#validators(state)) {
      if (given.includes(providerByOperator(state, machine.operator.address)!)) continue
      const approve = this.#world.random.chance(share)
      this.#sendBy(machine, encodeCall(governanceSchema, 'vote', { proposal, approve }))
    }
  }

  #next(): void {
    const { scheduler, random } = this.#world
    scheduler.after(random.between(EVERY_MS[0], EVERY_MS[1]), () => {
      if (this.#world.healed) return
      this.#step()
      this.#next()
    })
  }

  /** Mostly votes on open proposals, otherwise makes a new one. */
  #step(): void {
    const { random } = this.#world
    const state = this.#world.highest()?.node?.importer.head().state
    if (state === undefined) return
    const open = openProposals(state).proposals
    if (open.length > 0 && random.chance(0.7)) {
      this.#approve(state, random.pick(open).id, 0.95)
    } else this.#decide(state)
  }

  #validators(state: StateReader): readonly Machine[] {
    return validatorSet(state).validators.flatMap(({ operator }) =>
      this.#world.machines.filter((m) => equalBytes(m.operator.address, operator)),
    )
  }

  #decide(state: StateReader): void {
    const { random, machines } = this.#world
    const proposer = random.pick(this.#validators(state))
    const machine = random.pick(machines)
    const provider = providerByOperator(state, machine.operator.address)
    const propose = (action: string, args: { readonly [name: string]: unknown }): void => {
      this.proposals++
      this.#sendBy(proposer, encodeCall(governanceSchema, action, args))
    }
    if (provider === undefined) {
      propose('proposeAdmission', admissionOf(machine))
      return
    }
    const { status, removed } = getProvider(state, provider)!
    if (status === 'jailed') propose('proposeUnjail', { provider })
    else if (!removed && random.chance(0.35)) {
      const { consensusKey, possessionProof } = machine.keys[1]
      if (providerByConsensusKey(state, consensusKey) === undefined) {
        this.#sendBy(
          machine,
          encodeCall(providersSchema, 'rotateConsensusKey', { consensusKey, possessionProof }),
        )
      }
    } else if (random.chance(0.6)) propose('proposeJail', { provider })
    else if (!removed) propose('proposeRemoval', { provider })
  }

  #sendBy(machine: Machine, call: Call): void {
    this.#send(machine.operator.secretKey, machine.operator.address, call)
  }

  #send(secretKey: Uint8Array, from: Uint8Array, call: Call): void {
    const running = this.#world.up()
    if (running.length === 0) return
    const at = this.#world.random.pick(running)
    const raw = signTransaction(
      {
        type: 2,
        chainId: this.#world.chain.chainId,
        nonce: at.node!.mempool.pendingNonce(from),
        maxPriorityFeePerGas: GWEI,
        maxFeePerGas: 1_000n * GWEI,
        gasLimit: 8_000_000,
        to: call.to,
        valueBase: call.valueBase,
        data: call.data,
        accessList: [],
      },
      secretKey,
    )
    this.#world.spawn(this.#world.submit(at, raw))
  }

  /** Whether the world is healed, nothing is left to decide or change, and all nodes are at the tip in their role. */
  isSettled(): boolean {
    const { machines, healed, checks } = this.#world
    if (!healed || machines.some(({ node }) => node === undefined)) return false
    if (!this.#lastSent) {
      this.#lastSent = true
      this.#send(FUNDER.secretKey, FUNDER.address, transfer(FUNDER.address, 0n))
    }
    const { state, header } = machines[0]!.node!.importer.head()
    const pooled = machines.some(({ node }) => node!.mempool.hasIncludable(includable(state)))
    if (pooled || header.endsEpoch) return false
    return machines.every(({ node, operator, keys }) => {
      const { self, epoch } = node!.driver.status()
      if (node!.importer.head().header.height !== checks.height || epoch !== header.epoch) return false
      const set = validatorSet(node!.importer.head().state).validators
      const place = set.findIndex((v) => equalBytes(v.operator, operator.address))
      if (place < 0) return self === undefined
      return (
        self === place && keys.some(({ consensusKey }) => equalBytes(consensusKey, set[place]!.consensusKey))
      )
    })
  }
}

const includable = (state: StateReader) => ({
  nonceAt: (address: Uint8Array) => getAccount(state, address).nonce,
  baseFees: perLane(() => GWEI),
})

/** Arguments of the proposal to admit a machine under its first key. */
export function admissionOf(machine: Machine): { readonly [name: string]: unknown } {
  const { consensusKey, possessionProof, peerId } = machine.keys[0]
  const name = `machine ${machine.index}`
  return {
    operator: machine.operator.address,
    consensusKey,
    possessionProof,
    peerId,
    legalName: name,
    legalGroup: name,
    jurisdiction: 'TW',
    url: 'https://machine.example',
    termsHash: sha256(utf8(name)),
  }
}
