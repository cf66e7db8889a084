// A node's figures: every one there in Prometheus' format, and every figure that dashboard and alerts ask for exists.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FinalizedEvent } from '../../node/chain/importerTypes.ts'
import { DiskUse } from '../../node/watch/diskUse.ts'
import type { MemberNames } from '../../node/watch/memberNames.ts'
import { startMeters } from '../../node/watch/metrics.ts'
import { MetricsText } from '../../rpc/metricsText.ts'
import { RpcMeter } from '../../rpc/rpcMeter.ts'
import { FakeBackend } from '../support/fakeBackend.ts'
import { type Family, parsePrometheus, sampleOf } from '../support/prometheusText.ts'

const MONITORING = fileURLToPath(new URL('../../../docs/monitoring/', import.meta.url))

describe('node.metrics', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'suanli-metrics-'))
  after(() => rmSync(dataDir, { recursive: true }))
  const backend = new FakeBackend()
  let listener: (event: FinalizedEvent) => void = () => assert.fail('nobody listens')
  const peers = ['a', 'b', 'c'].map((peer) => ({ peer, connected: peer !== 'c', known: true }))
  const meters = startMeters({
    backend,
    importer: {
      onFinalized: (each) => {
        listener = each
        return () => {
          listener = () => {}
        }
      },
    },
    status: () => ({
      ...{ epoch: 3, view: 9, leader: 1, self: 0, validatorCount: 4, finalizedView: 8, finalizedHeight: 1 },
      ...{ needed: true, halted: false },
    }),
    host: {
      peers: () => peers as never,
      getPeer: (peer) => peers.find((one) => one.peer === peer) as never,
      getValidatorPeer: (index) => peers[index - 1]?.peer,
    },
    members: {
      all: () => [1, 2, 3, 4].map((provider) => ({ provider, legalName: `Member "${provider}"` })),
    } as unknown as MemberNames,
    disk: new DiskUse(dataDir),
    clockOffsetMs: () => 250,
  })
  let families: ReadonlyMap<string, Family>
  let text: string

  before(async () => {
    mkdirSync(join(dataDir, 'chain', 'chain'), { recursive: true })
    writeFileSync(join(dataDir, 'chain', 'chain', '000005.ldb'), new Uint8Array(1_000))
    writeFileSync(join(dataDir, 'chain', 'tree.cache'), new Uint8Array(24))
    const { header } = backend.mine()
    const event = { executed: { block: { header, transactions: [1, 2] } } }
    listener(event as unknown as FinalizedEvent)
    const out = new MetricsText()
    await meters.write(out)
    new RpcMeter(['eth_call']).write(out)
    text = out.text()
    families = parsePrometheus(text)
  })

  it('tell of finality, consensus, members, disk, clock and reserve', () => {
    const of = (name: string, labels = {}) => sampleOf(families, name, labels)
    assert.equal(of('suanli_finality_height'), 1)
    assert.equal(of('suanli_finality_age_seconds'), 0.005)
    assert.equal(of('suanli_finalized_blocks_total'), 1)
    assert.equal(of('suanli_finalized_transactions_total'), 2)
    assert.deepEqual([of('suanli_validators'), of('suanli_validators_quorum')], [4, 3])
    const connected = families.get('suanli_validator_connected')!.samples
    assert.deepEqual(
      connected.map(({ value }) => value),
      [1, 1, 1, 0],
    )
    assert.equal(connected[3]!.labels.legal_name, 'Member "4"')
    assert.equal(of('suanli_peers'), 2)
    assert.equal(of('suanli_clock_offset_seconds'), 0.25)
    assert.equal(of('suanli_disk_bytes', { part: 'chain' }), 1_024)
    assert.ok(of('suanli_disk_free_bytes')! > 0)
    assert.equal(of('suanli_supply_coins'), Number(backend.head().header.reserve.supplyBase) / 1e18)
    assert.equal(of('suanli_ready_check', { check: 'finality' }), 1)
    assert.equal(of('suanli_build_info', { node: process.version }), 1)
    assert.ok(of('process_cpu_seconds_total')! > 0 && of('process_resident_memory_bytes')! > 1e6)
  })

  it('are in the units of the names', () => {
    const units = /_(?:seconds|bytes|coins|total|info)$/
    const plain = [...families].filter(([name]) => !units.test(name)).map(([name]) => name)
    assert.deepEqual(
      plain.filter((name) => /time|age|size|lag|offset|delay/.test(name.replace('nodejs_heap_size', ''))),
      [],
    )
    // Not more for everybody than a scrape should carry.
    assert.ok([...families.values()].flatMap(({ samples }) => samples).length < 150)
  })

  it('count nothing more once they are closed', () => {
    meters.close()
    listener({} as FinalizedEvent)
  })

  it('are all that the dashboard and the alerts ask for, and each panel and alert asks for some', () => {
    const exist = new Set(families.keys())
    const asked = (expression: string): readonly string[] => {
      const names = expression.match(/\b(?:suanli|process|nodejs)_\w+/g) ?? assert.fail(expression)
      return names.map((name) => (exist.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '')))
    }
    const files = readdirSync(MONITORING)
    const dashboards = files.filter((name) => name.endsWith('.json'))
    const expressions = dashboards.flatMap((name) => {
      const { panels } = JSON.parse(readFileSync(join(MONITORING, name), 'utf8')) as {
        panels: { title: string; type: string; targets?: { expr: string }[] }[]
      }
      return panels
        .filter(({ type }) => type !== 'row')
        .flatMap(({ title, targets = [] }) => (targets.length > 0 ? targets : assert.fail(title)))
        .map(({ expr }) => expr)
    })
    const rules = files.filter((name) => name.startsWith('alerts'))
    const alerts = rules.flatMap((name) => {
      const text = readFileSync(join(MONITORING, name), 'utf8')
      const found = [...text.matchAll(/^ +- alert: \w+\n +expr: (.+)$/gm)].map(([, expr]) => expr!)
      assert.equal(found.length, text.match(/- alert:/g)!.length, name)
      return found
    })
    assert.ok(expressions.length >= 15 && alerts.length >= 10)
    const missing = [...expressions, ...alerts].flatMap(asked).filter((name) => !exist.has(name))
    assert.deepEqual(missing, [])
  })

  const promtool = (args: readonly string[], input = '') =>
    spawnSync('promtool', ['check', ...args], { cwd: MONITORING, input, encoding: 'utf8' })
  if (promtool(['--help']).error === undefined) {
    it('are accepted by promtool, with the alerts and the example of a configuration', () => {
      const runs = [['metrics'], ['rules', 'alerts.yml'], ['config', 'prometheus.yml']]
      for (const run of runs.map((args) => promtool(args, args[0] === 'metrics' ? text : '')))
        assert.equal(run.status, 0, `${run.stdout}${run.stderr}`)
    })
  } else {
    it('are read by the rules of this test alone: promtool is not installed here', () => {
      assert.deepEqual(parsePrometheus(text), families)
    })
  }
})
