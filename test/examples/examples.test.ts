// The examples as their user runs them, against one devnet: what they print, and what they did to the chain. Not here:
// examples/devnetTest.ts, which brings a devnet of its own (test/package runs it as the package's user would).
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createWalletClient, type Hex, http, parseEther, publicActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { testInProcess, testStarted, WatchedEvents } from '../support/devnetSteps.ts'
import { call } from '../support/jsonRpc.ts'
import { testDocstrings } from './docstrings.ts'

const ROOT = resolve(fileURLToPath(new URL('../../..', import.meta.url)))
const WINDOW_MS = 8_000
const PROGRAMS = ['sendCoins', 'followDeposits', 'redeem', 'nativeClient', 'sponsor', 'verifyBalance']
/** What is installed beside the programs rather than joined with them: it carries binaries. */
const NATIVE = ['@chainsafe/blst', '@chainsafe/hashtree', 'classic-level', 'secp256k1']
/** Libraries in CommonJS ask for Node's modules. */
const REQUIRE =
  "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);"

interface Ended {
  readonly code: number | null
  readonly lines: readonly string[]
  readonly stderr: string
}

describe('examples', function () {
  this.timeout(60_000)
  const dir = mkdtempSync(join(tmpdir(), 'suanli-examples-'))
  const compiled = (name: string): string => join(dir, 'programs', `${name}.mjs`)
  const children = new Set<ChildProcess>()
  const watched = new WatchedEvents()
  let devnet: Devnet
  let sentAt = 0
  before(async () => {
    // Each starts several times, and half a second of each start would go to the many files of its libraries.
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'))
    await build({
      entryPoints: PROGRAMS.map((name) => join(ROOT, `dist/examples/${name}.js`)),
      outdir: join(dir, 'programs'),
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      external: NATIVE,
      banner: { js: REQUIRE },
      logLevel: 'warning',
    })
    // An idle chain's next block, which assigns, comes sooner where windows are short.
    devnet = await createDevnet({ windowMs: WINDOW_MS, isInProcess: true, onEvent: watched.take })
  })
  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await devnet?.close()
    rmSync(dir, { recursive: true, force: true })
  })
  testStarted({ devnet: () => devnet, watched })
  testDocstrings(() => devnet)
  // In a describe of their own, so that they come last.
  describe('createDevnet in one process', () => testInProcess({ devnet: () => devnet, watched }))

  function begin(
    command: string,
    args: readonly string[],
    rpcUrls: readonly string[] = [devnet.rpcUrl],
  ): Started {
    const env = { ...process.env, ETH_RPC_URL: rpcUrls.join(',') }
    const child = spawn(command, args, { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
    children.add(child)
    child.once('close', () => children.delete(child))
    return new Started(child)
  }
  const example = (name: string, ...args: readonly string[]): Promise<Ended> =>
    begin(process.execPath, [compiled(name), ...args]).ended
  const balanceOf = async (address: Hex): Promise<bigint> =>
    BigInt(await call<Hex>(devnet.rpcUrl, 'eth_getBalance', [address, 'latest']))
  const account = (i: number): Hex => devnet.accounts[i]!.address

  /** Pays without an example, which takes longer to load than to pay; the height of the block. */
  async function pay(to: Hex, coins: string): Promise<number> {
    const payer = privateKeyToAccount(devnet.accounts[9]!.privateKey)
    const client = createWalletClient({ account: payer, transport: http(devnet.rpcUrl) }).extend(
      publicActions,
    )
    const hash = await client.sendTransaction({ to, value: parseEther(coins), chain: null })
    const { blockNumber } = await client.waitForTransactionReceipt({ hash, pollingInterval: 50 })
    return Number(blockNumber)
  }

  it('sendCoins pays, and says so once it is final', async () => {
    const { code, lines, stderr } = await example('sendCoins', account(2), '1.25')
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    const match = /^([\d.]+) ACPC to (0x\w+): final in block (\d+), transaction 0x[0-9a-f]{64}$/.exec(
      lines[0]!,
    )
    assert.deepEqual(match?.slice(1, 3), ['1.25', account(2)], lines[0])
    sentAt = Number(match![3])
    assert.equal(await balanceOf(account(2)), parseEther('10001.25'))
    const refused = await example('sendCoins', '0x1234', '1')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /0x1234 is no address/)
  })

  it('followDeposits misses nothing while it is down, and counts nothing twice', async () => {
    const args = [compiled('followDeposits'), 'deposits.json', account(3), account(4)]
    const first = begin(process.execPath, args)
    await first.line(/^Following from block \d+$/)
    const height = await pay(account(3), '2.5')
    await first.line(new RegExp(`^Block ${height}: 2.5 ACPC to ${account(3)}$`))
    first.child.kill('SIGKILL')
    await first.ended

    const missed = await pay(account(4), '3.5')
    await pay(account(5), '4.5')
    const second = begin(process.execPath, args)
    await second.line(new RegExp(`^Block ${missed}: 3.5 ACPC to ${account(4)}$`))
    second.child.kill('SIGKILL')
    const { lines } = await second.ended
    assert.deepEqual(lines.slice(1).length, 1, lines.join('\n'))
  })

  it('followDeposits stops where the node shows another chain', async () => {
    const file = join(dir, 'deposits.json')
    const ledger = JSON.parse(readFileSync(file, 'utf8')) as {
      hash: Hex
      deposits: { to: Hex; amountBase: string }[]
    }
    const kept = ledger.deposits.map(({ to, amountBase }) => [to, BigInt(amountBase)])
    assert.deepEqual(kept, [
      [account(3), parseEther('2.5')],
      [account(4), parseEther('3.5')],
    ])
    writeFileSync(file, JSON.stringify({ ...ledger, hash: `0x${'11'.repeat(32)}` }))
    await pay(account(3), '1')
    const { code, stderr } = await example('followDeposits', 'deposits.json', account(3))
    assert.equal(code, 1)
    assert.match(stderr, /does not follow 0x1111.*another chain/)
  })

  it('redeem mints, requests, and sees the redemption assigned', async () => {
    const { code, lines, stderr } = await example('redeem', '25')
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    const text = lines.join('\n')
    const id = Number(/^Redemption (\d+) is queued in block \d+$/m.exec(text)?.[1])
    const window = Number(/^Assigned: 25 ACPC to provider 1 in window (\d+)$/m.exec(text)?.[1])
    const redemption = await call<{ state: string; assignments: { provider: number; window: number }[] }>(
      devnet.rpcUrl,
      'redemption_redemption',
      [id],
    )
    // 'active' once its window has begun, which may be at any moment now.
    assert.match(redemption.state, /^(?:assigned|active)$/)
    assert.deepEqual(
      redemption.assignments.map((one) => [one.provider, one.window]),
      [[1, window]],
    )
    const { reserve } = await call<{ reserve: { supplyBase: string } }>(devnet.rpcUrl, 'chain_reserve')
    assert.equal(BigInt(reserve.supplyBase), parseEther('101025'))

    const refused = await example('redeem', '1000000')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /QuotaExceeded/)
  })

  it('nativeClient requests, and reads the event', async () => {
    const { code, lines, stderr } = await example('nativeClient', '4')
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    const [, id, coins] = /^Redemption (\d+): ([\d.]+) ACPC$/.exec(lines[0]!) ?? []
    assert.equal(coins, '4', lines.join('\n'))
    const made = await call<{ owner: string }>(devnet.rpcUrl, 'redemption_redemption', [Number(id)])
    assert.equal(made.owner, account(8).toLowerCase())
    assert.match(lines[1]!, /^In block \d+; requests are of 0\.01 ACPC at least$/)
    const refused = await example('nativeClient', '0.001')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /BelowMinimum/)
  })

  it('sponsor redeems for a holder that signs nothing and pays no gas', async () => {
    const { code, lines, stderr } = await example('sponsor', '10')
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    const id = Number(new RegExp(`^Redemption (\\d+) of 10 ACPC for ${account(7)}$`).exec(lines[0]!)?.[1])
    assert.ok(lines[1]!.endsWith(`paid by ${account(3)}`), lines[1])
    const redemption = await call<{ owner: Hex }>(devnet.rpcUrl, 'redemption_redemption', [id])
    assert.equal(redemption.owner.toLowerCase(), account(7).toLowerCase())
  })

  it('verifyBalance proves it from the genesis hash, then from what it kept', async () => {
    const urls = devnet.validators.slice(0, 2).map(({ rpcUrl }) => rpcUrl)
    for (const anchor of [devnet.genesisHash, 'kept']) {
      const args = [compiled('verifyBalance'), anchor, account(2), 'light.json']
      const { code, lines, stderr } = await begin(process.execPath, args, urls).ended
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
      assert.equal(lines[0], 'Balance    10001.25 ACPC, nonce 0')
      assert.match(lines.join('\n'), new RegExp(`^Compared   ${urls[1]}: agrees$`, 'm'))
    }
  })

  it('verifyBalance trusts no other chain, and nothing by mistake', async () => {
    const other = await example('verifyBalance', `0x${'11'.repeat(32)}`, account(2))
    assert.match(other.stderr, /the genesis document has the hash/)
    const typo = await example('verifyBalance', devnet.genesisHash.slice(0, -1), account(2))
    assert.match(typo.stderr, /is neither a genesis hash nor a checkpoint/)
    assert.deepEqual([other.code, typo.code], [1, 1])
  })

  it('history.py reads blocks, movements of coins and what backs them', async () => {
    const { code, lines, stderr } = await python('examples/history.py', String(sentAt))
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.match(
      lines[0]!,
      new RegExp(
        `^block ${sentAt} time \\d+ transactions 1 failed 0 supply 101000 liabilities 101000 shortfall 0$`,
      ),
    )
    const moved = (to: Hex): readonly string[] =>
      lines.flatMap((line) => (line.includes(`-> ${to.toLowerCase()} `) ? [line.split(' ')[5]!] : []))
    assert.deepEqual(moved(account(2)), ['1.25'])
    assert.deepEqual(moved(account(3)), ['2.5', '1'])
    assert.ok(lines.some((line) => / supply 101025 liabilities 101025 shortfall 0$/.test(line)))
    const heights = lines.flatMap((line) => /^block (\d+) /.exec(line)?.slice(1) ?? []).map(Number)
    assert.deepEqual(
      heights,
      heights.map((_, i) => sentAt + i),
    )
  })

  async function python(file: string, ...args: readonly string[]): Promise<Ended> {
    try {
      return await begin('python3', [join(ROOT, file), ...args]).ended
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return assert.fail(
        `${file} cannot be tested: there is no python3 on this machine; install it (3.9 or newer)`,
      )
    }
  }
})

/** A started program whose lines can be awaited. */
class Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  readonly #lines: string[] = []
  #onLine: (line: string) => void = () => {}

  constructor(child: ChildProcess) {
    this.child = child
    let stderr = ''
    child.stderr!.on('data', (piece: Buffer) => {
      stderr += piece.toString()
    })
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.#lines.push(line)
      this.#onLine(line)
    })
    this.ended = new Promise((done, reject) => {
      child.once('error', reject)
      child.once('close', (code) => done({ code, lines: this.#lines, stderr }))
    })
  }

  /** The first line that matches, printed already or to come; rejects when the program ends before. */
  async line(pattern: RegExp): Promise<void> {
    const found = new Promise<void>((resolve) => {
      this.#onLine = (line) => pattern.test(line) && resolve()
      if (this.#lines.some((line) => pattern.test(line))) resolve()
    })
    const gone = this.ended.then(({ code, lines, stderr }): never => {
      throw new Error(`it ended with ${code} before ${pattern}:\n${lines.join('\n')}\n${stderr}`)
    })
    gone.catch(() => {})
    await Promise.race([found, gone])
  }
}
