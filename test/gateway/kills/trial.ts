// A devnet's node, a gateway and holders' proxies as programs, under load, each killed with SIGKILL and started again; and what
// must hold after each kill and at the end. Owns: the processes, the load, the checks. Not: when who is killed (main.ts).
import assert from 'node:assert/strict'
import { mustExist } from '../../../base/assert.ts'
import { COIN } from '../../../base/units.ts'
import { listRedemptions } from '../../../cli/redeem/redeemFiles.ts'
import { redemption } from '../../../client/modules.ts'
import { apiKeyText } from '../../../client/redemption/grant.ts'
import { requestRedemption } from '../../../client/redemption/request.ts'
import { checkStatement, type StatementPoint } from '../../../client/redemption/statement.ts'
import { PATHS, readWire, type Session, statementInfo } from '../../../client/redemption/wire.ts'
import { pause } from '../../../client/waiting.ts'
import { findFreePorts } from '../../../devnet/ports.ts'
import { Running } from '../../support/devnetHarness.ts'
import { GatewayStage, MODEL, type Redemption } from '../../support/gatewayStage.ts'
import { until } from '../../support/nodeSteps.ts'
import type { Random } from '../../support/random.ts'
import { type Answer, ask } from './answers.ts'

export const VICTIMS = ['gateway', 'proxy', 'node'] as const
export type Victim = (typeof VICTIMS)[number]

const HOLDERS = 2
const STREAMS_PER_HOLDER = 2
const AMOUNT = 4n * COIN
/** Of the requests that are made on the chain meanwhile. */
const SMALL = COIN / 100n
/** For a window to begin, and for a process to be back on a busy machine. */
const WINDOW_BEGINS_MS = 900_000
const BACK_MS = 120_000
/** A program that finds nobody asks again. */
const AGAIN_MS = 100
const TOKENS_MAX = 60

interface Side {
  readonly of: Redemption
  readonly apiKey: Uint8Array
  readonly assignment: number
  /** Undefined for a client that never signs. */
  readonly port: number | undefined
  /** Of tokens that came, over all lives. */
  servedBase: bigint
  /** The highest voucher of which the gateway has said that it has it. */
  acceptedBase: bigint
}

export class KillTrial {
  readonly stage: GatewayStage
  readonly outcomes = new Map<string, number>()
  kills = 0
  tokens = 0
  readonly #random: Random
  readonly #sides: Side[] = []
  readonly #proxies = new Map<Side, Running>()
  readonly #ending = new AbortController()
  /** Redemptions whose receipt a client has. */
  readonly #acknowledged: number[] = []
  #loops: Promise<void>[] = []
  #failure: unknown
  #wakeOnToken: (() => void)[] = []

  private constructor(stage: GatewayStage, random: Random) {
    this.stage = stage
    this.#random = random
  }

  /** Resolves once redemptions of a window that runs are served. */
  static async begin(options: {
    readonly random: Random
    readonly windowMs: number
    readonly firstWindowMs: number
  }): Promise<KillTrial> {
    const { random, ...windows } = options
    const trial = new KillTrial(await GatewayStage.start(windows), random)
    try {
      await trial.#open()
      return trial
    } catch (error) {
      await trial.abandon()
      throw error
    }
  }

  async #open(): Promise<void> {
    const { stage } = this
    await stage.startBackend({ isSlow: true })
    await stage.open()
    const redemptions: Redemption[] = []
    for (let i = 0; i <= HOLDERS; i++) redemptions.push(await stage.request(stage.account(i), AMOUNT))
    this.#loops = [this.#guard(() => this.#redeemOnChain())]
    for (const [i, of] of redemptions.entries()) {
      await until(
        'it is granted',
        async () => (await stage.assignment(of.id))!.grantedAtMs > 0,
        WINDOW_BEGINS_MS,
      )
      const { window } = (await stage.assignment(of.id))!
      const { windowIndex } = await stage.clock()
      assert.ok(
        window - windowIndex <= 1,
        `it is assigned for window ${window} in window ${windowIndex}: --seconds-to-start is too short`,
      )
      await until(
        'its window runs',
        async () => (await stage.clock()).windowIndex >= window,
        WINDOW_BEGINS_MS,
      )
      const { apiKey, assignment } = await stage.grant(of)
      const port = i < HOLDERS ? await findFreePorts(1) : undefined
      const side: Side = { of, apiKey, assignment, port, servedBase: 0n, acceptedBase: 0n }
      this.#sides.push(side)
      if (port !== undefined) await this.#startProxy(side)
    }
    for (const side of this.#sides) {
      const streams = side.port === undefined ? 1 : STREAMS_PER_HOLDER
      for (let i = 0; i < streams; i++) this.#loops.push(this.#guard(() => this.#askOn(side, i > 0)))
    }
  }

  get #payers(): readonly Side[] {
    return this.#sides.filter(({ port }) => port !== undefined)
  }

  async #startProxy(side: Side): Promise<void> {
    const { devnet } = this.stage
    const index = this.#sides.indexOf(side)
    const running = new Running([
      ...['redeem', 'serve', '--dev', `${index}`, '--id', `${side.of.id}`, '--port', `${side.port}`],
      ...['--rpc', devnet.rpcUrl, '--state', this.stage.dir(`holder-${index}`), '--json'],
    ])
    this.#proxies.set(side, running)
    await running.line(/"baseUrl"/)
  }

  /** Runs a part of the load until the end; what it finds ends the trial. */
  async #guard(run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.#failure ??= error
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #pause(ms: number): Promise<void> {
    return pause(ms, this.#ending.signal)
  }

  async #askOn(side: Side, isMixed: boolean): Promise<void> {
    const { signal } = this.#ending
    const baseUrl = `http://127.0.0.1:${side.port ?? this.stage.ports[0]}/v1`
    const own = side.port === undefined ? { apiKey: apiKeyText(side.apiKey) } : {}
    for (let i = 0; !signal.aborted && this.#failure === undefined; i++) {
      const isStream = !(isMixed && i % 3 === 0)
      const tokens = isStream ? this.#random.between(5, TOKENS_MAX) : 4
      const answer = await ask(baseUrl, { isStream, tokens, ...own }, () => this.#onToken())
      this.#note(side, answer)
      if (answer.outcome !== 'whole') await this.#pause(AGAIN_MS)
    }
  }

  #onToken(): void {
    this.tokens++
    for (const wake of this.#wakeOnToken.splice(0)) wake()
  }

  #note(side: Side, { outcome, servedBase, voucheredBase }: Answer): void {
    const name = `${side.port === undefined ? 'silent' : 'paying'}: ${outcome}`
    this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + 1)
    side.servedBase += servedBase
    if (voucheredBase > side.acceptedBase) side.acceptedBase = voucheredBase
  }

  /** Somebody redeems a little, again and again, through a node that dies. */
  async #redeemOnChain(): Promise<void> {
    const { stage } = this
    const { account, keys } = stage.account(HOLDERS + 2)
    const wanted = { amountBase: SMALL, service: 'infer', provider: 1 } as const
    while (!this.#ending.signal.aborted) {
      try {
        this.#acknowledged.push(await requestRedemption(stage.client, account, keys, wanted))
      } catch {
        // The node is down, or was before it could tell.
      }
      await this.#pause(1_000)
    }
  }

  /** Kills one at a random moment of an answer, starts it again, and looks at everything. */
  async kill(victim: Victim): Promise<void> {
    const { stage } = this
    // Some token that comes, and a moment later.
    await Promise.race([
      new Promise<void>((resolve) => this.#wakeOnToken.push(resolve)),
      this.#pause(BACK_MS),
    ])
    await this.#pause(this.#random.between(0, 400))
    this.#check()
    if (victim === 'gateway') {
      await stage.kill()
      await stage.open()
    } else if (victim === 'node') {
      await stage.devnet.stopValidator(0, 'SIGKILL')
      await this.#pause(this.#random.between(0, 500))
      await stage.devnet.startValidator(0)
    } else {
      const side = this.#random.pick(this.#payers)
      const running = mustExist(this.#proxies.get(side), 'its proxy runs')
      running.child.kill('SIGKILL')
      await running.ended
      await this.#startProxy(side)
    }
    this.kills++
    await this.look()
  }

  #signedBase(side: Side): bigint {
    const dir = this.stage.dir(`holder-${this.#sides.indexOf(side)}`)
    const file = listRedemptions(dir, this.stage.genesis).find(({ id }) => id === side.of.id)
    return file?.assignments.find(({ assignment }) => assignment === side.assignment)?.voucheredBase ?? 0n
  }

  async #session(side: Side): Promise<Session> {
    let session: Session | undefined
    await until(
      'the gateway answers',
      async () => {
        session = await this.stage.sessionBy(side.apiKey)
        return true
      },
      BACK_MS,
    )
    return session!
  }

  /** What holds at any time. */
  async look(): Promise<void> {
    for (const side of this.#sides) {
      // In this order: the first two only grow, and what was served is paid for later than it came.
      const { servedBase, acceptedBase } = side
      const session = await this.#session(side)
      const signedBase = this.#signedBase(side)
      const { voucheredBase, meteredBase, exposureBase } = session
      const figures = JSON.stringify({ servedBase, acceptedBase, signedBase, ...session }, (_, value) =>
        typeof value === 'bigint' ? `${value}` : value,
      )
      assert.ok(voucheredBase >= acceptedBase, `an accepted voucher is lost: ${figures}`)
      if (voucheredBase > side.acceptedBase) side.acceptedBase = voucheredBase
      assert.ok(meteredBase >= voucheredBase, `more vouchered than metered: ${figures}`)
      assert.ok(signedBase >= voucheredBase, `a holder forgot what it signed: ${figures}`)
      assert.ok(servedBase - signedBase <= exposureBase, `served beyond the exposure: ${figures}`)
      if (side.port === undefined) assert.equal(voucheredBase, 0n)
    }
    const { client } = this.stage
    const { supply, liabilities } = await this.stage.reserve()
    assert.equal(supply, liabilities)
    assert.deepEqual(await client.query(redemption, 'rejections', { provider: 1 }), [])
    this.#check()
  }

  /** Ends the load and the programs in order; then meter, statement, vouchers and chain say the same. */
  async finish(): Promise<void> {
    const { stage } = this
    this.#ending.abort()
    await Promise.all(this.#loops)
    this.#check()
    for (const [side, running] of this.#proxies) {
      const { code, stderr } = await running.interrupt()
      assert.equal(code, 0, stderr)
      this.#proxies.delete(side)
    }
    const ends: { readonly side: Side; readonly voucheredBase: bigint }[] = []
    for (const side of this.#sides) {
      const { meteredBase, voucheredBase } = await this.#session(side)
      assert.equal(await this.#statementBase(side), meteredBase)
      if (side.port !== undefined) {
        assert.equal(voucheredBase, meteredBase)
        assert.equal(this.#signedBase(side), voucheredBase)
      }
      ends.push({ side, voucheredBase })
    }
    assert.equal(await stage.shut(), 0)
    for (const { side, voucheredBase } of ends) {
      const { assignments } = mustExist(await stage.info(side.of.id), 'the redemption is there')
      const found = assignments.find(({ assignment }) => assignment === side.assignment)
      assert.equal(found?.voucheredBase, voucheredBase)
    }
    for (const id of this.#acknowledged) {
      const { amountBase, queuedBase, assignments } = mustExist(await stage.info(id), `redemption ${id}`)
      const assignedBase = assignments.reduce((sum, one) => sum + one.amountBase, 0n)
      assert.equal(queuedBase + assignedBase, amountBase, `redemption ${id}`)
    }
    const { supply, liabilities } = await stage.reserve()
    assert.equal(supply, liabilities)
  }

  async #statementBase(side: Side): Promise<bigint> {
    const { genesis, devnet, operator } = this.stage
    const id = { redemptionId: side.of.id, assignment: side.assignment }
    const on = { genesis, chainId: devnet.chainId, provider: operator.address, ...id }
    let known: StatementPoint | undefined
    for (;;) {
      const after = known?.lineCount ?? 0
      const statement = readWire(
        statementInfo,
        await this.stage.ask(side.of, `${PATHS.statement}?after=${after}`),
      )
      known = checkStatement(statement, known === undefined ? on : { ...on, known })
      if (known.lineCount === statement.lineCount) return known.meteredBase
    }
  }

  get summary(): Readonly<Record<string, unknown>> {
    const sum = (of: (side: Side) => bigint): string =>
      `${this.#sides.reduce((all, side) => all + of(side), 0n)}`
    return {
      kills: this.kills,
      model: MODEL,
      tokens: this.tokens,
      servedBase: sum(({ servedBase }) => servedBase),
      acceptedBase: sum(({ acceptedBase }) => acceptedBase),
      redemptionsAcknowledged: this.#acknowledged.length,
      outcomes: Object.fromEntries([...this.outcomes].sort()),
    }
  }

  /** Ends everything, whatever state it is in. */
  async abandon(): Promise<void> {
    this.#ending.abort()
    for (const running of this.#proxies.values()) {
      running.child.kill('SIGKILL')
      await running.ended
    }
    this.#proxies.clear()
    await this.stage.close()
    await Promise.all(this.#loops)
  }
}
