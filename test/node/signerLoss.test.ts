// How a node proves a signer's loss: it submits the number, finds it in final blocks whoever sent it, and tries again.
import assert from 'node:assert/strict'
import { toHex } from '../../base/bytes.ts'
import type { ReceiptProof } from '../../base/protocol/receiptProof.ts'
import type { SignerLoss } from '../../consensus/ports.ts'
import type { FinalizedEvent } from '../../node/chain/importerTypes.ts'
import type { NodeLogger } from '../../node/logging.ts'
import { LossProver, type SignerLossOptions, type Submitter } from '../../node/signerLoss.ts'
import { decodeTransaction } from '../../state/transaction.ts'
import { CHAIN } from '../support/signerFixture.ts'

const NONCE = new Uint8Array(32).fill(7)
const CHAIN_ID = 7
const turn = () => new Promise((resolve) => setImmediate(resolve))

const accountOf = (submitted: Uint8Array[]): Submitter => ({
  chainId: CHAIN_ID,
  secretKey: new Uint8Array(32).fill(5),
  gasOf: () => 22_000,
  nextBaseFee: () => 10n,
  pendingNonce: () => 3,
  isPending: () => false,
  submit: async (raw) => {
    submitted.push(raw)
    return { ok: true, id: NONCE }
  },
})

describe('node.signerLoss', () => {
  function setUp(withAccount: boolean) {
    const lines: string[] = []
    const submitted: Uint8Array[] = []
    const proven: Uint8Array[] = []
    let open = true
    let refusal: string | undefined
    let certificate = true
    let look: () => void = () => {}
    let finalize: (event: FinalizedEvent) => void = () => {}
    const loss: SignerLoss = {
      nonce: NONCE,
      prove: async (transaction, proof: ReceiptProof) => {
        assert.equal(proof.count, 1)
        proven.push(transaction)
        if (refusal === undefined) open = false
        return refusal
      },
    }
    const log = (_: unknown, text?: string) => void lines.push(String(text))
    const logger = { debug: log, info: log, warn: log, error: log } as unknown as NodeLogger
    const blocks = new Map<number, Uint8Array>()
    const chain = {
      blockByHeight: (height: number) => {
        const raw = blocks.get(height)
        if (raw === undefined) return undefined
        const { receipt } = CHAIN.show(raw, 1)
        return {
          header: CHAIN.header(1, { height }),
          transactions: [{ raw, id: NONCE }],
          receipts: [receipt],
          systemLogs: [],
        }
      },
      finalityOf: async () =>
        certificate ? { certificate: CHAIN.certify(CHAIN.header(1)), headers: [] } : undefined,
    } as unknown as ReturnType<SignerLossOptions['chain']>
    const prover = new LossProver({
      signer: { losses: () => (open ? [loss] : []) },
      onFinalized: (listener) => {
        finalize = listener
        return () => {}
      },
      chain: () => chain,
      submitter: withAccount ? accountOf(submitted) : undefined,
      clock: {
        nowMs: () => 0,
        monotonicMs: () => 0,
        after: (_, callback) => {
          look = callback
          return () => {}
        },
      },
      logger,
    })
    return {
      lines,
      submitted,
      proven,
      prover,
      isOpen: () => open,
      refuse: (text: string | undefined) => {
        refusal = text
      },
      holdCertificate: (is: boolean) => {
        certificate = is
      },
      look: async () => {
        look()
        await turn()
        await turn()
      },
      final: async (height: number, raw: Uint8Array) => {
        blocks.set(height, raw)
        finalize({ height, executed: { block: { transactions: [raw] } } } as unknown as FinalizedEvent)
        await turn()
        await turn()
      },
    }
  }

  it('submits the number once, and shows the proof of the final transaction', async () => {
    const { look, submitted, final, proven, isOpen, lines } = setUp(true)
    await look()
    await look()
    assert.equal(submitted.length, 1)
    const decoded = decodeTransaction(submitted[0]!, CHAIN_ID)
    assert.ok('transaction' in decoded)
    assert.deepEqual(decoded.transaction.data, NONCE)
    await final(4, new Uint8Array(100))
    assert.deepEqual(proven, [])
    await final(5, submitted[0]!)
    assert.deepEqual(proven, [submitted[0]])
    assert.equal(isOpen(), false)
    assert.ok(lines.some((line) => /the loss of the record is proven/.test(line)))
  })

  it('asks for help without an account, and takes the transaction of anybody', async () => {
    const { look, final, lines, isOpen } = setUp(false)
    await look()
    await look()
    assert.equal(lines.filter((line) => /send any transaction with this number/.test(line)).length, 1)
    await final(5, new Uint8Array([1, 2, ...NONCE, 3]))
    assert.equal(isOpen(), false)
  })

  it('waits for a certificate, and starts again after a refusal', async () => {
    const { look, final, proven, refuse, holdCertificate, isOpen, lines, prover } = setUp(true)
    holdCertificate(false)
    await final(5, NONCE)
    assert.deepEqual(proven, [])
    holdCertificate(true)
    refuse('another set')
    await look()
    assert.equal(proven.length, 1)
    assert.ok(lines.some((line) => /refuses the proof/.test(line)))
    refuse(undefined)
    await look()
    assert.equal(proven.length, 1)
    await final(6, NONCE)
    assert.deepEqual([proven.length, isOpen()], [2, false])
    prover.close()
    assert.equal(toHex(proven[1]!), toHex(NONCE))
  })
})
