// `suanli admin` and the socket that answers it: for the owner alone, and never in the way of the node.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXIT } from '../../cli/exitCode.ts'
import { type AdminParts, startAdmin } from '../../node/adminServer.ts'
import { createLogger } from '../../node/logging.ts'
import { adminSocket } from '../../node/nodePaths.ts'
import { runSuanli } from '../support/devnetHarness.ts'

const PEER = {
  ...{ peer: '12D3KooA', peerId: new Uint8Array(0), known: true, validatorIndex: 1, mayConsensus: true },
  ...{ connected: true, hasAddress: true, remoteAddress: '/ip4/127.0.0.1/tcp/1', protocols: ['a', 'b'] },
  ...{ penaltyPoints: 0, roundTripMs: undefined },
}
const entry = (sender: number, lane: string) => ({ sender: new Uint8Array(20).fill(sender), lane })

describe('node.admin', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'suanli-admin-'))
  const log = join(dataDir, 'log')
  const logger = createLogger({ level: 'info', file: log })
  const room = logger.child({ room: 'p2p' })
  const parts: AdminParts = {
    dataDir,
    host: { peers: () => [PEER, { ...PEER, peer: '12D3KooB', validatorIndex: undefined, connected: false }] },
    members: { at: (index) => ({ provider: index + 1, legalName: 'Second Ltd' }) },
    mempool: {
      entries: () => [entry(1, 'general'), entry(2, 'service'), entry(2, 'general')] as never,
      size: 3,
      bytes: 333,
    },
    logger,
  }
  let close: () => Promise<void>
  before(async () => {
    close = await startAdmin(parts)
  })
  after(async () => {
    await close()
    rmSync(dataDir, { recursive: true })
  })
  const admin = async (...args: string[]) => {
    const { code, stdout, stderr } = await runSuanli(['admin', ...args, '-d', dataDir])
    assert.deepEqual([code, stderr], [0, ''])
    return stdout
  }

  it('shows peers with their names, and the pool by lane and sender', async () => {
    const [first, second] = JSON.parse(await admin('peers', '--json'))
    assert.deepEqual(
      [first.validator, first.provider, first.name, first.connected],
      [1, 2, 'Second Ltd', true],
    )
    assert.deepEqual([second.validator, second.name, second.connected], [null, null, false])
    assert.match(await admin('peers'), /^Second Ltd +2 +1 +true/m)
    assert.deepEqual(JSON.parse(await admin('pool', '--json')), {
      ...{ transactions: 3, bytes: 333, senders: 2, lanes: { general: 2, service: 1 } },
      most: [
        { sender: `0x${'02'.repeat(20)}`, transactions: 2 },
        { sender: `0x${'01'.repeat(20)}`, transactions: 1 },
      ],
    })
  })

  it('changes the log level of all rooms while the node runs', async () => {
    room.debug('not yet')
    assert.deepEqual(JSON.parse(await admin('log-level', 'debug', '--json')), {
      before: 'info',
      level: 'debug',
    })
    room.debug('now')
    assert.deepEqual(JSON.parse(await admin('log-level', '--json')), { level: 'debug' })
    await admin('log-level', 'info')
    const texts = readFileSync(log, 'utf8').trimEnd().split('\n')
    assert.deepEqual(
      texts.map((line) => JSON.parse(line).msg),
      ['the log level was changed', 'now', 'the log level was changed'],
    )
    assert.equal((await runSuanli(['admin', 'log-level', 'loud', '-d', dataDir])).code, EXIT.usage)
  })

  it('is for the owner of the directory alone', () => {
    assert.equal(statSync(adminSocket(dataDir)).mode & 0o777, 0o600)
  })

  it('answers beside silent connections, and survives a request that names no address', async () => {
    const path = adminSocket(dataDir)
    const open = async (bytes: string): Promise<Socket> => {
      const socket = connect({ path })
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(bytes)
      return socket
    }
    const silent: Socket[] = []
    for (let i = 0; i < 200; i++) silent.push(await open(i % 2 === 0 ? '' : 'GET /peers HT'))
    const bad = await open('GET // HTTP/1.1\r\nHost: node\r\n\r\n')
    const [answer] = await once(bad, 'data')
    assert.match(String(answer), /^HTTP\/1\.1 404 /)
    assert.deepEqual(JSON.parse(await admin('log-level', '--json')), { level: 'info' })
    for (const socket of silent) socket.destroy()
  })

  it('says in one line that no node runs', async () => {
    const dir = join(dataDir, 'stopped')
    mkdirSync(dir)
    const { code, stderr } = await runSuanli(['admin', 'peers', '-d', dir])
    assert.deepEqual([code, stderr], [EXIT.unreachable, `suanli: no node runs on ${dir}\n`])
  })

  it('takes the place of what a killed node left; where it cannot listen the node runs without it', async () => {
    const dir = join(dataDir, 'killed')
    mkdirSync(dir)
    const killed = createServer()
    await new Promise<void>((resolve) => killed.listen(join(dataDir, 's'), resolve))
    renameSync(join(dataDir, 's'), adminSocket(dir))
    await new Promise((resolve) => killed.close(resolve))
    const own = await startAdmin({ ...parts, dataDir: dir })
    assert.equal((await runSuanli(['admin', 'log-level', '-d', dir])).code, 0)
    await own()
    assert.ok(!existsSync(adminSocket(dir)))
    const taken = join(dataDir, 'taken')
    mkdirSync(taken)
    writeFileSync(adminSocket(taken), 'mine')
    for (const path of [taken, join(dataDir, 'x'.repeat(100))])
      await (await startAdmin({ ...parts, dataDir: path }))()
    assert.equal(readFileSync(adminSocket(taken), 'utf8'), 'mine')
  })
})
