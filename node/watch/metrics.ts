// A node's figures for Prometheus, taken when somebody asks. Owns: which figures, their names and help. Not: the format
// (rpc/metricsText.ts), JSON-RPC's own (rpc/rpcMeter.ts), where they are served (rpc/start.ts).
import { readdir } from 'node:fs/promises'
import { toHex } from '../../base/bytes.ts'
import { MINT_STOPS } from '../../base/protocol/header.ts'
import { quorum } from '../../base/protocol/validators.ts'
import type { CoreStatus } from '../../consensus/types.ts'
import type { P2pHost } from '../../p2p/protocol.ts'
import type { Backend } from '../../rpc/backend.ts'
import type { Labels, MetricsText } from '../../rpc/metricsText.ts'
import { readiness } from '../../rpc/pages.ts'
import type { Importer } from '../chain/importerTypes.ts'
import type { DiskUse } from './diskUse.ts'
import type { MemberNames } from './memberNames.ts'

const BASE_PER_COIN = 1e18
const SIGNER_STATES = ['ready', 'observing', 'away'] as const
const STARTED_SECONDS = Math.round(performance.timeOrigin) / 1_000

export interface MetricsParts {
  readonly backend: Backend
  readonly importer: Pick<Importer, 'onFinalized'>
  readonly status: () => CoreStatus
  readonly host: Pick<P2pHost, 'getPeer' | 'getValidatorPeer' | 'peers'>
  readonly members: MemberNames
  readonly disk: DiskUse
  /** Undefined while unknown. */
  readonly clockOffsetMs: () => number | undefined
}

export interface RunningMeters {
  write(out: MetricsText): Promise<void>
  close(): void
}

/** Counts blocks from now on; everything else is read when it is asked for. */
export function startMeters(parts: MetricsParts): RunningMeters {
  const finalized = { blocks: 0, transactions: 0, gas: 0 }
  const close = parts.importer.onFinalized(({ executed }) => {
    finalized.blocks++
    finalized.transactions += executed.block.transactions.length
    finalized.gas += executed.block.header.gasUsed
  })
  return {
    close,
    async write(out) {
      writeIdentity(out, parts)
      await writeState(out, parts)
      writeFinality(out, parts)
      out.counter(
        'suanli_finalized_blocks_total',
        'Blocks that became final here since the start.',
        finalized.blocks,
      )
      out.counter(
        'suanli_finalized_transactions_total',
        'Transactions in blocks that became final here since the start.',
        finalized.transactions,
      )
      out.counter('suanli_finalized_gas_total', 'Gas used in those blocks.', finalized.gas)
      writeConsensus(out, parts)
      writeNetwork(out, parts)
      writeReserve(out, parts)
      await writeDisk(out, parts)
      await writeProcess(out, parts)
    },
  }
}

const flag = (holds: boolean): number => (holds ? 1 : 0)
const coins = (base: bigint): number => Number(base) / BASE_PER_COIN

function writeIdentity(out: MetricsText, { backend }: MetricsParts): void {
  const { clientVersion, chainId, genesisHash } = backend.identity
  const [, version = '', platform = ''] = clientVersion.split('/')
  const labels: Labels = { version, platform, node: process.version }
  out.gauge('suanli_build_info', 'Version of this build, and the Node that runs it.', [[labels, 1]])
  const chain: Labels = { chain_id: String(chainId), genesis: toHex(genesisHash) }
  out.gauge('suanli_chain_info', 'The chain that this node is of.', [[chain, 1]])
}

async function writeState(out: MetricsText, { backend }: MetricsParts): Promise<void> {
  const { halted, signer } = backend.health()
  const { checks } = await readiness(backend)
  const isReady = Object.values(checks).every((holds) => holds)
  out.gauge('suanli_ready', 'Whether /ready answers 200.', flag(isReady))
  out.gauge(
    'suanli_ready_check',
    'Each check of /ready.',
    Object.entries(checks).map(([check, holds]) => [{ check }, flag(holds)] as const),
  )
  out.gauge(
    'suanli_halted',
    'Whether consensus has halted here and waits for the operator.',
    flag(halted !== undefined),
  )
  out.gauge(
    'suanli_signer_state',
    'What the consensus key can do: 1 for one of ready, observing and away; all 0 without a key.',
    SIGNER_STATES.map((state) => [{ state }, flag(signer === state)] as const),
  )
  out.gauge(
    'suanli_evidence_pending',
    'Proofs of double votes that are not on chain yet.',
    backend.evidence().length,
  )
  const progress = backend.syncing()
  const behind = progress === undefined ? 0 : Math.max(0, progress.highestHeight - progress.currentHeight)
  out.gauge('suanli_sync_blocks_behind', 'Blocks to fetch until this node is level with its peers.', behind)
}

function writeFinality(out: MetricsText, { backend }: MetricsParts): void {
  const { finalizedHeight, finalizedAgeMs, heartbeatMs } = backend.health()
  const { timestampMs } = backend.head().header
  out.gauge('suanli_finality_height', 'Height of the newest final block.', finalizedHeight)
  out.gauge('suanli_finality_timestamp_seconds', 'Unix time of the newest final block.', timestampMs / 1_000)
  out.gauge('suanli_finality_age_seconds', 'Age of the newest final block.', finalizedAgeMs / 1_000)
  out.gauge('suanli_heartbeat_seconds', 'An idle chain makes a block this often.', heartbeatMs / 1_000)
}

function writeConsensus(out: MetricsText, { status, backend, members, host }: MetricsParts): void {
  const { epoch, view, leader, self, validatorCount, needed } = status()
  out.gauge('suanli_consensus_epoch', 'The running epoch.', epoch)
  out.gauge('suanli_consensus_view', 'The running view of the epoch.', view)
  out.gauge('suanli_consensus_leader', 'Index of the validator that leads the view.', leader)
  out.gauge('suanli_consensus_needed', 'Whether there is something to decide.', flag(needed))
  out.gauge('suanli_validators', 'Validators of the set.', validatorCount)
  out.gauge('suanli_validators_quorum', 'Validators that a decision needs.', quorum(validatorCount))
  out.gauge('suanli_validator_index', "This node's index in the set; none for a node that follows.", self)
  const all = members.all()
  const isHere = (index: number): boolean => {
    if (index === self) return true
    const peer = host.getValidatorPeer(index)
    return peer !== undefined && host.getPeer(peer)?.connected === true
  }
  out.gauge(
    'suanli_validator_connected',
    'Whether this node and each validator are connected; itself counts.',
    all.map(({ provider, legalName }, index) => {
      const labels = { validator: String(index), provider: String(provider), legal_name: legalName }
      return [labels, flag(isHere(index))] as const
    }),
  )
  const { mempoolCount, mempoolBytes } = backend.health()
  out.gauge('suanli_mempool_transactions', 'Transactions that wait for a block.', mempoolCount)
  out.gauge('suanli_mempool_bytes', 'Their bytes.', mempoolBytes)
}

function writeNetwork(out: MetricsText, { host, clockOffsetMs }: MetricsParts): void {
  const peers = host.peers()
  out.gauge('suanli_peers', 'Connected peers.', peers.filter(({ connected }) => connected).length)
  out.gauge(
    'suanli_peers_named',
    'Peers that this node keeps connected: validators and those of the settings.',
    peers.filter(({ known }) => known).length,
  )
  const offsetMs = clockOffsetMs()
  out.gauge(
    'suanli_clock_offset_seconds',
    'This clock minus the time of recent final blocks, the least of them: the time to finality is in it. None while unknown.',
    offsetMs === undefined ? undefined : offsetMs / 1_000,
  )
}

function writeReserve(out: MetricsText, { backend }: MetricsParts): void {
  const { reserve } = backend.head().header
  out.gauge('suanli_supply_coins', 'Coins that exist.', coins(reserve.supplyBase))
  out.gauge(
    'suanli_liabilities_coins',
    'Coins that providers owe compute for.',
    coins(reserve.liabilitiesBase),
  )
  out.gauge(
    'suanli_capacity_coins',
    'Coins that the capacity of the window backs.',
    coins(reserve.capacityBase),
  )
  out.gauge(
    'suanli_redemption_locked_coins',
    'Coins locked in redemption.',
    coins(reserve.lockedInRedemptionBase),
  )
  out.gauge('suanli_shortfall_coins', 'Coins that the capacity does not back.', coins(reserve.shortfallBase))
  out.gauge(
    'suanli_minting_stopped',
    'Why nobody may mint now: 1 for the reason, all 0 while minting is open.',
    MINT_STOPS.map((reason) => [{ reason }, flag(reserve.mintStop?.reason === reason)] as const),
  )
}

async function writeDisk(out: MetricsText, { disk }: MetricsParts): Promise<void> {
  const figures = await disk.figures()
  out.gauge(
    'suanli_disk_bytes',
    'Size of each part of the data directory.',
    Object.entries(figures?.bytes ?? {}).map(([part, bytes]) => [{ part }, bytes] as const),
  )
  out.gauge('suanli_disk_free_bytes', 'Free space where the data directory is.', figures?.freeBytes)
}

/** Under the names that Prometheus' own libraries give them. */
async function writeProcess(out: MetricsText, { backend }: MetricsParts): Promise<void> {
  const { loopLagMaxMs, loopLagMeanMs } = backend.health()
  out.gauge(
    'suanli_event_loop_lag_max_seconds',
    'Longest turn of the event loop in the last minute.',
    loopLagMaxMs / 1_000,
  )
  out.gauge(
    'suanli_event_loop_lag_mean_seconds',
    'Mean delay of a timer in the last minute.',
    loopLagMeanMs / 1_000,
  )
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  out.counter('process_cpu_seconds_total', 'Processor time of this process.', (user + system) / 1e6)
  out.gauge('process_resident_memory_bytes', 'Memory of this process.', rss)
  out.gauge('process_start_time_seconds', 'Unix time of its start.', STARTED_SECONDS)
  out.gauge('nodejs_heap_size_used_bytes', 'Used part of the JavaScript heap.', heapUsed)
  out.gauge('nodejs_external_memory_bytes', 'Memory of buffers and native objects.', external)
  const files = await readdir('/proc/self/fd').catch(() => undefined)
  out.gauge(
    'process_open_fds',
    'Open files and connections; none where the system does not say.',
    files?.length,
  )
}
