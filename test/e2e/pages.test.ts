// Every command of every page runs as its reader types it, but for addresses, names and example values, which stand below. The pages of
// a new network and of its operation over time run in membership.test.ts. Twins in 繁體中文 show the same commands (test/tidy).
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import { findFreePorts } from '../../devnet/ports.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { DEFAULT_CONFIG, loadConfig, saveConfig } from '../../node/config.ts'
import { createKeys, showKeys } from '../../node/nodeKeys.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { tablesOf } from '../../state/table.ts'
import { openDatabase, plain } from '../../storage/database.ts'
import { stateKeyBytes } from '../../storage/layout.ts'
import { type Ended, Running, runSuanli, temporaryDir } from '../support/devnetHarness.ts'
import { call } from '../support/jsonRpc.ts'
import { LocalNode } from '../support/localNode.ts'
import { heightOf, transfer, until } from '../support/nodeSteps.ts'
import { type Block, commandsOf, isTwin, userPages } from '../support/pageBlocks.ts'
import { type PageContext, runPage } from '../support/pageRun.ts'
import { PageShell } from '../support/pageShell.ts'

/** Run by membership.test.ts, with the network that they found and run. */
const ELSEWHERE = [
  'docs/genesis.md',
  'docs/operations/membership.md',
  'docs/operations/upgrade.md',
  'docs/operations/backup.md',
]
const PASSWORD = ['SUANLI_PASSWORD=...', `SUANLI_PASSWORD=${DEVELOPMENT_PASSWORD}`] as const
/** The development account that pays what the pages do not. */
const PAYER = 7
const DONE: Ended = { code: 0, stdout: '', stderr: '' }

describe('the pages', function () {
  this.timeout(120_000)
  this.slow(20_000)
  const dir = temporaryDir()
  const folder = (name: string): string => join(dir.path, name)
  const ran = new Set<string>()
  const nodes: LocalNode[] = []
  const signers: Running[] = []
  let devnet: Devnet
  /** The chain of the page that runs. */
  let running: Devnet
  let isClosed = false
  /** How far the devnet's clock was set forward: its validators go on from there. */
  let aheadMs = 0

  before(async () => {
    devnet = await createDevnet({
      isInProcess: true,
      dataDir: folder('devnet'),
      port: await findFreePorts(8),
    })
  })
  after(async () => {
    await endAll()
    if (!isClosed) await devnet.close()
    dir.remove()
  })
  afterEach(() => endAll())

  async function endAll(): Promise<void> {
    for (const node of nodes.splice(0)) await node.end()
    for (const signer of signers.splice(0)) await signer.interrupt()
  }

  /** Commands that run until Ctrl-C: nodes in this process, signers in their own. */
  function takeOver(args: readonly string[], cwd: string): Promise<Ended> | undefined {
    const at = (option: string): string => resolve(cwd, args[args.indexOf(option) + 1]!)
    if (args[0] === 'redeem') return redeem(args, cwd)
    if (args[0] === 'start') return startNode(at('-d'))
    if (args[0] === 'signer' && args[1] === '-d') return startSigner(args)
    return undefined
  }
  async function startNode(dataDir: string): Promise<Ended> {
    if (loadConfig(dataDir).rpcPort === DEFAULT_CONFIG.rpcPort) await onFreePorts(dataDir)
    const member = { dir: dataDir, index: 0 }
    nodes.push(
      await LocalNode.start(member, {
        logFile: `${dataDir}.log`,
        onHalted: (reason) => assert.fail(reason),
        aheadMs,
      }),
    )
    return DONE
  }
  async function startSigner(args: readonly string[]): Promise<Ended> {
    for (const signer of signers.splice(0)) await signer.interrupt()
    const signer = new Running(args, { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD })
    signers.push(signer)
    await signer.line(/signer is up/)
    return DONE
  }

  /** On the chain of the page that runs: its windows end while a request waits, and the endpoint runs beside. */
  async function redeem(args: readonly string[], cwd: string): Promise<Ended> {
    const environment = { SUANLI_RPC: running.rpcUrl, SUANLI_REDEEM_STATE: join(cwd, 'redeem') }
    if (args[1] === 'serve') {
      const endpoint = new Running(args, environment)
      signers.push(endpoint)
      await endpoint.line(/OPENAI_BASE_URL/)
      return DONE
    }
    let isOver = false
    const ended = runSuanli(args, { environment }).finally(() => {
      isOver = true
    })
    if (/^\d/.test(args[1] ?? ''))
      await until('the coins are redeemed', async () => {
        await nearWindow()
        return isOver
      })
    return ended
  }

  /** Ends a window where a later one has what the first account redeemed last: the newest comes first. */
  async function nearWindow(): Promise<void> {
    type Found = { readonly assignments: readonly { readonly window: number }[] }
    const of = running.accounts[0]!.address
    const { rpcUrl } = running
    const { redemptions } = await call<{ redemptions: readonly Found[] }>(rpcUrl, 'redemption_redemptions', [
      ...[of, 0, 10],
    ])
    const { windowIndex } = await call<{ windowIndex: number }>(rpcUrl, 'capacity_clock')
    const window = redemptions[0]?.assignments.at(-1)?.window
    if (window !== undefined && window > windowIndex) await running.passWindows()
  }

  /** Keys that cost little to open, where a command would make some: it keeps those that are there. */
  function lightKeys(dataDir: string, index: number, isValidator: boolean): void {
    const given = developmentValidator(index)
    createKeys({ dataDir, password: DEVELOPMENT_PASSWORD, isValidator, given, cost: 'light' })
  }
  /** A node of its own ports. */
  async function onFreePorts(dataDir: string): Promise<void> {
    const rpcPort = await findFreePorts(1)
    saveConfig(dataDir, {
      ...loadConfig(dataDir),
      rpcPort,
      p2pListen: ['/ip4/127.0.0.1/tcp/0'],
      signatureWorkers: 0,
    })
  }

  async function run(
    page: string,
    context: (home: string) => PageContext | Promise<PageContext>,
    chain = devnet,
  ): Promise<void> {
    running = chain
    const home = folder(page.replaceAll('/', '-'))
    mkdirSync(join(home, 'data'), { recursive: true })
    cpSync(join(chain.validators[0]!.dir, 'genesis.json'), join(home, 'genesis.json'))
    symlinkSync(chain.dataDir, join(home, 'data/devnet'))
    const environment = { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD, SUANLI_RPC: chain.rpcUrl }
    const shell = await PageShell.open({ dir: home, environment, takeOver })
    try {
      const { replaced = [], ...given } = await context(home)
      const address = chain.rpcUrl.replace('http://', '')
      const node = [/(?:127\.0\.0\.1|localhost):8545/, address] as const
      await runPage(shell, page, { ...given, replaced: [...replaced, PASSWORD, node] })
      ran.add(page)
    } finally {
      await shell.close()
    }
  }

  const account = (i: number): string => devnet.accounts[i]!.address
  /** A transfer that is final. */
  const transaction = (): Promise<string> => transfer(devnet.rpcUrl, PAYER)

  describe('against a devnet', () => {
    it('docs/first-redemption.md', () =>
      run('docs/first-redemption.md', () => ({
        // Nothing was late here.
        refused: [/NotSuspended/],
        before: untilWindowOfAssignment,
      })))
    async function untilWindowOfAssignment({ text }: Block): Promise<void> {
      if (!text.startsWith('GENESIS=')) return
      type Found = { readonly assignments: readonly { readonly window: number }[] }
      const { assignments } = await call<Found>(devnet.rpcUrl, 'redemption_redemption', [1])
      const { windowIndex } = await call<{ windowIndex: number }>(devnet.rpcUrl, 'capacity_clock')
      await devnet.passWindows(assignments[0]!.window - windowIndex)
    }

    it('README.md, whose providers serve', async () => {
      const chain = await createDevnet({
        ...{ isInProcess: true, hasGateways: true, logLevel: 'warn' },
        port: await findFreePorts(4),
      })
      try {
        const port = await findFreePorts(1)
        const replaced = [
          ['11435', `${port}`],
          ['redeem serve', `redeem serve --port ${port}`],
        ] as const
        await run('README.md', () => ({ replaced }), chain)
      } finally {
        await endAll()
        await chain.close()
      }
    })

    it('docs/cli.md', async () => {
      const hash = await transaction()
      await run('docs/cli.md', () => ({
        replaced: [
          ['tx 0x…', `tx ${hash}`],
          [
            'send ADDRESS',
            `send "0x$(grep -o '"address": *"[^"]*"' mine.json | grep -oi '[0-9a-f]\\{40\\}')"`,
          ],
        ],
      }))
    })

    it('docs/devnet.md', () =>
      run('docs/devnet.md', () => ({
        // Nobody was left without a grant.
        refused: [/NothingQueued/, /NotSuspended/],
      })))

    it('docs/clients.md', () =>
      run('docs/clients.md', () => ({
        replaced: [
          ['--private-key 0x…', `--private-key ${devnet.accounts[5]!.privateKey}`],
          ['0x…', account(6)],
        ],
      })))

    it('docs/light-client.md', async () => {
      const hash = await transaction()
      const { genesisHash } = devnet
      const [first, second] = devnet.validators
      await run('docs/light-client.md', () => ({
        replaced: [
          ['0xf39F…', account(0)],
          ['https://a.example', first!.rpcUrl],
          ['https://b.example', second!.rpcUrl],
          // No change of the set has made a checkpoint here.
          ['--checkpoint 0xa2b7…:41:0x7ae6…', `--genesis-hash ${genesisHash} --rpc ${first!.rpcUrl}`],
          ['0xa2b7…', genesisHash],
          ['0xdcfd…', hash],
          // The state that an earlier run kept.
          ['--state light.json', `--state light.json --genesis-hash ${genesisHash} --rpc ${first!.rpcUrl}`],
        ],
        unshown: ['Checkpoint 0x9561…e730:0:0x7ae6…173f'],
      }))
    })
    it('docs/operators.md', () =>
      run('docs/operators.md', (home) => {
        lightKeys(join(home, 'node'), 9, true)
        const { multiaddr } = devnet.validators[0]!
        return { replaced: [['/ip4/203.0.113.7/tcp/26600/p2p/12D3Koo...', multiaddr]] }
      }))

    it('docs/operations/ports.md', () => run('docs/operations/ports.md', ownNode))
    it('docs/operations/logs.md', () => run('docs/operations/logs.md', ownNode))
    /** `node` is the first validator's directory. */
    function ownNode(home: string): PageContext {
      symlinkSync(devnet.validators[0]!.dir, join(home, 'node'))
      return {}
    }

    it('docs/operations/hardware-security.md', () => run('docs/operations/hardware-security.md', () => ({})))

    it('docs/operations/services.md', () =>
      run('docs/operations/services.md', (home) => {
        lightKeys(join(home, 'suanli'), 9, false)
        lightKeys(join(home, 'suanli-signer'), 9, true)
        writeFileSync(
          join(home, 'peers.json'),
          JSON.stringify(devnet.validators.map(({ multiaddr }) => multiaddr)),
        )
        return { replaced: [['/var/lib/', '']] }
      }))

    it('docs/operations/remote-signer.md', async () => {
      const port = await findFreePorts(1)
      await run('docs/operations/remote-signer.md', (home) => {
        lightKeys(join(home, 'vault'), 9, true)
        return {
          replaced: [
            ['/run/suanli/', ''],
            ['10.0.0.7:7700', `127.0.0.1:${port}`],
            ['10.0.0.7', '127.0.0.1'],
          ],
        }
      })
    })
  })

  describe('once the devnet has stopped', () => {
    /** Data directories of the four validators. */
    let dirs: readonly string[]
    let stoppedAt = 0
    before(async () => {
      await transaction()
      stoppedAt = await heightOf(devnet.rpcUrl)
      ;({ aheadMs } = await call<{ aheadMs: number }>(devnet.rpcUrl, 'dev_time'))
      dirs = devnet.validators.map((validator) => validator.dir)
      isClosed = true
      await devnet.close()
    })

    it('docs/operations/state-mismatch.md', () =>
      run('docs/operations/state-mismatch.md', async () => {
        await spoil(dirs[3]!)
        let height = 4
        return {
          replaced: [['/data/node', dirs[3]!]],
          variants: (text) => [text.replace('--to 4', `--to ${height}`)],
          // It says that something is wrong.
          refused: [/^To do:/m],
          // The node has not run since.
          unshown: ['note  halts        this node has halted before: diagnosis-6.json'],
          after: async ({ text }, { stdout }) => {
            if (text.startsWith('suanli doctor')) height = Number(/--to (\d+)/.exec(stdout)![1])
          },
        }
      }))
    /** Changes what the newest blocks wrote, as a failing disk does. */
    async function spoil(dataDir: string): Promise<void> {
      const { account: table } = tablesOf(accountsSchema)
      const key = stateKeyBytes(table.key({ address: developmentAccounts()[PAYER]!.address }))
      const database = await openDatabase(nodePaths(dataDir).chain)
      const { balanceBase, nonce } = table.decode(plain((await database.get(key))!))
      await database.put(key, table.encode({ balanceBase: balanceBase + 1n, nonce }))
      await database.close()
    }

    it('docs/operations/keys.md', () =>
      run('docs/operations/keys.md', (home) => {
        for (const name of ['node', 'vault']) lightKeys(join(home, name), 9, true)
        return {
          before: async ({ text }) => {
            if (!text.startsWith('suanli signer resume')) return
            // The record of a key that has signed is lost.
            rmSync(join(home, 'node'), { recursive: true })
            cpSync(dirs[2]!, join(home, 'node'), { recursive: true })
            rmSync(join(home, 'node/signer'), { recursive: true })
          },
        }
      }))

    it('docs/operations/quorum-loss.md', async () => {
      const port = await findFreePorts(1)
      await run('docs/operations/quorum-loss.md', async (home) => {
        lightKeys(join(home, 'new'), 9, true)
        const { consensusKey } = showKeys(dirs[2]!)
        const { operator } = developmentValidator(2)
        const addresses = [0, 1].map((i) => devnet.validators[i]!.multiaddr)
        const listen = `--rpc-port ${port} --p2p-listen /ip4/127.0.0.1/tcp/${port + 1_000}`
        const survivors = [...dirs.slice(0, 2), join(home, 'new')]
        let proposer = dirs[0]!
        let bestView = -1
        return {
          replaced: [
            ['--peer /ip4/…/p2p/…', `${addresses.map((each) => `--peer ${each}`).join(' ')} ${listen}`],
            [
              '--operator-signature 0x…',
              `--operator-signature $(cast wallet sign "$(cat text)" --private-key ${toHex(operator.secretKey)})`,
            ],
            ['--replaces 0x83ca…   #', `--replaces ${consensusKey} | tee text   #`],
            ['0x83ca…', consensusKey!],
            ['/data/new', 'new'],
            ['/data/node', dirs[0]!],
          ],
          variants: (text) => {
            if (/recovery status/.test(text))
              return dirs.slice(0, 2).map((each) => text.replace('/data/node', each))
            if (/recovery propose/.test(text)) return [text.replace('/data/node', proposer)]
            if (/recovery sign/.test(text))
              return survivors.map(
                (each, i) =>
                  `cp recovery.json copy-${i + 1}.json\n${text.replace('recovery.json', `copy-${i + 1}.json`).replace('/data/node', each)}`,
              )
            if (/recovery apply|suanli start/.test(text))
              return survivors.map((each) => text.replaceAll('/data/node', each))
            return undefined
          },
          after: async ({ text }, { stdout }) => {
            if (!/recovery status/.test(text)) return
            const { provider, bestFloor } = JSON.parse(stdout) as {
              provider: number
              bestFloor: { view: number }
            }
            if (bestFloor.view > bestView) {
              bestView = bestFloor.view
              proposer = dirs[provider - 1]!
            }
          },
        }
      })
      // The page promises that the chain continues.
      await until('the chain goes on', async () => (await heightOf(devnet.rpcUrl)) > stoppedAt, 90_000)
    })
  })

  describe('together', () => {
    it('are all that have commands', () => {
      const wanted = userPages().filter((page) => !isTwin(page) && commandsOf(page).length > 0)
      assert.deepEqual([...ran, ...ELSEWHERE].sort(), wanted)
    })
  })
})
