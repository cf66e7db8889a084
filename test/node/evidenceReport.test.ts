// Evidence from a node's own consensus to peers, log and chain: `startEvidence` on a real state with a recording host.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import {
  type Certificate,
  type Subject,
  signersBitmap,
  type Vote,
  voteBytes,
} from '../../base/protocol/vote.ts'
import type { FinalizedEvent, Importer } from '../../node/chain/importerTypes.ts'
import { startEvidence } from '../../node/evidence/evidence.ts'
import { Verifier } from '../../node/verifier.ts'
import type { P2pHost, ProtocolHandler } from '../../p2p/protocol.ts'
import { evidenceSchema } from '../../state/modules/evidence/schema.ts'
import { digestOf, genesisKeys, MemberChain, stranger } from '../support/memberChain.ts'

const block = (kind: 'notarize' | 'finalize', name: string): Subject => {
  return { kind, epoch: 0, view: 4, parentView: 3, digest: digestOf(name) }
}

describe('node.evidence', () => {
  const dir = mkdtempSync(join(tmpdir(), 'evidence-report-'))
  after(() => rmSync(dir, { recursive: true }))

  function bench(name: string, hasAccount: boolean) {
    const chain = new MemberChain(5)
    const sent: { peer: string; bytes: Uint8Array }[] = []
    const logged: { fields: Record<string, unknown>; text: string }[] = []
    const submitted: Uint8Array[] = []
    let handler: ProtocolHandler | undefined
    let finalized: (event: FinalizedEvent) => void = () => {}
    const host = {
      register: (_: unknown, given: ProtocolHandler) => {
        handler = given
        const send = (peer: string, bytes: Uint8Array) => sent.push({ peer, bytes }) > 0
        return { send, broadcast: () => 0, peers: () => ['a', 'b'] }
      },
      getPeer: () => undefined,
      penalise: () => assert.fail('nobody misbehaves here'),
    } as unknown as P2pHost
    const importer = {
      head: () => ({ ...chain.parent, state: chain.full }),
      onFinalized: (listener: typeof finalized) => {
        finalized = listener
        return () => {}
      },
    } as unknown as Importer
    const running = startEvidence({
      dir: join(dir, name),
      chain: chain.genesis.chain,
      importer,
      checks: new Verifier(bls),
      host,
      submitter: hasAccount
        ? {
            chainId: chain.genesis.chain.chainId,
            secretKey: sha256(new Uint8Array([9])),
            turn: () => 0,
            gasOf: () => 1_000_000,
            nextBaseFee: () => 1n,
            pendingNonce: () => 0,
            isPending: () => true,
            submit: async (raw) => {
              submitted.push(raw)
              return { ok: true, id: new Uint8Array(32) }
            },
          }
        : undefined,
      clock: { nowMs: () => 0, monotonicMs: () => 0, after: () => () => {} },
      logger: {
        debug() {},
        info() {},
        warn() {},
        error: (fields, text) => void logged.push({ fields: fields as never, text }),
      },
    })
    const vote = (subject: Subject, signer: number): Vote => {
      const signature = bls.sign(genesisKeys(signer).secret, voteBytes(chain.genesis.hash, subject))
      return { subject, signer, signature }
    }
    const certificate = (subject: Subject, signers: readonly number[]): Certificate => {
      const signature = bls.aggregate(signers.map((signer) => vote(subject, signer).signature))!
      return { subject, bitmap: signersBitmap(signers, 5), signature }
    }
    return {
      chain,
      running,
      sent,
      logged,
      submitted,
      handler: handler!,
      settle: () => finalized({} as never),
      vote,
      certificate,
    }
  }

  it('reports two votes to peers and the chain until the chain has convicted', async () => {
    const { chain, running, sent, logged, submitted, settle, vote } = bench('votes', true)
    await running.report({
      kind: 'votes',
      first: vote(block('notarize', 'a'), 2),
      second: vote(block('notarize', 'b'), 2),
    })
    await running.report({
      kind: 'votes',
      first: vote(block('notarize', 'b'), 2),
      second: vote(block('notarize', 'a'), 2),
    })
    const [item] = running.held()
    assert.deepEqual([running.held().length, item!.providers], [1, [3]])
    assert.deepEqual(
      sent.map(({ peer }) => peer),
      ['a', 'b'],
    )
    assert.match(logged[0]!.text, /the evidence will be submitted/)
    assert.equal(submitted.length, 1)
    settle()
    assert.equal(running.held().length, 1)
    assert.equal(chain.run(stranger, evidenceSchema, 'submitEvidence', { evidence: item!.bytes }), undefined)
    settle()
    assert.deepEqual(running.held(), [])
    await running.close()
  })

  it('accepts conflicting certificates, and without an account logs the call to submit', async () => {
    const { running, logged, submitted, certificate } = bench('certificates', false)
    const first = certificate(block('finalize', 'a'), [0, 1, 2, 3])
    const second = certificate(block('notarize', 'b'), [1, 2, 3, 4])
    await running.report({ kind: 'certificates', first, second })
    assert.deepEqual(running.held()[0]!.providers, [2, 3, 4])
    assert.match(logged[0]!.text, /any account may submit this evidence/)
    const { to, data } = logged[0]!.fields.transaction as { to: string; data: string }
    assert.match(to, /^0x7375616e6c69/)
    assert.match(data, /^0x[0-9a-f]{8}/)
    assert.equal(submitted.length, 0)
    await running.close()
  })

  it("forwards a peer's evidence to all other peers, and sends it to new ones", async () => {
    const source = bench('source', false)
    await source.running.report({
      kind: 'votes',
      first: source.vote(block('finalize', 'a'), 1),
      second: source.vote({ kind: 'nullify', epoch: 0, view: 4 }, 1),
    })
    const { bytes } = source.running.held()[0]!
    const { running, sent, handler } = bench('target', false)
    await handler.onFrame('a', bytes)
    assert.deepEqual(sent, [{ peer: 'b', bytes }])
    handler.onOpen?.('c')
    assert.deepEqual(sent.at(-1), { peer: 'c', bytes })
    await running.close()
    await source.running.close()
  })
})
