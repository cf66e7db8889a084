// Membership with real processes: a fifth node is admitted by vote and signs, a key is rotated, a member is removed while
// down; nodes are killed and restarted in between. The chain continues, all nodes agree, and no node double-votes.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { COIN } from '../../base/units.ts'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { type Call, encodeCall, transfer } from '../../client/calls.ts'
import { createClient, type SentReceipt } from '../../client/chainClient.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { genesisFile, parseGenesis, writeNodeDir } from '../../node/nodeDir.ts'
import { createKeys } from '../../node/nodeKeys.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { peerIdBytesFromSeed, peerIdText } from '../../p2p/identity.ts'
import { signerFolder } from '../../signer/signerDir.ts'
import { findDoubleVotes, readSignedVotes } from '../../signer/voteAudit.ts'
import { governanceSchema } from '../../state/modules/governance/schema.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import { call } from '../support/jsonRpc.ts'
import { Network, SHORT_LIVED, ValidatorProcess } from '../support/processNetwork.ts'

/** Longest wait for automatic actions of the chain. */
const PATIENCE_MS = 30_000
const ACCOUNT = developmentAccounts()[0]!

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

/** The fifth node's directory: a non-member that names one member alone. */
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
  const peers = [`/ip4/127.0.0.1/tcp/${first.p2pPort}/p2p/${first.peerId}`]
  const p2pListen = [`/ip4/127.0.0.1/tcp/${member.p2pPort}`]
  const config = { ...DEFAULT_CONFIG, p2pListen, peers, rpcPort: member.rpcPort, signatureWorkers: 0 }
  writeNodeDir(member.dir, parseGenesis(genesisFile(first.dir)), config)
  const given = { peerSeed, consensusSecret }
  createKeys({ dataDir: member.dir, password: DEVELOPMENT_PASSWORD, isValidator: true, given, cost: 'light' })
  return new ValidatorProcess(member, (text) => network.failures.push(text))
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

  before(async () => {
    network = await Network.prepare({
      validators: 4,
      dataDir,
      blockTimeMs: 50,
      windowMs: 4_000,
      flags: SHORT_LIVED,
      local: [0, 2, 3],
    })
    fifth = prepareFifth(network, dataDir)
    nodes = [...network.nodes, fifth]
    await network.startAll()
  })

  after(async function () {
    await network.killAll()
    if (fifth.isRunning) await fifth.kill()
    if (this.currentTest?.isFailed() === true) process.stderr.write(`data and logs are in ${dataDir}\n`)
    else rmSync(dataDir, { recursive: true, force: true })
  })

  const url = (): string => network.nodes[0]!.url
  const send = (id: number, decided: Call) => sendCall(url(), operator(id).secretKey, decided)
  const decide = async (proposal: number, first: number, opening: Call, voters: readonly number[]) => {
    await send(first, opening)
    const vote = encodeCall(governanceSchema, 'vote', { proposal, approve: true })
    await Promise.all(voters.map((id) => send(id, vote)))
  }

  it('admits a follower, which then signs, even after kill -9', async () => {
    await fifth.start()
    await until('the fifth node follows', async () =>
      (await health(fifth.url)).finalizedHeight > 0 ? true : undefined,
    )
    assert.equal((await health(fifth.url)).validatorIndex, undefined)
    const { consensusSecret, peerSeed } = developmentValidator(4)
    const admission = encodeCall(governanceSchema, 'proposeAdmission', {
      operator: operator(5).address,
      consensusKey: bls.publicKey(consensusSecret),
      possessionProof: bls.prove(consensusSecret),
      peerId: peerIdBytesFromSeed(peerSeed),
      legalName: 'Ember',
      legalGroup: 'ember',
      jurisdiction: 'TW',
      url: 'https://ember.example',
      termsHash: new Uint8Array(32),
    })
    await decide(1, 1, admission, [2, 3])
    for (const node of nodes) {
      await until(`node ${node.index} has the new set`, async () =>
        (await ids(node.url)) === '1,2,3,4,5' ? true : undefined,
      )
    }
    await until('the fifth node validates', async () => (await health(fifth.url)).validatorIndex)
    // It named one; the others' addresses came from that one, and its own went to them.
    for (const node of nodes) {
      await until(`node ${node.index} is connected with all`, async () =>
        (await health(node.url)).peerCount === 4 ? true : undefined,
      )
      assert.doesNotMatch(node.readLog(), /a validator is lost/)
    }
    await untilProposes(url(), 5)
    await fifth.kill()
    await untilProposes(url(), 1)
    await fifth.start()
    await untilProposes(url(), 5)
  })

  it('rotates a key at a boundary without a pause, and continues after restarts', async () => {
    const node = network.nodes[1]!
    const given = developmentValidator(50)
    const keyDir = join(node.member.dir, 'key-2')
    createKeys({ dataDir: keyDir, password: DEVELOPMENT_PASSWORD, isValidator: true, given, cost: 'light' })
    node.configure({ nextSigner: { kind: 'local', dir: 'key-2' } })
    node.signerDirs = [...node.signerDirs, signerFolder(keyDir)]
    await node.terminate()
    await node.start()
    await loseRecord(network.nodes[3]!)
    const { consensusSecret } = given
    const keys = { consensusKey: bls.publicKey(consensusSecret), possessionProof: bls.prove(consensusSecret) }
    await send(2, encodeCall(providersSchema, 'rotateConsensusKey', keys))
    await until('the set has the new key', async () => {
      const seat = (await validators(url())).find(({ id }) => id === 2)!
      return seat.consensusKey === toHex(keys.consensusKey) ? true : undefined
    })
    await untilProposes(url(), 2)
    // The rotation began a new epoch, the first in which the key whose record was lost may sign.
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

  /** The node shows the chain the number of the loss by itself, and its signer takes the proof. */
  async function loseRecord(node: ValidatorProcess): Promise<void> {
    await node.terminate()
    for (const dir of node.signerDirs) rmSync(dir, { recursive: true })
    await node.start()
    assert.equal(await signer(node.url), 'observing')
    const proven = /the loss of the record is proven/
    await until('the loss is proven', async () => (proven.test(node.readLog()) ? true : undefined))
    assert.equal(await signer(node.url), 'observing')
  }

  it('removes a member that is down; it returns as a follower, twice', async () => {
    const node = network.nodes[2]!
    await node.terminate()
    await decide(2, 1, encodeCall(governanceSchema, 'proposeRemoval', { provider: 3 }), [2, 4, 5])
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
