// Four organisations found a network and run it by the commands of the pages and nothing else: docs/genesis.md, then
// docs/operations/membership.md, docs/operations/backup.md and docs/operations/upgrade.md. A fifth is admitted with capacity, a disk
// is lost and restored, a key is rotated, a member is removed while down, and all go over to another build one by one; nodes are
// killed in between. The chain continues, all nodes agree, and no node double-votes.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { checksumAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { COIN } from '../../base/units.ts'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { type Call, transfer } from '../../client/calls.ts'
import { createClient, type SentReceipt } from '../../client/chainClient.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import { type DevelopmentAccount, developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { DEV_PARAMETERS } from '../../genesis/parameters.ts'
import { genesisFile, parseGenesis } from '../../node/nodeDir.ts'
import { createKeys, type KeySecrets } from '../../node/nodeKeys.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { peerIdBytesFromSeed, peerIdText } from '../../p2p/identity.ts'
import { storeOperatorKey } from '../../signer/operatorKey.ts'
import { signerFolder } from '../../signer/signerDir.ts'
import { findDoubleVotes, readSignedVotes } from '../../signer/voteAudit.ts'
import { foundNetwork } from '../support/ceremony.ts'
import { type Ended, runSuanli } from '../support/devnetHarness.ts'
import { call } from '../support/jsonRpc.ts'
import { packBuild } from '../support/nextBuild.ts'
import { ROOT } from '../support/pageBlocks.ts'
import { type PageContext, PageSteps } from '../support/pageRun.ts'
import { PageShell } from '../support/pageShell.ts'
import { Network, SHORT_LIVED, ValidatorProcess } from '../support/processNetwork.ts'

/** Longest wait for automatic actions of the chain. */
const PATIENCE_MS = 30_000
const [ACCOUNT, ISSUER] = developmentAccounts() as [DevelopmentAccount, DevelopmentAccount]

const operator = (id: number) => developmentValidator(id - 1).operator

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + PATIENCE_MS
  let last: unknown
  for (;;) {
    const found = await ask().catch((error: unknown) => {
      last = error
      return undefined
    })
    if (found !== undefined) return found
    assert.ok(Date.now() < end, `${what}: not within ${PATIENCE_MS} ms (${String(last)})`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

interface Validator {
  readonly id: number
  readonly consensusKey: string
}

const validators = (url: string) => call<readonly Validator[]>(url, 'providers_validators')
const ids = async (url: string): Promise<string> => (await validators(url)).map(({ id }) => id).join()
const health = (url: string) =>
  call<{ validatorIndex?: number; finalizedHeight: number; epoch: number; peerCount: number }>(
    url,
    'node_health',
  )

/** The fifth node, whose directory the page's commands make around keys that cost little to open. */
function prepareFifth(network: Network, dataDir: string): ValidatorProcess {
  const first = network.nodes[0]!.member
  const { peerSeed, consensusSecret } = developmentValidator(4)
  const member: DevnetMember = {
    index: 4,
    dir: join(dataDir, 'fifth'),
    rpcPort: first.rpcPort + 4,
    p2pPort: first.p2pPort + 4,
    peerId: peerIdText(peerIdBytesFromSeed(peerSeed)),
  }
  lightKeys(member.dir, { peerSeed, consensusSecret })
  storeOperatorKey(member.dir, {
    secret: operator(5).secretKey,
    password: DEVELOPMENT_PASSWORD,
    cost: 'light',
  })
  return new ValidatorProcess(member, (text) => network.failures.push(text))
}

function lightKeys(dataDir: string, given: KeySecrets): void {
  createKeys({ dataDir, password: DEVELOPMENT_PASSWORD, isValidator: true, given, cost: 'light' })
}

/** Signs and sends a call; resolves when it is final. */
function sendCall(url: string, secretKey: Uint8Array, call: Call): Promise<SentReceipt> {
  return createClient(httpTransport(url)).send(privateKeyAccount(secretKey), call)
}

/** Makes blocks until one of this member's is final. */
async function untilProposes(url: string, id: number): Promise<void> {
  const proposer = toHex(operator(id).address)
  // The gift also funds the newcomer's fees.
  const gift = transfer(operator(id).address, COIN / 10n)
  for (let tries = 0; tries < 60; tries++) {
    const { height } = await sendCall(url, ACCOUNT.secretKey, gift)
    const block = await call<{ miner: string }>(url, 'eth_getBlockByNumber', [
      `0x${height.toString(16)}`,
      false,
    ])
    if (block.miner === proposer) return
  }
  assert.fail(`member ${id} proposed none of 60 blocks`)
}

describe('membership of real processes', function () {
  this.timeout(180_000)
  this.slow(60_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'suanli-member-'))
  let network: Network
  let fifth: ValidatorProcess
  let nodes: readonly ValidatorProcess[]
  let shell: PageShell
  let membership: PageSteps
  let backup: PageSteps
  let commandsToFound = 0

  before(async () => {
    network = await Network.prepare({
      validators: 4,
      dataDir,
      blockTimeMs: 50,
      windowMs: 4_000,
      flags: SHORT_LIVED,
      local: [0, 2, 3],
      write: (members) =>
        foundNetwork(members, {
          dataDir,
          windowMs: 4_000,
          blockTimeMs: 50,
          coins: [ACCOUNT, ISSUER].map(({ address }) => `${checksumAddress(address)}:1000`),
          assetIssuer: checksumAddress(ISSUER.address),
          onCommand: () => commandsToFound++,
        }),
    })
    fifth = prepareFifth(network, dataDir)
    nodes = [...network.nodes, fifth]
    await network.startAll()
    shell = await PageShell.open({
      dir: dataDir,
      environment: { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD, SUANLI_RPC: url() },
      takeOver,
    })
    membership = new PageSteps('docs/operations/membership.md', shell)
    backup = new PageSteps('docs/operations/backup.md', shell)
  })

  /** `suanli start` starts the node of that directory. */
  function takeOver([name, , dir]: readonly string[], cwd: string): Promise<Ended> | undefined {
    if (name !== 'start') return undefined
    const node = nodes.find(({ member }) => member.dir === resolve(cwd, dir!))
    return node!.start().then(() => ({ code: 0, stdout: '', stderr: '' }))
  }

  /** What the page's reader, the organisation of this node, puts in the place of `node`. */
  const as = (node: ValidatorProcess, more: PageContext['replaced'] = []): PageContext => ({
    replaced: [
      ...more,
      ...['-d', '--send'].map((option) => [`${option} node`, `${option} ${node.member.dir}`] as const),
      [/(?<![\w/])node\/(?=key|genesis|config)/, `${node.member.dir}/`],
      [/(?:127\.0\.0\.1|localhost):8545/, node.url.replace('http://', '')],
      ['SUANLI_PASSWORD=...', `SUANLI_PASSWORD=${DEVELOPMENT_PASSWORD}`],
    ],
  })

  after(async function () {
    await shell.close()
    await network.killAll()
    if (fifth.isRunning) await fifth.kill()
    if (this.currentTest?.isFailed() === true) process.stderr.write(`data and logs are in ${dataDir}\n`)
    else rmSync(dataDir, { recursive: true, force: true })
  })

  const url = (): string => network.nodes[0]!.url
  const newest = async (): Promise<number> =>
    (await call<readonly { id: number }[]>(url(), 'governance_proposals')).at(-1)!.id
  /** "then `member vote` by the others". */
  const voteBy = (voters: readonly number[], proposal: number | string): string =>
    voters.map((id) => `suanli member vote ${proposal} --send ${nodes[id - 1]!.member.dir}`).join('\n')

  it('is founded in fewer than 15 commands', () => {
    // What only looks is not counted; each of the four also starts its node.
    assert.equal(commandsToFound + network.nodes.length, 14)
  })

  it('admits a follower, which then signs, even after kill -9', async () => {
    const first = network.nodes[0]!
    cpSync(join(first.member.dir, 'genesis.json'), join(dataDir, 'genesis.json'))
    const listen = `--rpc-port ${fifth.member.rpcPort} --p2p-listen /ip4/127.0.0.1/tcp/${fifth.member.p2pPort}`
    const peer = `/ip4/127.0.0.1/tcp/${first.member.p2pPort}/p2p/${first.member.peerId} ${listen}`
    // An account of its own, which need not be the operator's, and which owns nothing here.
    const account = [
      ['-d node', '-d purse'],
      ['--send node', '--send purse'],
    ] as const
    writeFileSync(join(dataDir, 'operator.hex'), toHex(developmentValidator(60).operator.secretKey))
    await membership.run('member account', { ...as(first, account), refused: [/NotValidator/] })
    await membership.run('init -d node', as(fifth, [['/ip4/203.0.113.7/tcp/26600/p2p/12D3Koo...', peer]]))
    await until('the fifth node follows', async () =>
      (await health(fifth.url)).finalizedHeight > 0 ? true : undefined,
    )
    assert.equal((await health(fifth.url)).validatorIndex, undefined)
    // Whoever starts late is missed at first.
    const known = nodes.map((node) => node.readLog().length)
    await membership.run(
      'member admit',
      as(first, [
        ['--operator 0x…', `--operator ${checksumAddress(operator(5).address)}`],
        ['--terms-hash 0x…', `--terms-hash 0x${'7e'.repeat(32)}`],
        [/node dist\/node\/main\.js member vote 1 --send node.*/, voteBy([2, 3], 1)],
      ]),
    )
    for (const node of nodes) {
      await until(`node ${node.index} has the new set`, async () =>
        (await ids(node.url)) === '1,2,3,4,5' ? true : undefined,
      )
    }
    await until('the fifth node validates', async () => (await health(fifth.url)).validatorIndex)
    // It named one; the others' addresses came from that one, and its own went to them.
    for (const [i, node] of nodes.entries()) {
      await until(`node ${node.index} is connected with all`, async () =>
        (await health(node.url)).peerCount === 4 ? true : undefined,
      )
      assert.doesNotMatch(node.readLog().slice(known[i]), /a validator is lost/)
    }
    await untilProposes(url(), 5)
    await fifth.kill()
    await untilProposes(url(), 1)
    await fifth.start()
    await untilProposes(url(), 5)
  })

  /** A command that no page has for this; its answer. */
  async function suanli<T>(command: string): Promise<T> {
    const environment = { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD }
    const args = [...command.split(' '), '--rpc', url(), '--json']
    const { code, stdout, stderr } = await runSuanli(args, { environment })
    assert.equal(code, 0, `suanli ${command}: ${stderr}`)
    return JSON.parse(stdout) as T
  }
  const windowIndex = async (): Promise<number> =>
    (await suanli<{ windowIndex: number }>('capacity clock')).windowIndex

  it('counts the hardware of the new member once the others attest it, which then mints', async () => {
    const to = checksumAddress(operator(5).address)
    const { classes, providers } = parseGenesis(genesisFile(fifth.member.dir))
    const classId = 1 + classes.findIndex(({ slug }) => slug === 'h100-sxm')
    const lot = 1 + providers.flatMap(({ lots }) => lots).length
    const now = await windowIndex()
    // From those who have it: coins for fees, and the asset of its bond.
    await suanli(`send ${to} 1 --dev 0`)
    await suanli(`assets issue --asset 1 --to ${to} --amount-base 50000000000 --dev 1`)
    await membership.run(
      'capacity pledge',
      as(fifth, [
        ['--class-id 12', `--class-id ${classId}`],
        ['--device-root 0x…', `--device-root 0x${'5e'.repeat(32)}`],
        ['--first-window 42', `--first-window ${now + 5}`],
        ['--lot 9', `--lot ${lot}`],
        ['--last-window 160', `--last-window ${now + DEV_PARAMETERS.capacity.horizonWindows}`],
      ]),
    )
    const proposal = await newest()
    for (const node of network.nodes.slice(0, 3)) {
      const vote = new PageSteps('docs/operations/membership.md', shell)
      const ids = [
        ['--proposal 2', `--proposal ${proposal}`],
        ['--id 2', `--id ${proposal}`],
      ] as const
      await (node.index === 2 ? membership : vote).run('governance vote', as(node, ids))
    }
    await until('the hardware counts', async () => {
      const { capacityBase } = await suanli<{ capacityBase: string }>('capacity summary --provider 5')
      return BigInt(capacityBase) > 0n ? true : undefined
    })
    await membership.run('issuance mint', as(fifth, [['--to 0x…', `--to ${to}`]]))
    const { liabilityBase } = await suanli<{ liabilityBase: string }>('issuance liability --provider 5')
    assert.equal(BigInt(liabilityBase), 1_000n * COIN)
  })

  it('restores a validator whose disk is lost from a backup of its keys', async () => {
    const node = network.nodes[3]!
    const { dir } = node.member
    const place: PageContext = {
      replaced: [
        ['-d node', `-d ${dir}`],
        [/(?<![\w./])node\//, `${dir}/`],
      ],
    }
    await backup.run('mkdir -p -m 700 backup', place)
    await backup.run('-d trial', place)
    await node.terminate()
    rmSync(dir, { recursive: true })
    const known = node.readLog().length
    await backup.run('start -d node', place)
    assert.deepEqual(backup.left(), [])
    assert.equal(await signer(node.url), 'observing')
    const log = (): string => node.readLog().slice(known)
    assert.match(
      log(),
      /the record of what this key signed is lost or damaged: it signs nothing until a later/,
    )
    // The node shows the chain the number of the loss by itself, and its signer takes the proof.
    const proven = /the loss of the record is proven/
    await until('the loss is proven', async () => (proven.test(log()) ? true : undefined))
    assert.equal(await signer(node.url), 'observing')
  })

  it('rotates a key at a boundary without a pause, and continues after restarts', async () => {
    const node = network.nodes[1]!
    const given = developmentValidator(50)
    const keyDir = join(node.member.dir, 'key-2')
    lightKeys(keyDir, given)
    await membership.run('signer init -d node/key-2', as(node))
    node.configure({ nextSigner: { kind: 'local', dir: 'key-2' } })
    node.signerDirs = [...node.signerDirs, signerFolder(keyDir)]
    await node.terminate()
    await node.start()
    await membership.run('member rotate', as(node, [['-k node/', `-k ${node.member.dir}/`]]))
    const consensusKey = toHex(bls.publicKey(given.consensusSecret))
    await until('the set has the new key', async () => {
      const seat = (await validators(url())).find(({ id }) => id === 2)!
      return seat.consensusKey === consensusKey ? true : undefined
    })
    await untilProposes(url(), 2)
    // The rotation began a new epoch, the first in which the key that was restored may sign.
    const lost = network.nodes[3]!.url
    await until('the fourth signer is ready', async () =>
      (await signer(lost)) === 'ready' ? true : undefined,
    )
    await untilProposes(url(), 4)
    await node.kill()
    await node.start()
    await untilProposes(url(), 2)
  })

  const signer = async (at: string) => (await call<{ signer?: string }>(at, 'node_health')).signer

  it('changes the peer id of a member, which restarts with it', async () => {
    const { peerSeed } = developmentValidator(51)
    const spare = join(dataDir, 'spare')
    lightKeys(spare, developmentValidator(51))
    await membership.run('member peer', as(fifth))
    const wanted = toHex(peerIdBytesFromSeed(peerSeed))
    await until('the set has the new peer id', async () => {
      const seats = await call<readonly { id: number; peerId: string }[]>(url(), 'providers_validators')
      return seats.find(({ id }) => id === 5)!.peerId === wanted ? true : undefined
    })
    await fifth.terminate()
    cpSync(join(spare, 'keys/peer.json'), join(fifth.member.dir, 'keys/peer.json'))
    await fifth.start()
    await untilProposes(url(), 5)
    await membership.run('chain_evidence', as(network.nodes[0]!))
  })

  it('removes a member that is down; it returns as a follower, twice', async () => {
    const node = network.nodes[2]!
    await node.terminate()
    await membership.run('member remove', as(network.nodes[0]!))
    await shell.run(voteBy([2, 4, 5], await newest()))
    assert.deepEqual(membership.left(), [])
    await until('the member is gone', async () => ((await ids(url())) === '1,2,4,5' ? true : undefined))
    await untilProposes(url(), 4)
    for (const round of ['once', 'again']) {
      if (node.isRunning) await node.terminate()
      await node.start()
      const { finalizedHeight } = await health(url())
      await until(`the former member follows ${round}`, async () => {
        const own = await health(node.url)
        return own.validatorIndex === undefined && own.finalizedHeight >= finalizedHeight ? true : undefined
      })
    }
  })

  it('goes over to another build node by node, and one goes back', async () => {
    const upgrade = new PageSteps('docs/operations/upgrade.md', shell)
    await packBuild(dataDir, '0.2.0')
    mkdirSync(join(dataDir, 'builds'))
    symlinkSync(ROOT, join(dataDir, 'builds/0.1.0'))
    symlinkSync('0.1.0', join(dataDir, 'builds/current'))
    await upgrade.run('tar -xzf')
    // What `npm ci` brings.
    symlinkSync(join(ROOT, 'node_modules'), join(dataDir, 'builds/0.2.0/node_modules'))
    await upgrade.run('ln -sfn 0.2.0')
    const program = join(dataDir, 'builds/current/dist/cli/main.js')
    const restart = async (node: ValidatorProcess, build: string): Promise<void> => {
      const known = node.readLog().length
      assert.equal((await node.terminate()).code, 0)
      Object.assign(node, { isLocal: false, program })
      await node.start()
      // Ready may come before it has heard how far the others are.
      const { finalizedHeight } = await health(nodes.find((other) => other !== node)!.url)
      await until('it is ready and level', async () => {
        const isLevel = (await health(node.url)).finalizedHeight >= finalizedHeight
        return isLevel && (await fetch(`${node.url}/ready`)).ok ? true : undefined
      })
      const up = node
        .readLog()
        .slice(known)
        .split('\n')
        .find((line) => line.includes('node is up'))
      assert.equal(JSON.parse(up!).build, build)
    }
    for (const node of nodes) {
      await restart(node, '0.2.0')
      const check = new PageSteps('docs/operations/upgrade.md', shell)
      await (node === fifth ? upgrade : check).run('/ready', {
        ...as(node),
        after: async (_, { stdout }) => assert.match(stdout, /"status":"ok"[\s\S]*"suanli\/0\.2\.0\//),
      })
      await untilProposes(url(), 1)
    }
    await upgrade.run('ln -sfn 0.1.0')
    assert.deepEqual(upgrade.left(), [])
    await restart(network.nodes[3]!, '0.1.0')
    await untilProposes(url(), 4)
  })

  it('has the same chain on all nodes, no alarm and no double vote', async () => {
    await untilProposes(url(), 1)
    const { finalizedHeight } = await health(url())
    const at = `0x${finalizedHeight.toString(16)}`
    const found = await Promise.all(
      nodes.map((node) =>
        until(`node ${node.index} has block ${finalizedHeight}`, async () => {
          const block = await call<{ hash: string; stateRoot: string } | null>(
            node.url,
            'eth_getBlockByNumber',
            [at, false],
          )
          return block === null ? undefined : `${block.hash} ${block.stateRoot}`
        }),
      ),
    )
    assert.equal(new Set(found).size, 1)
    for (const node of nodes) assert.equal((await node.terminate()).code, 0)
    assert.deepEqual(network.failures, [])
    assert.deepEqual(network.alarms(), [])
    assert.deepEqual(fifth.readLog().match(/"level":"(error|fatal)"/g), null)
    for (const node of nodes) {
      const { journal } = nodePaths(node.member.dir)
      const votes = []
      for (const signerDir of node.signerDirs) {
        votes.push(
          ...(await readSignedVotes({ signerDir, journalDir: journal, genesisHash: network.genesisHash })),
        )
      }
      assert.ok(
        votes.some(({ source }) => source === 'signer'),
        `node ${node.index} has signed`,
      )
      assert.deepEqual(findDoubleVotes(votes), [])
    }
  })
})
