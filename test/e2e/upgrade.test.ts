// An upgrade of the rules at a height on a running network of four processes. Three run a build that has the next version; the fourth
// is late: it warns from the decision on, halts before the height, is started with the new build, and catches up.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXIT_HALTED } from '../../cli/runStart.ts'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { type Call, encodeCall, transfer } from '../../client/calls.ts'
import { createClient } from '../../client/chainClient.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { type DevelopmentAccount, developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { governanceSchema } from '../../state/modules/governance/schema.ts'
import { call } from '../support/jsonRpc.ts'
import { packBuild } from '../support/nextBuild.ts'
import { ROOT } from '../support/pageBlocks.ts'
import { Network, SHORT_LIVED, type ValidatorProcess } from '../support/processNetwork.ts'

const PATIENCE_MS = 60_000
const WINDOW_MS = 4_000
const [ACCOUNT] = developmentAccounts() as [DevelopmentAccount]

interface Info {
  readonly height: number
  readonly protocolVersion: number
  readonly protocolVersionMax: number
}
interface Versions {
  readonly current: number
  readonly scheduled: { readonly version: number; readonly height: number } | null
  readonly needed: number
}

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await ask().catch(() => undefined)
    if (found !== undefined) return found
    assert.ok(Date.now() < end, `${what}: not within ${PATIENCE_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const info = (node: ValidatorProcess): Promise<Info> => call(node.url, 'chain_info')
const hashAt = async (node: ValidatorProcess, height: number): Promise<string | undefined> =>
  (await call<{ hash: string } | null>(node.url, 'chain_header', [height]))?.hash

describe('an upgrade of the rules at a height', function () {
  this.timeout(240_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'suanli-upgrade-'))
  const next = join(dataDir, 'builds/next')
  let network: Network
  let height = 0

  const [first, late] = [() => network.nodes[0]!, () => network.nodes[3]!]
  const send = (secretKey: Uint8Array, sent: Call) =>
    createClient(httpTransport(first().url)).send(privateKeyAccount(secretKey), sent)
  const asMember = (id: number, action: keyof typeof governanceSchema.actions, args: object) =>
    send(developmentValidator(id - 1).operator.secretKey, encodeCall(governanceSchema, action, args as never))
  const makeBlock = () => send(ACCOUNT.secretKey, transfer(developmentValidator(0).operator.address, 1n))

  before(async () => {
    await packBuild(dataDir, '0.2.0', 2)
    mkdirSync(next, { recursive: true })
    execFileSync('tar', ['-xzf', join(dataDir, 'suanli-0.2.0.tgz'), '-C', next, '--strip-components=1'])
    symlinkSync(join(ROOT, 'node_modules'), join(next, 'node_modules'))
    network = await Network.prepare({
      ...{ validators: 4, dataDir: join(dataDir, 'net'), blockTimeMs: 200, windowMs: WINDOW_MS },
      flags: SHORT_LIVED,
    })
    for (const node of network.nodes.slice(0, 3)) node.program = join(next, 'dist/cli/main.js')
    late().mayHalt = true
    await network.startAll()
  })

  after(async () => {
    await network?.killAll()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('is refused until two thirds have signalled the version', async () => {
    assert.equal((await info(first())).protocolVersionMax, 2)
    assert.equal((await info(late())).protocolVersionMax, 1)
    const wish = { version: 2, height: 10_000 }
    await assert.rejects(asMember(1, 'proposeUpgrade', wish), /TooFewSignals/)
    for (const id of [1, 2, 3]) await asMember(id, 'signalVersion', { version: 2 })
  })

  it('is agreed on, and the node without the version warns at once', async () => {
    // Far enough away for the lock of a window, at four blocks a second at most.
    height = (await info(first())).height + 60
    await asMember(1, 'proposeUpgrade', { version: 2, height })
    for (const id of [2, 3]) await asMember(id, 'vote', { proposal: 1, approve: true })
    await until('the upgrade is scheduled', async () => {
      const { scheduled } = await call<Versions>(first().url, 'governance_versions')
      return scheduled === null ? undefined : scheduled
    })
    await until('the late node warns', async () =>
      late().readLog().includes('a version that this build does not have') ? true : undefined,
    )
    assert.equal(late().haltReason, undefined)
    assert.doesNotMatch(first().readLog(), /does not have/)
  })

  it('takes place at its height; the late node halts before it, cleanly', async () => {
    while ((await info(first())).height < height + 3) await makeBlock()
    assert.equal((await info(first())).protocolVersion, 2)
    await until('the late node halts', async () => late().haltReason)
    assert.match(late().haltReason!, new RegExp(`block ${height} is the first of version 2`))
    assert.equal((await info(late())).height, height - 1)
    for (const [at, version] of [
      [height - 1, 1],
      [height, 2],
    ] as const) {
      const { header } = await call<{ header: { fields: { version: number } } }>(first().url, 'chain_block', [
        at,
      ])
      assert.equal(header.fields.version, version)
    }
  })

  it('the late node is started with the new build and catches up with the same chain', async () => {
    assert.equal((await late().terminate()).code, EXIT_HALTED)
    late().mayHalt = false
    late().program = join(next, 'dist/cli/main.js')
    await late().start()
    const { height: target } = await info(first())
    await until('it has caught up', async () => ((await info(late())).height >= target ? true : undefined))
    assert.equal(await hashAt(late(), target), await hashAt(first(), target))
    await makeBlock()
    await until('it votes', async () => {
      const { validatorIndex } = await call<{ validatorIndex?: number }>(late().url, 'node_health')
      return validatorIndex === 3 ? true : undefined
    })
    assert.deepEqual(network.failures, [])
    assert.deepEqual(network.alarms([/consensus halted before an upgrade/]), [])
  })
})
