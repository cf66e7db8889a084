// The oracle in the recorded chain: reporters are appointed by vote, and report in every window from then on. Owns: these calls.
// Run only by the recorder.
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { reportCommitment } from '../../base/protocol/oracleReport.ts'
import { DEVNET_ASSET_ID } from '../../genesis/devnet.ts'
import { reportOf, seatOf } from '../../state/modules/oracle/chambers.ts'
import { phaseOf, runningWindow } from '../../state/modules/oracle/clock.ts'
import { hasReporters } from '../../state/modules/oracle/tally.ts'
import { schemas } from '../../state/schemas.ts'
import { callData, type GoldenChain, type Send, type Wallet } from './goldenChain.ts'

const { oracle, governance } = schemas
const SALT = sha256(utf8('salt of the golden chain'))
const WRONG_SALT = sha256(utf8('another salt'))
const PRICE_BASE = 3_050_000n

/** Who reports: accounts, and operators of members for the chamber of providers. */
export interface Voices {
  readonly reporters: readonly Wallet[]
  readonly operators: readonly Wallet[]
}

function send(
  from: Wallet,
  action: keyof typeof oracle.actions,
  args: { readonly [name: string]: unknown },
): Send {
  return { from, to: moduleAddress(oracle), data: callData(action, oracle.actions[action].args, args) }
}

/** A proposal to appoint these, and some that are refused. */
export function proposals(proposer: Wallet, { reporters, operators }: Voices): readonly Send[] {
  const named = reporters.map(({ address: account }, i) => ({ account, name: `Reporter ${i + 1}` }))
  const propose = (appoint: readonly object[], dismiss: readonly number[] = []): Send => ({
    from: proposer,
    to: moduleAddress(governance),
    data: callData('proposeReporters', governance.actions.proposeReporters.args, { appoint, dismiss }),
  })
  return [
    propose(named),
    propose([]),
    propose(named, [1]),
    propose(named.slice(1)),
    propose(named.map((one) => ({ ...one, name: 'One name' }))),
    propose([...named.slice(1), { account: operators[0]!.address, name: 'A member' }]),
  ]
}

/** What they send in the block above `chain`, `pauseMs` later: a commitment, or the report. */
export function reports(
  chain: GoldenChain,
  { reporters, operators }: Voices,
  pauseMs: number,
): readonly Send[] {
  const { state } = chain
  const window = runningWindow(state)
  if (!hasReporters(state, window)) return []
  const { phase } = phaseOf(state, { timestampMs: chain.parent.header.timestampMs + pauseMs })
  return [...reporters, ...operators].flatMap((from, i) => {
    const seat = seatOf(state, from.address)
    if (seat === undefined) return []
    const outcome = reportOf(state, seat, window)?.outcome
    // The last one of the reporters is absent every third window, and the first one's first salt is wrong.
    const isAbsent = i === reporters.length - 1 && window % 3 === 0
    const report = {
      rating: 1_001_000n + BigInt(i),
      prices: [{ asset: DEVNET_ASSET_ID, priceBase: PRICE_BASE + BigInt(i) }],
    }
    const terms = { genesisHash: chain.genesis.hash, window, account: from.address, salt: SALT, report }
    if (phase === 'commit' && outcome === undefined && !isAbsent)
      return [send(from, 'commit', { window, commitment: reportCommitment(terms) })]
    if (phase !== 'reveal' || (outcome !== 'committed' && outcome !== 'mismatched')) return []
    const salt = i === 0 && outcome === 'committed' ? WRONG_SALT : SALT
    return [send(from, 'reveal', { window, salt, ...report })]
  })
}

/** Calls of the oracle that the rules refuse. */
export function refused(stranger: Wallet, reporter: Wallet, window: number): readonly Send[] {
  const nothing = { window, salt: SALT, rating: 1n, prices: [] }
  return [
    send(stranger, 'commit', { window, commitment: SALT }),
    send(reporter, 'commit', { window: window + 9, commitment: SALT }),
    send(reporter, 'reveal', { ...nothing, window: window + 9 }),
  ]
}
