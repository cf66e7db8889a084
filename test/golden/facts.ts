// Single values that must not change: the devnet's genesis, a header, votes and certificates, roots after fixed transactions.
// Owns: the list by name. Keys are the published development keys; nothing is random.
import { bytesKey } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { voucherDigest } from '../../base/eip712.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { evidenceSchema, voteAsCertificate } from '../../base/protocol/evidence.ts'
import { headerHash, headerSchema } from '../../base/protocol/header.ts'
import { merkleRoot } from '../../base/protocol/merkle.ts'
import { personalMessageHash, recoveryHash, recoverySchema } from '../../base/protocol/recovery.ts'
import { validatorSetHash } from '../../base/protocol/validators.ts'
import {
  certificateSchema,
  leaderPermutation,
  nextMix,
  randaoBytes,
  type Subject,
  signersBitmap,
  VOTE_KINDS,
  voteBytes,
  voteSchema,
} from '../../base/protocol/vote.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { DEVNET_WINDOW_MS } from '../../genesis/devnet.ts'
import { genesisSchema } from '../../genesis/schema.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { encodeReceipts } from '../../state/receipt.ts'
import { schemas } from '../../state/schemas.ts'
import { sampleFields } from '../support/sample.ts'
import { callData, GoldenChain, type Send } from './goldenChain.ts'

/** Defaults of `suanli devnet`. */
const VALIDATORS = 4
const BLOCK_TIME_MS = 50
const PAUSE_MS = 250
const COIN = 10n ** 18n
const GWEI = 1_000_000_000n

type Facts = Record<string, string>

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const secretOf = (i: number): Uint8Array => developmentValidator(i).consensusSecret

function genesisFacts(chain: GoldenChain, document: Uint8Array): Facts {
  const { header } = chain.genesis.block
  const set = validatorSet(chain.state)
  return {
    'devnet genesis hash': hex(chain.genesis.hash),
    'devnet genesis size in bytes': String(document.length),
    'devnet block 0 header': hex(headerSchema.encode(header)),
    'devnet block 0 hash': hex(headerHash(header)),
    'devnet block 0 state root': hex(header.stateRoot),
    'devnet block 0 records': String([...chain.state.entries('')].length),
    'devnet validator set hash': hex(validatorSetHash(set)),
    'devnet possession proof of validator 0': hex(bls.prove(secretOf(0))),
    'empty Merkle root': hex(merkleRoot([])),
    'Merkle root of three leaves': hex(merkleRoot([1, 2, 3].map((n) => new Uint8Array(n).fill(n)))),
  }
}

function voteFacts(chain: GoldenChain): Facts {
  const genesisHash = chain.genesis.hash
  const digest = new Uint8Array(32).fill(0xd1)
  const block = { epoch: 3, view: 258, parentView: 257, digest }
  const facts: Facts = {}
  const certificates = VOTE_KINDS.map((kind) => {
    const subject: Subject = kind === 'nullify' ? { kind, epoch: 3, view: 258 } : { kind, ...block }
    const message = voteBytes(genesisHash, subject)
    const signatures = [0, 1, 2, 3].map((i) => bls.sign(secretOf(i), message))
    const aggregate = bls.aggregate(signatures.slice(0, 3))!
    const certificate = { subject, bitmap: signersBitmap([0, 1, 2], VALIDATORS), signature: aggregate }
    facts[`${kind} signing bytes`] = hex(message)
    facts[`${kind} vote of validator 3`] = hex(
      voteSchema.encode({ subject, signer: 3, signature: signatures[3]! }),
    )
    facts[`${kind} certificate of validators 0, 1, 2`] = hex(certificateSchema.encode(certificate))
    return voteAsCertificate({ subject, signer: 3, signature: signatures[3]! }, VALIDATORS)
  })
  const [, nullify, finalize] = certificates
  const reveal = bls.sign(secretOf(1), randaoBytes(genesisHash, 3, 77))
  const recovery = sampleFields('Recovery', recoverySchema.fields) as never
  const permutation = { genesisHash, epoch: 3, floorMix: digest, validatorCount: 16 }
  return {
    ...facts,
    'evidence of validator 3': hex(evidenceSchema.encode({ first: nullify!, second: finalize! })),
    'randao signing bytes': hex(randaoBytes(genesisHash, 3, 77)),
    'randao reveal of validator 1': hex(reveal),
    'mix after it': hex(nextMix(digest, 77, reveal)),
    'leader order of 16': leaderPermutation(permutation).join(' '),
    'recovery hash of a sample': hex(recoveryHash(recovery)),
    'personal message hash': hex(personalMessageHash('Suanli')),
    'voucher digest': hex(
      voucherDigest({
        chainId: chain.genesis.chain.chainId,
        verifyingContract: moduleAddress(schemas.redemption),
        redemptionId: 7,
        assignment: 2,
        provider: developmentValidator(0).operator.address,
        deliveredBase: 3n * COIN,
        genesis: genesisHash,
      }),
    ),
  }
}

/** All three envelopes, a token, a mint, a request, a batch, and two that fail. */
function fixedSends(): readonly Send[] {
  const [alice, bob, carol] = developmentAccounts()
  const operator = developmentValidator(0).operator
  const { issuance, redemption, accounts } = schemas
  const mint = { to: bob!.address, amountBase: 5n * COIN }
  const request = {
    amountBase: 2n * COIN,
    service: 'infer',
    provider: 0,
    ratingMin: 0n,
    region: '',
    startBy: 0,
    finishBy: 0,
    jobHash: new Uint8Array(32),
    clientKey: new Uint8Array(65).fill(4),
    voucherKey: new Uint8Array(20),
  }
  const calls = [{ to: bob!.address, value: COIN, data: new Uint8Array(0) }]
  const price = { maxFeePerGas: 2n * GWEI, maxPriorityFeePerGas: 2n * GWEI }
  const accessList = [{ address: bob!.address, storageKeys: [new Uint8Array(32).fill(9)] }]
  const mintData = callData('mint', issuance.actions.mint.args, mint)
  return [
    { from: alice!, to: bob!.address, valueBase: COIN, type: 0, ...price, gasLimit: 21_000 },
    { from: alice!, to: carol!.address, valueBase: 1n, type: 1, ...price, accessList },
    { from: bob!, to: alice!.address, valueBase: 3n, data: new Uint8Array(40).fill(1) },
    { from: operator, to: moduleAddress(issuance), data: mintData },
    { from: alice!, to: moduleAddress(issuance), data: mintData },
    {
      from: bob!,
      to: moduleAddress(redemption),
      data: callData('request', redemption.actions.request.args, request),
    },
    {
      from: carol!,
      to: moduleAddress(accounts),
      data: callData('batch', accounts.actions.batch.args, { calls }),
    },
    { from: carol!, to: moduleAddress(redemption), data: new Uint8Array([1, 2, 3, 4]) },
  ]
}

function chainFacts(chain: GoldenChain): Facts {
  const facts: Facts = {}
  const sends = [fixedSends(), [], fixedSends().slice(0, 2)]
  sends.forEach((list, i) => {
    const receipts = chain.next(list, PAUSE_MS)
    const { header, hash, transactions, bytes } = chain.blocks[i]!
    const at = `block ${i + 1}`
    transactions.forEach((raw, n) => {
      facts[`${at} transaction ${n}`] = hex(raw)
    })
    encodeReceipts(receipts).forEach((receipt, n) => {
      facts[`${at} receipt ${n}`] = hex(receipt)
    })
    facts[`${at} transactions root`] = hex(header.transactionsRoot)
    facts[`${at} receipts root`] = hex(header.receiptsRoot)
    facts[`${at} state root`] = hex(header.stateRoot)
    facts[`${at} header`] = hex(headerSchema.encode(header))
    facts[`${at} hash`] = hex(hash)
    facts[`${at} size in bytes`] = String(bytes.length)
  })
  const records = [...chain.state.entries('')].sort(([a], [b]) => (a < b ? -1 : 1))
  const account = records.find(([key]) => key.endsWith(bytesKey(developmentAccounts()[0]!.address)))!
  facts['first record of the first account'] = hex(account[1])
  return facts
}

export function makeFacts(): Facts {
  const options = { validators: VALIDATORS, blockTimeMs: BLOCK_TIME_MS, windowMs: DEVNET_WINDOW_MS }
  const document = developmentGenesis(options)
  const secrets = Array.from({ length: VALIDATORS }, (_, i) => secretOf(i))
  const chain = new GoldenChain(document, secrets)
  return {
    ...genesisFacts(chain, genesisSchema.encode(document)),
    ...voteFacts(chain),
    ...chainFacts(chain),
  }
}
