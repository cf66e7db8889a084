// The meter's statement: lines in a hash chain, its head signed by the provider, so that two sides can compare off chain.
// Owns: the hashes and the checks of a received statement. Not: its JSON (wire.ts), whether a line's cost is right (ownMeter.ts).
import { recoverAddress } from '../../base/address.ts'
import { concatBytes, equalBytes, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import { type TypedField, typedDataDigest, withParity } from '../../base/eip712.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import type { GrantFor } from './grant.ts'
import { RedeemError } from './redeemError.ts'
import { verifyingContract } from './voucher.ts'
import { type Statement, type StatementLine, statementLine } from './wire.ts'

const START = utf8('suanli/statement/v1')
const LINE = utf8('suanli/statement/line/v1')

const STATEMENT_FIELDS: readonly TypedField[] = [
  { name: 'redemptionId', type: { kind: 'uint', bits: 64 } },
  { name: 'assignment', type: { kind: 'uint', bits: 32 } },
  { name: 'lineCount', type: { kind: 'uint', bits: 64 } },
  { name: 'meteredBase', type: { kind: 'uint', bits: 256 } },
  { name: 'voucheredBase', type: { kind: 'uint', bits: 256 } },
  { name: 'head', type: { kind: 'fixedBytes', size: 32 } },
  { name: 'genesis', type: { kind: 'fixedBytes', size: 32 } },
]

/** The chain's hash before any line: it names the assignment. */
export function statementStart({ genesis, redemptionId, assignment }: GrantFor): Hash32 {
  return sha256(concatBytes(START, genesis, utf8(`${redemptionId}/${assignment}`)))
}

/** The chain's hash after a line: SHA-256 over the hash before it and the line's canonical bytes. */
export function nextHead(head: Hash32, line: StatementLine): Hash32 {
  return sha256(concatBytes(LINE, head, statementLine.encode(line)))
}

/** Where a statement that is read in parts stands. */
export interface StatementPoint {
  readonly lineCount: number
  readonly head: Hash32
  readonly meteredBase: bigint
}

type Signed = Omit<Statement, 'after' | 'afterHead' | 'lines' | 'signature'>

export function statementDigest(
  statement: Signed,
  { genesis, chainId }: { genesis: Hash32; chainId: number },
): Hash32 {
  const { redemptionId, assignment, lineCount, meteredBase, voucheredBase, head } = statement
  return typedDataDigest({
    domain: { chainId, verifyingContract },
    primaryType: 'Statement',
    fields: STATEMENT_FIELDS,
    values: [
      BigInt(redemptionId),
      BigInt(assignment),
      BigInt(lineCount),
      meteredBase,
      voucheredBase,
      head,
      genesis,
    ],
  })
}

/** Signs with the provider's key. */
export function signStatement(
  statement: Signed,
  on: { readonly genesis: Hash32; readonly chainId: number; readonly secretKey: Uint8Array },
): Uint8Array {
  return signHash(statementDigest(statement, on), on.secretKey)
}

function bad(reason: string, path: string): RedeemError {
  return new RedeemError('wire', `statement: ${reason}`, { path })
}

/**
 * Checks what a provider sent: its own signature, the hash chain, the sums. `known`: line count and head of an earlier statement,
 * which this one must continue. Returns where its lines end. Throws RedeemError `wire`.
 */
export function checkStatement(
  statement: Statement,
  on: GrantFor & {
    readonly chainId: number
    readonly provider: Address
    readonly known?: StatementPoint
  },
): StatementPoint {
  const { redemptionId, assignment, after, afterHead, lines, lineCount, head, meteredBase } = statement
  if (redemptionId !== on.redemptionId || assignment !== on.assignment)
    throw bad('it is of another assignment', 'assignment')
  const signer = recoverAddress(statementDigest(statement, on), withParity(statement.signature))
  if (signer === undefined || !equalBytes(signer, on.provider))
    throw bad('it is not signed by the provider', 'signature')
  const known = on.known ?? { lineCount: 0, head: statementStart(on), meteredBase: 0n }
  if (after !== known.lineCount || !equalBytes(afterHead, known.head))
    throw bad('it does not continue what the provider stated before', 'afterHead')
  let at = afterHead
  let sumBase = known.meteredBase
  lines.forEach((line, i) => {
    sumBase += line.costBase
    if (line.sequence !== after + i + 1) throw bad('a line is missing', `lines[${i}].sequence`)
    if (line.meteredBase !== sumBase) throw bad('the lines do not add up', `lines[${i}].meteredBase`)
    at = nextHead(at, line)
  })
  const last = after + lines.length
  if (last > lineCount) throw bad('it has more lines than it counts', 'lineCount')
  const end = { lineCount: last, head: at, meteredBase: sumBase }
  if (last < lineCount) return end
  if (!equalBytes(at, head)) throw bad('the hash chain is broken', 'head')
  if (sumBase !== meteredBase) throw bad('the lines are not what it says was metered', 'meteredBase')
  return end
}
