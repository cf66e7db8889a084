// Whole nodes on a virtual clock with a validator set that changes on chain: members join, leave, are jailed and rotate
// keys by transactions, while nodes crash and links lose messages. One seed determines the whole run.
// Owns: time, links, crashes, peers. Not: decisions (memberDecisions.ts), nodes (fullNode.ts).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesKey, equalBytes } from '../../../base/bytes.ts'
import { quorum, type ValidatorSet } from '../../../base/protocol/validators.ts'
import type { Target } from '../../../consensus/types.ts'
import { developmentGenesis } from '../../../devnet/genesisOptions.ts'
import { buildGenesis } from '../../../genesis/build.ts'
import { developmentValidator } from '../../../genesis/devKeys.ts'
import { DEVNET_TIMESTAMP_MS } from '../../../genesis/devnet.ts'
import { genesisValidators } from '../../../genesis/schema.ts'
import { staticPeers } from '../../../node/network.ts'
import { syncSourceOf } from '../../../node/sync/syncSource.ts'
import type { StaticPeer } from '../../../p2p/protocol.ts'
import type { RangeDownload } from '../../../p2p/rangeDownload.ts'
import { SignerRing } from '../../../signer/signerRing.ts'
import { decodeTransaction } from '../../../state/transaction.ts'
import { genesisKeys, type Keys, keysOf } from '../../support/memberChain.ts'
import { Random, Scheduler } from '../../support/random.ts'
import { sharedBls as bls } from '../../support/sharedBls.ts'
import { SimSigner } from '../simSigner.ts'
import { type FullNode, type FullNodePorts, startFullNode } from './fullNode.ts'
import { FullNodeChecks } from './fullNodeChecks.ts'
import { type Life, SimStorage, simSigner } from './simStorage.ts'

export interface MemberConfig {
  readonly seed: number
  readonly lossRate: number
  /** Mean time between crashes of single machines or of all; 0 = none. */
  readonly crashEveryMs: number
  /** Probability of a crash before and after each journal sync, signature and commit. */
  readonly crashPointRate: number
  /** Faults and decisions stop here. */
  readonly faultsUntilMs: number
  /** Time after healing until all nodes are at the tip and in their role. */
  readonly limitMs: number
}

/** Genesis validators, and further machines that may be admitted. */
export const VALIDATORS = 4
export const MACHINES = 7
const DELAY_MS = [1, 30] as const
const FOLLOW_EVERY_MS = 250
const RANGE_MAX = 64

const document = developmentGenesis({ validators: VALIDATORS, blockTimeMs: 100, windowMs: 60_000 })
/** Decisions take effect at once: time locks would take minutes of every world. */
const governance = { ...document.params.governance, memberLockWindows: 0 }
const genesis = { ...document, params: { ...document.params, governance } }
const block = buildGenesis(genesis)

/** One machine; its storage and both keys survive crashes. */
export interface Machine {
  readonly index: number
  readonly operator: ReturnType<typeof developmentValidator>['operator']
  readonly keys: readonly [Keys, Keys]
  readonly storage: SimStorage
  readonly spareFlags: SimSigner
  life: { isAlive: boolean } | undefined
  node: FullNode | undefined
  /** By peer id, as in the node's own host. */
  peers: ReadonlyMap<string, StaticPeer>
}

export class MemberWorld {
  readonly config: MemberConfig
  readonly random: Random
  readonly scheduler = new Scheduler(DEVNET_TIMESTAMP_MS + 60_000)
  readonly checks = new FullNodeChecks(MACHINES)
  readonly machines: readonly Machine[]
  readonly chain = block.chain
  readonly #dir = mkdtempSync(join(tmpdir(), 'suanli-members-'))
  readonly #roles = new Map<Machine, 'inside' | 'outside'>()
  #healed = false
  #failure: unknown
  #starting: Promise<void> | undefined
  crashes = 0
  epochs = 0

  constructor(config: MemberConfig) {
    this.config = config
    this.random = new Random(config.seed)
    this.machines = Array.from({ length: MACHINES }, (_, index) => ({
      index,
      operator: developmentValidator(index).operator,
      keys: [genesisKeys(index), keysOf(`second key of ${index}`)],
      storage: new SimStorage(),
      spareFlags: new SimSigner(),
      life: undefined,
      node: undefined,
      peers: new Map(),
    }))
  }

  get healed(): boolean {
    return this.#healed
  }

  up(): readonly Machine[] {
    return this.machines.filter(({ node }) => node !== undefined)
  }

  /** The machine with the longest chain. */
  highest(): Machine | undefined {
    const height = ({ node }: Machine): number => node!.importer.head().header.height
    return [...this.up()].sort((a, b) => height(b) - height(a))[0]
  }

  async run(begin: () => void, isDone: () => boolean): Promise<void> {
    try {
      for (const machine of this.machines) await this.#start(machine)
      if (this.config.crashEveryMs > 0) this.#nextCrash()
      begin()
      const startMs = this.scheduler.nowMs
      await this.#advance(startMs + this.config.faultsUntilMs, () => false)
      this.#healed = true
      for (const machine of this.machines) if (machine.life === undefined) await this.#start(machine)
      const until = this.scheduler.nowMs + this.config.limitMs
      if (!(await this.#advance(until, isDone))) this.checks.fail('L', this.describe())
      for (const machine of this.machines) {
        const { self } = machine.node!.driver.status()
        this.#roles.set(machine, self === undefined ? 'outside' : 'inside')
      }
      await this.#checkRestart()
    } finally {
      for (const machine of this.machines) this.#kill(machine)
      rmSync(this.#dir, { recursive: true, force: true })
    }
  }

  /** The node's own view of its role before the final stop. */
  roleOf(machine: Machine): 'inside' | 'outside' | undefined {
    return this.#roles.get(machine)
  }

  describe(): string {
    return this.machines
      .map(({ index, node }) => {
        if (node === undefined) return `${index} down`
        const { epoch, view, self } = node.driver.status()
        return `${index}@${node.importer.head().header.height} epoch ${epoch} view ${view} ${self === undefined ? 'outside' : `place ${self}`}`
      })
      .join(', ')
  }

  async #advance(untilMs: number, done: () => boolean): Promise<boolean> {
    while (!done()) {
      if (!this.scheduler.step(untilMs)) return done()
      await this.#starting
      this.#starting = undefined
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (this.#failure !== undefined) throw this.#failure
    }
    return true
  }

  spawn(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#failure ??= error
    })
  }

  async #start(machine: Machine): Promise<void> {
    const { index, storage, keys } = machine
    const state = { isAlive: true }
    const life: Life = {
      get isAlive() {
        return state.isAlive
      },
      delay: (lowMs, highMs) =>
        new Promise((resolve) => {
          this.scheduler.after(this.random.between(lowMs, highMs), () => {
            if (state.isAlive) resolve()
          })
        }),
      crashPoint: () => {
        const crashes = state.isAlive && !this.#healed && this.random.chance(this.config.crashPointRate)
        if (crashes) this.#crash(machine)
        return state.isAlive ? Promise.resolve() : new Promise(() => {})
      },
    }
    machine.life = state
    const signers = [storage.flags, machine.spareFlags].map((flags, i) =>
      simSigner({
        flags,
        journal: storage.journal,
        life,
        bls,
        secretKey: keys[i]!.secret,
        genesisHash: this.chain.genesisHash,
        genesisSet: genesisValidators(genesis),
        onSigned: (subject) => this.checks.onSigned(index, subject),
      }),
    )
    const node = await startFullNode({
      index,
      genesis,
      genesisBlock: block,
      secretKey: keys[0].secret,
      signer: new SignerRing(signers),
      bls,
      storage,
      life,
      ports: this.#portsOf(machine, state),
      dir: join(this.#dir, String(index)),
    })
    this.checks.onStart(index, node.store)
    if (!state.isAlive) return
    machine.node = node
    this.#follow(machine, node, state)
  }

  /** Like node/sync/follower.ts, with the roles of node/node.ts. */
  #follow(machine: Machine, node: FullNode, state: { readonly isAlive: boolean }): void {
    const again = (): void => {
      this.scheduler.after(FOLLOW_EVERY_MS, () => {
        if (!state.isAlive) return
        const { self, validatorCount } = node.driver.status()
        const isAlone = this.#reachable(machine) + 1 < quorum(validatorCount)
        const lagMin = self === undefined || isAlone ? 0 : 64
        const onCommit = node.driver.observe.bind(node.driver)
        const signal = new AbortController().signal
        this.spawn(node.blockSync.follow(signal, { lagMin, onCommit }).then(again))
      })
    }
    again()
  }

  /** Both sides must allow the channel, as two hosts would. */
  #link(from: Machine, to: Machine): StaticPeer | undefined {
    const [own, other] = [this.#peerId(from), this.#peerId(to)]
    const out = from.peers.get(bytesKey(other))
    const back = to.peers.get(bytesKey(own))
    const allowed = (peer: StaticPeer | undefined): boolean =>
      peer?.consensus ?? peer?.validatorIndex !== undefined
    return allowed(out) && allowed(back) ? back : undefined
  }

  #peerId(machine: Machine): Uint8Array {
    return machine.keys[0].peerId
  }

  #reachable(machine: Machine): number {
    return this.up().filter((other) => {
      const link = other === machine ? undefined : this.#link(other, machine)
      return link?.validatorIndex !== undefined
    }).length
  }

  #portsOf(machine: Machine, state: { readonly isAlive: boolean }): FullNodePorts {
    const { index } = machine
    const ifAlive = (work: () => void): void => {
      if (state.isAlive) work()
    }
    return {
      nowMs: () => this.scheduler.nowMs,
      monotonicMs: () => this.scheduler.nowMs - DEVNET_TIMESTAMP_MS,
      after: (delayMs, callback) => {
        let cancelled = false
        this.scheduler.after(Math.max(0, delayMs), () => {
          if (!cancelled && state.isAlive) callback()
        })
        return () => {
          cancelled = true
        }
      },
      send: (to, set, bytes) => ifAlive(() => this.#send(machine, to, set, bytes)),
      download: (fromHeight, toHeight, lagMin = 0) => {
        const isNear = this.checks.height <= fromHeight - 1 + lagMin
        return this.#download(machine, fromHeight, isNear ? 0 : toHeight)
      },
      share: (validator, set, raws) =>
        ifAlive(() => {
          const to = this.#at(set, validator)
          if (to !== undefined && to !== machine) this.#carryTransactions(to, raws)
        }),
      onSigned: () => {},
      onFinalized: (event) =>
        ifAlive(() => {
          this.checks.onFinalized(index, event)
          this.epochs = Math.max(this.epochs, event.executed.block.header.epoch)
        }),
      onPenalised: (peer, reason) =>
        ifAlive(() =>
          this.checks.fail('penalise', `node ${index} penalised the honest node ${peer}: ${reason}`),
        ),
      onEvidence: (kind) =>
        ifAlive(() => this.checks.fail('evidence', `node ${index} accuses an honest node of ${kind}`)),
      onHalt: (reason) => ifAlive(() => this.checks.fail('halt', `node ${index}: ${reason}`)),
      useValidators: (set, self, previous) => {
        const peers = staticPeers({ book: new Map(), own: this.#peerId(machine), set, self, previous })
        machine.peers = new Map(peers.map((peer) => [bytesKey(peer.peerId), peer]))
      },
    }
  }

  /** The machine at an index of a set. */
  #at(set: ValidatorSet, place: number): Machine | undefined {
    const operator = set.validators[place]?.operator
    return this.machines.find((m) => operator !== undefined && equalBytes(m.operator.address, operator))
  }

  #send(from: Machine, to: Target, set: ValidatorSet, bytes: Uint8Array): void {
    const only =
      to.kind === 'peer'
        ? this.machines[Number(to.peer)]
        : to.kind === 'validator'
          ? this.#at(set, to.index)
          : undefined
    for (const machine of this.machines) {
      if (machine === from || (to.kind !== 'all' && machine !== only)) continue
      this.#carry(() => {
        const link = this.#link(from, machine)
        if (link === undefined || from.node === undefined) return
        const sender = { peer: String(from.index), validator: link.validatorIndex }
        machine.node?.deliver(sender, bytes)
      })
    }
  }

  #carry(deliver: () => void): void {
    if (!this.#healed && this.random.chance(this.config.lossRate)) return
    this.scheduler.after(this.random.between(DELAY_MS[0], DELAY_MS[1]), deliver)
  }

  #carryTransactions(to: Machine, raws: readonly Uint8Array[]): void {
    const items = raws.flatMap((raw) => {
      const decoded = decodeTransaction(raw, this.chain.chainId)
      return 'transaction' in decoded ? [{ raw, id: decoded.transaction.hash }] : []
    })
    this.#carry(() => {
      if (to.node !== undefined) this.spawn(to.node.gossip(items))
    })
  }

  /** Submits to one node, which gossips to all others. */
  async submit(to: Machine, raw: Uint8Array): Promise<boolean> {
    const result = await to.node?.submit(raw)
    if (result?.ok !== true) return false
    for (const machine of this.machines) if (machine !== to) this.#carryTransactions(machine, [raw])
    return true
  }

  #download(to: Machine, fromHeight: number, toHeight: number): RangeDownload {
    let next = fromHeight
    return {
      next: async () => {
        const from = next
        const source =
          from > toHeight
            ? undefined
            : this.up().find((m) => m !== to && (m.node!.store.tip()?.height ?? 0) >= from)
        if (source === undefined) return undefined
        const countMax = Math.min(RANGE_MAX, toHeight - from + 1)
        const range = { fromHeight: from, countMax, bytesMax: 4 * 1024 * 1024 }
        const items = await syncSourceOf(source.node!.store).range(range)
        next = from + items.length
        await new Promise<void>((resolve) => this.scheduler.after(2 * DELAY_MS[1], resolve))
        return { peer: String(source.index), fromHeight: from, items }
      },
      reject: (range, reason) =>
        this.checks.fail('penalise', `node ${to.index} rejected true blocks of ${range.peer}: ${reason}`),
      blame: (peer, reason) =>
        this.checks.fail('penalise', `node ${to} blamed the honest node ${peer}: ${reason}`),
      again: () => false,
      putBack: (range) => {
        next = range.fromHeight
      },
      rewind: (height) => {
        next = height
      },
      claimedHeight: () => this.checks.height,
      servedHeightMin: () => 1,
      close: () => {},
    }
  }

  #kill(machine: Machine): void {
    if (machine.life !== undefined) machine.life.isAlive = false
    machine.life = undefined
    machine.node = undefined
  }

  /** Crashes now and restarts later; some stay down for several epochs. */
  #crash(machine: Machine): void {
    const { random } = this
    this.away(machine, random.chance(0.3) ? random.between(5_000, 15_000) : random.between(1, 2_000))
  }

  away(machine: Machine, awayMs: number): void {
    if (machine.life === undefined) return
    this.#kill(machine)
    machine.storage.journal.crash(this.random)
    this.crashes++
    this.scheduler.after(awayMs, () => {
      if (machine.life === undefined) this.#starting = this.#start(machine)
    })
  }

  #nextCrash(): void {
    this.scheduler.after(this.random.between(1, 2 * this.config.crashEveryMs), () => {
      if (this.#healed) return
      const victims = this.random.chance(0.1) ? this.machines : [this.random.pick(this.machines)]
      for (const victim of victims) this.#crash(victim)
      this.#nextCrash()
    })
  }

  /** D: all machines stop at once and find the same chain, with a state that passes a recount. */
  async #checkRestart(): Promise<void> {
    for (const machine of this.machines) this.#kill(machine)
    for (const machine of this.machines) {
      await this.#start(machine)
      await this.checks.atEnd(machine.index, machine.node!, this.chain)
      this.#kill(machine)
    }
  }
}
