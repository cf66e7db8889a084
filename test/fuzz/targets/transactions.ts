// Envelopes from clients and peers: a rejection with a code, or a transaction in canonical bytes.
import { equalBytes } from '../../../base/bytes.ts'
import {
  decodeTransaction,
  encodeTransaction,
  recoverSender,
  signTransaction,
  type TransactionFields,
} from '../../../state/transaction.ts'
import type { Random } from '../../support/random.ts'
import { mutateBytes, randomBytes } from '../bytes.ts'
import type { FuzzTarget } from '../target.ts'

const CHAIN_ID = 7357
const SEEDS = 48

function anyFields(random: Random): TransactionFields {
  const type = random.pick([0, 1, 2] as const)
  const fee = BigInt(random.between(0, 2 ** 40))
  const entry = { address: randomBytes(random, 20), storageKeys: [randomBytes(random, 32)] }
  return {
    type,
    chainId: random.chance(0.95) ? CHAIN_ID : random.between(1, 9),
    nonce: random.between(0, 1_000),
    maxPriorityFeePerGas: fee,
    maxFeePerGas: type === 2 ? fee + BigInt(random.between(0, 9)) : fee,
    gasLimit: random.between(21_000, 1_000_000),
    to: randomBytes(random, 20),
    valueBase: BigInt(random.between(0, 2 ** 50)),
    data: randomBytes(random, random.between(0, 40)),
    accessList: type === 0 || random.chance(0.7) ? [] : [entry],
  }
}

export const transactionTarget: FuzzTarget = {
  name: 'transaction',
  weight: 3,
  open: (random) => {
    const secretKey = new Uint8Array(32).fill(3)
    const make = (r: Random): Uint8Array => signTransaction(anyFields(r), secretKey)
    const seeds = Array.from({ length: SEEDS }, () => make(random))
    return {
      step: (r) => {
        const at = r.between(0, SEEDS - 1)
        if (r.chance(1 / 512)) seeds[at] = make(r)
        const raw = r.chance(0.02) ? seeds[at]! : mutateBytes(r, seeds[at]!, r.pick(seeds))
        const decoded = decodeTransaction(raw, CHAIN_ID)
        if ('failure' in decoded) return
        const { transaction } = decoded
        if (!equalBytes(encodeTransaction(transaction, transaction.signature), raw)) {
          throw new Error('two encodings of one transaction')
        }
        if (r.chance(0.02)) recoverSender(transaction)
      },
    }
  },
}
