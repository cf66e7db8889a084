import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '../../base/bytes.ts'
import { EXIT } from '../../cli/exitCode.ts'
import { findFreePorts } from '../../devnet/ports.ts'
import { developmentAccounts } from '../../genesis/devKeys.ts'
import { DEVNET_CHAIN_ID } from '../../genesis/devnet.ts'
import { followChain } from '../support/chainFollower.ts'
import {
  Running,
  type RunningDevnet,
  runSuanli,
  startLocalDevnet,
  temporaryDir,
} from '../support/devnetHarness.ts'
import { call, post } from '../support/jsonRpc.ts'

const PASSWORD = { SUANLI_PASSWORD: 'correct horse' }
const MEGABYTE = 1024 * 1024
const COMMANDS = [
  ...['', 'devnet', 'init', 'start', 'version', 'keys', 'keys new', 'keys show'],
  ...['genesis', 'genesis check', 'genesis devnet', 'doctor', 'rollback', 'recovery', 'recovery propose'],
  ...['member', 'member admit', 'member vote', 'member rotate', 'member account'],
]

/** Deterministic bytes: SHA-256 in counter mode. */
function randomBytes(seed: number, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${seed}/${i}`).digest(),
  )
  return Buffer.concat(blocks).subarray(0, length)
}

describe('an operator', function () {
  this.timeout(60_000)
  let devnet: RunningDevnet
  let url: string
  const dir = temporaryDir()

  before(async () => {
    devnet = await startLocalDevnet({ windowMs: 4_000 })
    url = devnet.rpcUrls[0]!
  })
  after(async () => {
    dir.remove()
    const { tookMs } = await devnet.stop()
    assert.ok(tookMs < 10_000, `the end took ${tookMs} ms`)
  })

  describe('sends garbage to a running node', () => {
    after(async () => {
      // All processes still run and agree after the tests below.
      const heads = await Promise.all(
        devnet.rpcUrls.map((node) => call<{ hash: string }>(node, 'eth_getBlockByNumber', ['0x1', false])),
      )
      assert.deepEqual(
        heads.map(({ hash }) => hash),
        devnet.rpcUrls.map(() => devnet.firstFinal.hash),
      )
    })

    it('answers malformed JSON with a parse error', async () => {
      for (const body of ['', '{', '{"jsonrpc":"2.0",', '\u0000', 'null null', '{"a":1}{"b":2}']) {
        const { error } = await post(url, body)
        assert.equal(error?.code, -32700, body)
        assert.match(error.message, /parse|JSON/i)
      }
    })

    it('answers a malformed request with "invalid request"', async () => {
      for (const body of ['null', '7', '"eth_chainId"', '[]', '{}', '{"jsonrpc":"2.0","id":1}']) {
        assert.equal((await post(url, body)).error?.code, -32600, body)
      }
    })

    it('refuses a body of 20 MB by its size', async () => {
      const { status, error } = await post(url, new Uint8Array(20 * MEGABYTE).fill(0x20))
      assert.equal(status, 413)
      assert.match(error!.message, /large|exceeds|at most/i)
    })

    it('survives JSON nested 100,000 deep', async () => {
      const depth = 100_000
      const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`
      const { error } = await post(url, `{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":${nested}}`)
      assert.ok(error !== undefined && error.code !== -32603, JSON.stringify(error))
    })

    it('names the parameter with bad hex', async () => {
      const bad: readonly (readonly [string, readonly unknown[]])[] = [
        ['eth_getBalance', ['0x12', 'latest']],
        ['eth_getBalance', [`0x${'zz'.repeat(20)}`, 'latest']],
        ['eth_getBlockByNumber', ['0x', false]],
        ['eth_getBlockByNumber', ['0x01', false]],
        ['eth_getTransactionReceipt', ['0xabc']],
        ['eth_sendRawTransaction', ['0x02f']],
      ]
      for (const [method, params] of bad) {
        const { error } = await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
        assert.equal(error?.code, -32602, `${method} ${params[0]}: ${JSON.stringify(error)}`)
      }
    })

    it('rejects bytes that are not a transaction', async () => {
      for (let i = 0; i < 50; i++) {
        const raw = `0x${Buffer.from(randomBytes(i, i * 7)).toString('hex')}`
        const body = JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'eth_sendRawTransaction',
          params: [raw],
        })
        const { error } = await post(url, body)
        assert.ok(error?.code === -32000 || error?.code === -32602, JSON.stringify(error))
      }
    })

    it('closes connections that send random bytes to the p2p port', async () => {
      const [, , , , port] = devnet.peers[0]!.split('/')
      for (let seed = 0; seed < 8; seed++) {
        await new Promise<void>((resolve, reject) => {
          const socket = connect(Number(port), '127.0.0.1', () => socket.write(randomBytes(seed, 64 << seed)))
          // Ignore the noise handshake's bytes; the node must close the connection.
          socket.resume()
          socket.setTimeout(20_000, () => reject(new Error(`seed ${seed}: the node kept the connection`)))
          socket.once('error', () => resolve())
          socket.once('close', () => resolve())
        })
      }
      assert.equal((await call<{ live: boolean }>(url, 'node_health')).live, true)
    })
  })

  it('starts a follower with init and start; it catches up and serves the same blocks', async () => {
    const home = join(dir.path, 'follower')
    const port = await findFreePorts(1)
    const made = await runSuanli(
      [
        ...['init', '--data-dir', home, '--genesis', join(devnet.dataDir, 'validator-0', 'genesis.json')],
        ...['--rpc-port', String(port), '--p2p-listen', `/ip4/127.0.0.1/tcp/${port + 1_000}`],
        ...devnet.peers.flatMap((peer) => ['--peer', peer]),
      ],
      { environment: PASSWORD },
    )
    assert.deepEqual([made.code, made.stderr], [0, ''])
    assert.match(JSON.parse(made.stdout).peerId, /^12D3KooW/)
    const follower = new Running(['start', '--data-dir', home], PASSWORD)
    try {
      await follower.line(/"msg":"node is up"/)
      const own = `http://127.0.0.1:${port}`
      const chain = await followChain(own.replace('http', 'ws'))
      const { height, hash } = await call<{ height: number; hash: string }>(url, 'chain_info')
      const number = `0x${height.toString(16)}`
      const found = await chain.until(async () => {
        const block = await call<{ hash: string } | null>(own, 'eth_getBlockByNumber', [number, true])
        return block ?? undefined
      })
      assert.equal(found.hash, hash)
      assert.deepEqual(found, await call(url, 'eth_getBlockByNumber', [number, true]))
      // A transaction sent here reaches the validators, and its block comes back.
      const [sender] = developmentAccounts()
      const raw = await privateKeyToAccount(toHex(sender!.secretKey)).signTransaction({
        ...{ chainId: DEVNET_CHAIN_ID, type: 'eip1559', nonce: 0, gas: 21_000n, value: 1n },
        ...{ to: `0x${'0f'.repeat(20)}`, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n },
      })
      const receipt = await call<{ status: string }>(own, 'eth_sendRawTransactionSync', [raw, 10_000])
      assert.equal(receipt.status, '0x1')
      await chain.close()
    } finally {
      const { code, stderr, tookMs } = await follower.interrupt()
      assert.deepEqual([code, stderr], [0, ''])
      assert.ok(tookMs < 5_000, `Ctrl-C took ${tookMs} ms`)
    }
  })

  it('prints help for every command', async () => {
    const answers = COMMANDS.map(async (command) => {
      const words = command === '' ? [] : command.split(' ')
      const { code, stdout, stderr } = await runSuanli([...words, '--help'])
      assert.deepEqual([code, stderr], [0, ''], command)
      assert.ok(stdout.startsWith(`Usage: ${['suanli', ...words].join(' ')} `), stdout)
    })
    await Promise.all(answers)
  })

  describe('gets one-line error messages', () => {
    const file = (name: string): string => join(dir.path, name)
    const refuses = async (args: readonly string[], message: RegExp, password = true): Promise<void> => {
      const { code, stdout, stderr } = await runSuanli(args, password ? { environment: PASSWORD } : {})
      // Wrong usage is told from everything else (docs/cli.md).
      assert.deepEqual([code, stdout], [stderr.startsWith('error: ') ? 2 : 1, ''], args.join(' '))
      const [line, hint, ...more] = stderr.trimEnd().split('\n')
      // Wrong options are told apart from what fails with right ones.
      assert.deepEqual([code, stdout], [hint === undefined ? EXIT.failed : EXIT.usage, ''], args.join(' '))
      assert.match(line!, message)
      assert.deepEqual(
        [hint ?? '(add --help for the commands and options)', more],
        ['(add --help for the commands and options)', []],
      )
    }
    before(async () => {
      const { code } = await runSuanli(['genesis', 'devnet', '--out', file('genesis.json')])
      assert.equal(code, 0)
    })

    it('for documents', async () => {
      await refuses(['genesis', 'check', file('none')], /none: .*no such file/)
      writeFileSync(file('half.json'), '{')
      await refuses(['genesis', 'check', file('half.json')], /half\.json: is not JSON/)
      const document = JSON.parse(readFileSync(file('genesis.json'), 'utf8'))
      document.providers[2].lots[0].class = 'abacus'
      writeFileSync(file('abacus.json'), JSON.stringify(document))
      await refuses(['genesis', 'check', file('abacus.json')], /abacus\.json: .*providers\[2\]\.lots\[0\]/)
      await refuses(['genesis', 'devnet', '--out', file('genesis.json')], /genesis\.json: exists already/)
    })

    it('for options', async () => {
      await refuses(['devnet', '--validators', '0'], /'0' is invalid. expected a whole number, 1 to 16/)
      await refuses(['devnet', '--window', '1000', '--block-time', '200'], /window: expected at least/)
      await refuses(['devnet', '--port', 'x'], /'x' is invalid/)
      await refuses(['start', '--data-dir', file('x'), '--log-level', 'loud'], /Allowed choices are silent/)
      await refuses(['bogus'], /unknown command 'bogus'/)
    })

    it('for directories, keys and passwords', async () => {
      const home = file('home')
      const init = ['init', '--data-dir', home, '--genesis', file('genesis.json')]
      await refuses(init, /password .*--password-file or SUANLI_PASSWORD/, false)
      await refuses([...init, '--password-file', file('none')], /none: no such file/, false)
      await refuses([...init, '--peer', 'localhost:1'], /peers: expected a list of multiaddrs/)
      assert.ok(!existsSync(home))
      assert.equal((await runSuanli(init, { environment: PASSWORD })).code, 0)
      await refuses(init, /already has a config\.json/)
      await refuses(['start', '--data-dir', file('nowhere')], /has no config\.json: run `suanli init`/)
      await refuses(['keys', 'show', '--data-dir', file('nowhere')], /has no keys: run `suanli init`/)
      writeFileSync(file('wrong'), 'wrong\n')
      await refuses(
        ['start', '--data-dir', home, '--password-file', file('wrong')],
        /home\/keys\/\w+\.json: the password does not open/,
      )
    })

    it('for ports and directories in use', async () => {
      const { port } = new URL(url)
      await refuses(['devnet', '--data-dir', file('dn'), '--port', port], new RegExp(`port ${port} is taken`))
      const other = String(await findFreePorts(4))
      const same = ['devnet', '--data-dir', devnet.dataDir, '--port', other, '--fresh']
      await refuses(same, /is used by a devnet on http/)
    })
  })
})
