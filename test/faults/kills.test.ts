// A short version of `npm run test:kill` (main.ts) for every change, on one network under load: validators killed alone and all at once;
// two with keys in signer processes (unix socket, TLS) that are killed; then a third validator's key moves to a signer with
// `suanli signer export` and `import`. Nothing is lost, no double vote.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import { findFreePorts } from '../../devnet/ports.ts'
import { GENESIS_FILE } from '../../node/config.ts'
import type { SignerConfig } from '../../signer/signerConfig.ts'
import { signerFolder } from '../../signer/signerDir.ts'
import { askHealth } from '../../signer/signerHealth.ts'
import type { SignerAddress } from '../../signer/signerTransport.ts'
import { runSuanli } from '../support/devnetHarness.ts'
import { SHORT_LIVED } from '../support/processNetwork.ts'
import { giveKeyToSigner, type SignerPlace, SignerProcess } from '../support/signerProcess.ts'
import { killAllAtOnce, killOneByOne } from './scenarios.ts'
import { Trial } from './trial.ts'

const LIMIT_MS = 60_000
/** Blocks that become final although nobody signs them any more. */
const IN_FLIGHT_MAX = 3

describe('devnet.kills', function () {
  // Mostly waiting, for processes to start and for random moments; slow machines need more time.
  this.timeout(240_000)
  this.slow(60_000)

  const seed = Number(process.env.SUANLI_TEST_SEED ?? Date.now() % 1_000_000_000)
  const lines = [`seed ${seed}`]
  const signers: SignerProcess[] = []
  let dataDir: string
  let trial: Trial | undefined

  before(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'suanli-signer-'))
  })

  afterEach(async function () {
    if (this.currentTest?.isPassed() !== true) {
      await trial?.abandon()
      lines.push(`again with SUANLI_TEST_SEED=${seed}; data and logs are in ${dataDir}`)
      process.stderr.write(`${lines.join('\n')}\n`)
    }
    for (const signer of signers) await signer.kill()
    if (this.currentTest?.isPassed() === true) rmSync(dataDir, { recursive: true, force: true })
  })

  const socketPlace = (path: string): SignerPlace => ({
    args: ['--socket', path],
    config: (publicKey): SignerConfig => ({ kind: 'remote', publicKey, socket: path }),
  })

  async function tlsPlace(): Promise<{ place: SignerPlace; address: SignerAddress }> {
    const certificates = join(dataDir, 'certificates')
    const made = await runSuanli(['signer', 'certificates', '-o', certificates, '--host', '127.0.0.1'])
    assert.equal(made.code, 0, made.stderr)
    const port = await findFreePorts(1)
    const files = (side: string) => {
      const at = (name: string): string => join(certificates, side, `${name}.pem`)
      return { cert: at('cert'), key: at('key'), ca: at('ca') }
    }
    const { cert, key, ca } = files('signer')
    return {
      place: {
        args: ['--listen', `127.0.0.1:${port}`, '--tls-cert', cert, '--tls-key', key, '--tls-ca', ca],
        config: (publicKey): SignerConfig => ({
          kind: 'remote',
          publicKey,
          url: `tls://127.0.0.1:${port}`,
          tls: files('node'),
        }),
      },
      address: { kind: 'tls', host: '127.0.0.1', port, files: files('node') },
    }
  }

  const suanli = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runSuanli(args, {
      environment: { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD },
    })
    assert.equal(code, 0, `suanli ${args.join(' ')}: ${stderr}`)
    return stdout
  }

  /** Votes signed by a signer since its start. */
  const signedBy = async (address: SignerAddress): Promise<number> => (await askHealth(address)).signedCount

  async function signsAgain(address: SignerAddress): Promise<void> {
    for (let i = 0; (await signedBy(address)) === 0; i++) {
      assert.ok(i < 300, 'the signer signs within 30 s')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  /** Moves validator 1's key and vote record to a signer. */
  async function moveKey(trial: Trial, moved: SignerAddress & { readonly kind: 'unix' }): Promise<void> {
    const node = trial.network.nodes[1]!
    assert.equal(await trial.terminate(node), 0)
    const { dir } = node.member
    const [record, key, place] = [
      join(dataDir, 'record.json'),
      join(dataDir, 'key.json'),
      join(dataDir, 's1'),
    ]
    const exported = JSON.parse(
      await suanli('signer', 'export', '--data-dir', dir, '--out', record, '--json'),
    )
    assert.equal(exported.out, record)
    await suanli('keys', 'export', '--data-dir', dir, '--out', key)
    mkdirSync(place)
    await suanli('signer', 'init', '--no-key', '--data-dir', place, '--genesis', join(dir, GENESIS_FILE))
    const imported = JSON.parse(await suanli('keys', 'import', key, '--data-dir', place))
    // A signer's directory has no settings; a node's would now say that it is a validator.
    assert.equal(imported.validator, undefined)
    const { votes, observing } = JSON.parse(await suanli('signer', 'import', record, '--data-dir', place))
    assert.equal(observing, false)
    assert.equal(votes, JSON.parse(readFileSync(record, 'utf8')).record.signed.length)
    const refused = await runSuanli(['start', '--data-dir', dir], {
      environment: { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD },
    })
    assert.deepEqual([refused.code, refused.stdout], [1, ''])
    assert.match(refused.stderr, /it signs on another machine now/)
    rmSync(join(dir, 'keys', 'consensus.json'))
    const { args, config } = socketPlace(moved.path)
    const publicKey = `0x${JSON.parse(readFileSync(key, 'utf8')).pubkey}`
    node.configure({ signer: config(publicKey) })
    node.signerDirs = [...node.signerDirs, signerFolder(place)]
    const signer = new SignerProcess(place, args)
    signers.push(signer)
    await signer.start()
    await trial.comeBack(node)
    await signsAgain(moved)
  }

  it('keeps every receipt and never double-votes while validators and signers are killed, and while a key moves', async () => {
    const sockets = [2, 1].map((i) => join(dataDir, `signer-${i}.sock`))
    const unix: SignerAddress = { kind: 'unix', path: sockets[0]! }
    const moved = { kind: 'unix', path: sockets[1]! } as const
    const tls = await tlsPlace()
    trial = await Trial.begin({
      dataDir,
      seed,
      validators: 4,
      blockTimeMs: 400,
      flags: SHORT_LIVED,
      accounts: 10,
      perSecond: 4,
      print: (line) => void lines.push(line),
      async setUp(network) {
        signers.push(giveKeyToSigner(network.nodes[2]!, join(dataDir, 's2'), socketPlace(sockets[0]!)))
        signers.push(giveKeyToSigner(network.nodes[3]!, join(dataDir, 's3'), tls.place))
        for (const signer of signers) await signer.start()
      },
    })
    const { network, ledger } = trial
    const [bySocket, byTls] = [signers[0]!, signers[1]!]

    await killOneByOne(trial, 1)
    await killAllAtOnce(trial, 1)

    // One signer is killed: the chain continues with three; its node logs it and follows.
    await bySocket.kill()
    await trial.advance(5, LIMIT_MS, 'without one signer')
    await bySocket.start()
    await signsAgain(unix)
    assert.match(network.nodes[2]!.readLog(), /cannot be reached: this node follows and signs nothing/)
    assert.match(network.nodes[2]!.readLog(), /answers: this node can sign again/)

    // Both are killed: the chain stops, and resumes by itself when they are back.
    await Promise.all([bySocket.kill(), byTls.kill()])
    // What they had signed may still become final, and the ledger hears of it late on a busy machine: a block or two.
    const killedAt = ledger.height
    let stands = -1
    while (stands !== ledger.height) {
      stands = ledger.height
      assert.ok(stands <= killedAt + IN_FLIGHT_MAX, 'two of four signers finalise nothing')
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
    const resuming = trial.advance(3, LIMIT_MS, 'both signers are back')
    await Promise.all([bySocket.start(), byTls.start()])
    lines.push(`three blocks ${Math.round(await resuming)} ms after both signers were started`)
    await signsAgain(tls.address)

    await moveKey(trial, moved)
    await trial.finish()
    for (const each of signers) assert.equal(await each.terminate(), 0)
    await trial.audit.readAll()
    trial.check()
    const figures = trial.summary()
    assert.equal(figures.kills, 1 + 4)
    assert.ok(figures.transactionsWithReceipt! > 50, 'clients were shown receipts')
    assert.ok(figures.votesAudited! > 50, 'votes were audited')
  })
})
