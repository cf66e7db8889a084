// `npm run bench:store`: how long a start takes with many accounts, and the comparison of the state after an unclean stop.
// Owns: making the state, measuring. Not: the comparison (storage/stateCompare.ts).
import { existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Command } from 'commander'
import { u64be } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../base/ids.ts'
import { evenFees, NO_LANE_GAS, sealBlock } from '../base/protocol/header.ts'
import { wholeNumber } from '../cli/common.ts'
import { accountsSchema } from '../state/modules/accounts/schema.ts'
import { tablesOf } from '../state/table.ts'
import { TreeVersion } from '../state/tree/tree.ts'
import { openChainStore } from '../storage/chainStore.ts'
import { databaseDir } from '../storage/database.ts'
import { findLevelDamage } from '../storage/levelCheck.ts'

const { account } = tablesOf(accountsSchema)
const ACCOUNTS_PER_BLOCK = 20_000
const MS_PER_NS = 1e-6

/** A header with nothing but a state root. */
function blockOf(height: number, parentHash: Uint8Array, stateRoot: Uint8Array) {
  const [none, nothing] = [ZERO_HASH, 0n]
  return sealBlock({
    header: {
      ...{ version: 1, epoch: 0, view: height, height, parentHash, timestampMs: 1_000 * height },
      ...{ proposer: ZERO_ADDRESS, randaoReveal: new Uint8Array(0), mix: none, stateRoot },
      ...{
        receiptsRoot: none,
        transactionsRoot: none,
        gasUsed: 0,
        gasLimit: 1,
        ...evenFees(1n),
        laneGas: NO_LANE_GAS,
      },
      reserve: {
        ...{ supplyBase: nothing, liabilitiesBase: nothing, capacityBase: nothing },
        ...{ lockedInRedemptionBase: nothing, anchor: nothing, shortfallBase: nothing },
      },
      ...{ setHash: none, endsEpoch: false },
    },
    transactions: [],
  })
}

async function makeState(dir: string, accounts: number): Promise<void> {
  const store = await openChainStore(dir)
  let tree = TreeVersion.empty()
  let parentHash: Uint8Array = ZERO_HASH
  for (let made = 0, height = 0; made < accounts; height++) {
    const changes = new Map<string, Uint8Array>()
    for (; changes.size < ACCOUNTS_PER_BLOCK && made < accounts; made++) {
      const address = sha256(u64be(made)).slice(0, 20)
      changes.set(
        account.key({ address }),
        account.encode({ nonce: made, balanceBase: 10n ** 18n + BigInt(made) }),
      )
    }
    const next = tree.update(changes)
    tree.release()
    tree = next
    const block = blockOf(height, parentHash, tree.rootHash)
    await store.commit([{ block, receipts: [], senders: [], systemLogs: [], changes }])
    parentHash = block.hash
  }
  await store.saveTree(tree, store.tip()!.height)
  tree.release()
  await store.close()
}

interface Timed<T> {
  readonly ms: number
  /** Of this process, all threads. */
  readonly cpuMs: number
  /** Longest turn of the event loop. */
  readonly turnMs: number
  readonly value: T
}

async function timed<T>(run: () => Promise<T>): Promise<Timed<T>> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  const value = await run()
  const { user, system } = process.cpuUsage(cpu)
  const ms = performance.now() - startedMs
  delay.disable()
  return {
    ms: Math.round(ms),
    cpuMs: Math.round((user + system) / 1_000),
    turnMs: Math.round(delay.max * MS_PER_NS),
    value,
  }
}

async function measure(dir: string): Promise<object> {
  const files = await timed(() => findLevelDamage(databaseDir(dir), { tables: false }))
  const tables = await timed(() => findLevelDamage(databaseDir(dir), { tables: true }))
  rmSync(join(dir, 'closed'), { force: true })
  const opened = await timed(() => openChainStore(dir))
  const store = opened.value
  const loaded = await timed(() => store.loadTree())
  const compared = await timed(() => store.compareState(loaded.value))
  loaded.value.release()
  await store.close()
  const { entries, difference } = compared.value!
  const figures = ({ ms, cpuMs }: Timed<unknown>) => ({ ms, cpuMs })
  return {
    entries,
    difference: difference ?? null,
    checkLogs: figures(files),
    checkTables: figures(tables),
    open: figures(opened),
    loadTree: figures(loaded),
    compare: { ...figures(compared), longestTurnMs: compared.turnMs },
    entriesPerCpuSecond: Math.round(entries / (compared.cpuMs / 1_000)),
  }
}

async function main(): Promise<void> {
  const program = new Command('store-bench')
    .option('-a, --accounts <count>', 'accounts in the state', wholeNumber(1, 10_000_000), 1_000_000)
    .requiredOption('-o, --out <dir>', 'directory for the store; used again if it exists')
  const { accounts, out } = program.parse().opts()
  const dir = resolve(out)
  if (!existsSync(dir)) await makeState(dir, accounts)
  process.stdout.write(`${JSON.stringify(await measure(dir), null, 2)}\n`)
}

if (process.argv[1] !== undefined && import.meta.filename === resolve(process.argv[1])) await main()
