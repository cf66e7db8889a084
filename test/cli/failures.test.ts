// What an operator can mend is one line and a code other than 0: no stack, no second line.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { EXIT } from '../../cli/exitCode.ts'
import { failureText } from '../../cli/failureText.ts'
import { ClientError } from '../../client/clientError.ts'
import { checkFailed } from '../../client/errors.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { DEFAULT_CONFIG, type NodeConfig, saveConfig } from '../../node/config.ts'
import { initNode } from '../../node/initNode.ts'
import { writeGenesis } from '../../node/nodeDir.ts'
import { storeOperatorKey } from '../../signer/operatorKey.ts'
import { runSuanli } from '../support/devnetHarness.ts'
import { type Served, serve } from '../support/rpcHarness.ts'

const PASSWORD = 'correct horse'
const CONFIG: NodeConfig = {
  ...DEFAULT_CONFIG,
  ...{ p2pListen: ['/ip4/127.0.0.1/tcp/0'], rpcPort: 0, logLevel: 'error', signatureWorkers: 0 },
}
const genesis = developmentGenesis({ validators: 4, blockTimeMs: 100, windowMs: 60_000 })

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const closed = createServer()
  const port = await new Promise<number>((resolve) => {
    closed.listen(0, '127.0.0.1', () => resolve((closed.address() as { port: number }).port))
  })
  await new Promise((resolve) => closed.close(resolve))
  return port
}

describe('cli.failures', () => {
  const home = mkdtempSync(join(tmpdir(), 'suanli-failures-'))
  let busy: Server
  let port: number

  async function refuses(
    args: readonly string[],
    message: RegExp,
    code: number = EXIT.failed,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const run = await runSuanli(args, { environment: { SUANLI_PASSWORD: PASSWORD, ...environment } })
    assert.match(run.stderr, /^suanli: [^\n]+\n$/)
    assert.match(run.stderr.slice('suanli: '.length, -1), message)
    assert.deepEqual([run.code, run.stdout], [code, ''])
  }
  /** With these settings. */
  const start = async (settings: Partial<NodeConfig>, message: RegExp): Promise<void> => {
    saveConfig(home, { ...CONFIG, ...settings })
    await refuses(['start', '-d', home], message)
  }

  before(async () => {
    initNode({
      dataDir: home,
      genesis,
      config: CONFIG,
      password: PASSWORD,
      isValidator: false,
      cost: 'light',
    })
    busy = createServer()
    port = await new Promise((resolve) => {
      busy.listen(0, '127.0.0.1', () => resolve((busy.address() as { port: number }).port))
    })
  })
  after(() => {
    busy.close()
    rmSync(home, { recursive: true })
  })

  it('ends where no folder can be made', async () => {
    for (const args of [
      ['devnet', '--in-process', '--validators', '1', '-p', '0', '-d', '/proc/suanli'],
      ['keys', 'new', '-d', '/proc/suanli/deeper'],
    ])
      await refuses(args, /\/proc\/suanli: no such file or directory/)
  })

  it('a port that is taken, of JSON-RPC, peers and metrics; and nothing is left open', async () => {
    await start(
      { rpcPort: port },
      new RegExp(`^port ${port} of 127\\.0\\.0\\.1 is taken by another program$`),
    )
    await start(
      { p2pListen: [`/ip4/127.0.0.1/tcp/${port}`] },
      new RegExp(`^cannot listen for peers on .*/${port}: .*in use`),
    )
    await start(
      { metricsListen: `127.0.0.1:${port}` },
      new RegExp(`^port ${port} of 127\\.0\\.0\\.1 is taken`),
    )
    await start({ rpcHost: 'no-such-host.invalid' }, /^no-such-host\.invalid: no such host$/)
    if (process.platform !== 'linux') return
    const open = readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)]
      } catch {
        return []
      }
    })
    assert.deepEqual(
      open.filter((file) => file.startsWith(home)),
      [],
    )
  })

  it("another chain's genesis document", async () => {
    saveConfig(home, CONFIG)
    writeGenesis(home, developmentGenesis({ validators: 4, blockTimeMs: 50, windowMs: 60_000 }))
    try {
      await refuses(
        ['start', '-d', home],
        /^the data directory belongs to another chain: it has 0x\w{64}, genesis is 0x\w{64}$/,
      )
      const doctor = await runSuanli(['doctor', '-d', home])
      assert.equal(doctor.code, 1)
      assert.match(doctor.stdout, /BAD {3}genesis .* of another chain than this document/)
    } finally {
      writeGenesis(home, genesis)
    }
  })

  it('a checkpoint that the chain contradicts, and doctor agrees', async () => {
    const mismatch = /^block 0 is 0x\w{64} here, the checkpoint says 0x(?:ab){32}: one of the two is wrong/
    const checkpoint = `0:0x${'ab'.repeat(32)}`
    await start({ checkpoint }, mismatch)
    const doctor = await runSuanli(['doctor', '-d', home])
    assert.equal(doctor.code, 1)
    assert.match(doctor.stdout, /BAD {3}checkpoint +block 0 is 0x\w{64} here, the checkpoint says/)
    assert.match(doctor.stdout, /1\. ask other members for the hash of that block/)
    saveConfig(home, CONFIG)
    await refuses(['start', '-d', home, '--checkpoint', checkpoint], mismatch)
  })

  it('a wrong password, with the file that it does not open', async () => {
    const wrong = join(home, 'wrong')
    writeFileSync(wrong, 'wrong\n')
    const message = /keys\/peer\.json: the password does not open this keystore$/
    await refuses(['start', '-d', home, '--password-file', wrong], message)
  })

  it('what is no file, has no end, or is not what gzip wrote', async () => {
    const zipped = join(home, 'state.gz')
    writeFileSync(zipped, 'no gzip')
    const devnet = (...args: string[]) => ['devnet', '-d', join(home, 'never'), ...args]
    await refuses(devnet('--load-state', home), /is no file: a state is read from one$/)
    await refuses(devnet('--fork', '/dev/zero'), /^\/dev\/zero is no file/)
    await refuses(devnet('--load-state', zipped), /state\.gz is not what gzip wrote, or it is cut$/)
    await refuses(devnet('--genesis', '/dev/zero'), /^\/dev\/zero: longer than 64 MiB$/)
    await refuses(['genesis', 'check', '/dev/zero'], /^\/dev\/zero: longer than 64 MiB$/)
    assert.equal(existsSync(join(home, 'never')), false)
  })

  it('a devnet whose ports would meet', async () => {
    const dir = join(home, 'never')
    await refuses(
      ['devnet', '-d', dir, '--port', '21000', '--p2p-port', '21002'],
      /^port 21002 is planned twice: /,
    )
    assert.equal(existsSync(dir), false)
  })

  it('a log file that cannot be written', async () => {
    await refuses(
      ['start', '-d', home, '--log-file', join(home, 'none', 'a.log')],
      /a\.log: no such file or directory$/,
    )
    await refuses(['start', '-d', home, '--log-file', home], /: is a directory$/)
  })

  describe("a call that is sent from a directory's account", () => {
    let served: Served
    before(async () => {
      served = await serve()
      const { secretKey } = developmentValidator(0).operator
      storeOperatorKey(home, { secret: secretKey, password: PASSWORD, cost: 'light' })
    })
    after(() => served.rpc.close())

    it('to a node of another chain', async () => {
      const other =
        /^the node at http:\/\/127\.0\.0\.1:\d+ is of another chain \(genesis 0x0+\) than .* \(0x\w{64}\): --rpc or/
      for (const args of [
        ['member', 'vote', '1', '--send', home],
        ['governance', 'vote', '--proposal', '1', '--approve', 'true', '-d', home],
      ]) {
        // The node of the directory's own settings is asked, unless another is named.
        saveConfig(home, { ...CONFIG, rpcPort: served.rpc.port })
        await refuses(args, other)
        saveConfig(home, { ...CONFIG, rpcPort: port })
        await refuses([...args, '--rpc', served.rpc.url], other)
      }
    })

    it('to a port where no node answers', async () => {
      const free = await closedPort()
      saveConfig(home, { ...CONFIG, rpcPort: free })
      const message = new RegExp(
        `127\\.0\\.0\\.1:${free}.* \\(is a node running there\\? --rpc or SUANLI_RPC names another\\)$`,
      )
      await refuses(['member', 'vote', '1', '--send', home], message, EXIT.unreachable)
    })
  })

  it('a proof that ends at a recovery, with the option that follows it', () => {
    const failure = { check: 'setHash', reason: 'the header names another set' } as const
    const text = failureText(checkFailed(failure))
    assert.match(
      text,
      /^check setHash failed: the header names another set \(after a lost quorum .*`--recovery FILE`[^\n]*\)$/,
    )
    assert.equal(failureText(checkFailed({ check: 'age', reason: 'old' })), 'check age failed: old')
  })

  it('what a command finds by the checks of options, and messages of several lines', () => {
    assert.equal(failureText(new InvalidArgumentError('expected a whole number')), 'expected a whole number')
    const cause = new ClientError('transport', 'wrong version:\nrecord.c:350:\r\n')
    assert.match(failureText(cause), /^wrong version: record\.c:350: \(is a node running there\?.*\)$/)
    const bug = new TypeError('a bug')
    assert.equal(failureText(bug), bug.stack)
  })

  it('what the system refuses', () => {
    const of = (message: string, fields: object = {}, cause?: Error): string =>
      failureText(Object.assign(new Error(message, { cause }), fields))
    const full = { code: 'ENOSPC', syscall: 'write' }
    assert.equal(of('ENOSPC: no space left on device, write', full), 'no space left on the device')
    assert.equal(of('x', { ...full, path: '/d/f' }), '/d/f: no space left on the device')
    assert.equal(
      of('x', { code: 'EROFS', syscall: 'open', path: '/d/f' }),
      '/d/f: the file system is read-only',
    )
    const level = new Error('IO error: /d/chain/LOCK: Permission denied')
    assert.match(
      of('Database failed to open', {}, level),
      /^\/d\/chain\/LOCK: permission denied(?:: it belongs to user 0, this process to user \d+)?$/,
    )
    const disk = new Error('IO error: /d/MANIFEST-000001: No space left on device')
    assert.equal(of('Database failed to open', {}, disk), '/d/MANIFEST-000001: no space left on the device')
    const folder = join(home, 'none', 'deeper')
    assert.equal(
      of('x', { code: 'ENOENT', syscall: 'mkdir', path: folder }),
      `${folder}: no such file or directory`,
    )
    assert.equal(
      of('x', { code: 'EACCES', port: 80, address: '::' }),
      'port 80 of :: is not for this user: choose one above 1023',
    )
    assert.match(of('a bug', { code: 'EBUG' }), /^Error: a bug\n {4}at /)
  })

  it('a light client whose node does not answer, or that is told too little', async () => {
    const nowhere = { SUANLI_RPC: `http://127.0.0.1:${await closedPort()}` }
    const hash = `0x${'11'.repeat(32)}`
    const refusesVerify = (args: readonly string[], message: RegExp, code: number) =>
      refuses(['verify', 'supply', ...args], message, code, nowhere)
    const unanswered = new RegExp(`^${nowhere.SUANLI_RPC}: .* --rpc or SUANLI_RPC names another\\)$`)
    await refusesVerify(['--genesis-hash', hash], unanswered, EXIT.unreachable)
    await refusesVerify([], /^say what to trust: /, EXIT.usage)
    const two = ['--genesis-hash', hash, '--checkpoint', `${hash}:1:${hash}`]
    await refusesVerify(two, /^give one of /, EXIT.usage)
    await refusesVerify(['--checkpoint', 'x'], /checkpoint/, EXIT.usage)
    await refusesVerify(['--rpc', 'x', '--genesis-hash', hash], /^x is not /, EXIT.usage)
  })

  it('a folder in the place of a file', async () => {
    const dir = join(home, 'folder')
    mkdirSync(join(dir, 'config.json'), { recursive: true })
    await refuses(['start', '-d', dir], /config\.json: is a directory$/)
    await refuses(['start', '-d', home, '--password-file', dir], /folder: is a directory$/)
    await refuses(['member', 'account', '-d', home, '--secret-file', dir], /folder: is a directory$/)
    await refuses(['doctor', '-d', join(dir, 'none')], /is not the data directory of a node$/)
  })
})
