// The oracle's chambers by mood: honest reports, silence, lies, reveals that do not match.
import { u64be } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import { type OracleReport, reportCommitment } from '../../../../base/protocol/oracleReport.ts'
import { getAnchor } from '../../../../state/modules/oracle/anchor.ts'
import { reportOf, seatOf } from '../../../../state/modules/oracle/chambers.ts'
import { phaseOf } from '../../../../state/modules/oracle/clock.ts'
import { getPrice } from '../../../../state/modules/oracle/prices.ts'
import { type Act, act } from '../act.ts'
import type { Scene } from '../scene.ts'
import { addressOf, OPERATORS_MAX, REPORTERS } from '../wallets.ts'

const SALT = sha256(u64be(1))

/** What a seat says in a window. */
function reportFor(scene: Scene, number: number): OracleReport {
  const { random, chain } = scene
  const anchor = getAnchor(chain.full)
  const price = getPrice(chain.full, 1)?.priceBase ?? 1n
  const other = getPrice(chain.full, 2)?.priceBase ?? 1n
  if (scene.mood(number) === 'liar') {
    const rating = random.pick([0n, 1n, anchor * 3n, 2n ** 63n])
    const priceBase = random.pick([1n, price / 2n, price * 3n, 2n ** 100n])
    return {
      rating,
      prices: [
        { asset: 1, priceBase },
        { asset: random.pick([2, 9]), priceBase },
      ],
    }
  }
  const rating = anchor + (anchor * BigInt(random.between(0, 60))) / 1_000n
  const priceBase = (price * BigInt(random.between(975, 1_030))) / 1_000n
  const prices = [{ asset: 1, priceBase }]
  return { rating, prices: random.chance(0.6) ? [...prices, { asset: 2, priceBase: other }] : prices }
}

/** What a seat sends in the block that is `pauseMs` later. */
function voice(scene: Scene, number: number, pauseMs: number): Act[] {
  const { chain, window, secrets, random } = scene
  const seat = seatOf(chain.full, addressOf(number))
  if (seat === undefined) return []
  const { phase } = phaseOf(chain.full, { timestampMs: chain.nowMs + pauseMs })
  const outcome = reportOf(chain.full, seat, window)?.outcome
  const key = `report ${number} ${window}`
  if (phase === 'commit' && outcome === undefined) {
    const report = reportFor(scene, number)
    secrets.set(key, report)
    const account = addressOf(number)
    const { genesisHash } = chain.chain
    const commitment = reportCommitment({ genesisHash, window, account, salt: SALT, report })
    return [act(number, 'oracle.commit', { window, commitment })]
  }
  const report = secrets.get(key) as OracleReport | undefined
  if (phase !== 'reveal' || report === undefined || outcome === 'revealed') return []
  secrets.delete(key)
  const salt = random.chance(0.03) ? sha256(u64be(2)) : SALT
  return [act(number, 'oracle.reveal', { window, salt, ...report })]
}

export function reporterActs(scene: Scene, pauseMs: number, chance: number): Act[] {
  const { random } = scene
  const all = [...REPORTERS, ...Array.from({ length: OPERATORS_MAX }, (_, i) => i + 1)]
  return all.flatMap((number) => {
    const mood = scene.mood(number)
    const speaks = mood === 'silent' ? 0 : mood === 'lazy' ? chance / 5 : chance
    return random.chance(speaks) ? voice(scene, number, pauseMs) : []
  })
}
