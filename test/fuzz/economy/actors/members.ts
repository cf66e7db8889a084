// Members: pledges, mints, listings, grants, bonds, offers of liability, leaving. Owns: what they do for themselves.
// Not: their sales (issuers.ts), votes (voters.ts), reports (reporters.ts).
import { u64be, utf8 } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import { getAssetBalance } from '../../../../state/modules/assets/ledger.ts'
import { getLot, lotIdsOf, nextLotId } from '../../../../state/modules/capacity/lots.ts'
import { SERVICES } from '../../../../state/modules/catalogue/schema.ts'
import { unlockWindow } from '../../../../state/modules/default/exits.ts'
import { novationOf } from '../../../../state/modules/default/novation.ts'
import { getLiability } from '../../../../state/modules/issuance/ledger.ts'
import { judgeMint, leastLimit } from '../../../../state/modules/issuance/limits.ts'
import { getBonds } from '../../../../state/modules/providers/bonds.ts'
import { suspendedSince } from '../../../../state/modules/providers/suspension.ts'
import { genesisKeys, keysOf } from '../../../support/memberChain.ts'
import { type Act, act } from '../act.ts'
import type { Scene } from '../scene.ts'
import { addressOf, HOLDERS, ISSUER } from '../wallets.ts'
import { COIN, UNIT } from '../world.ts'

function mints(scene: Scene, id: number): Act[] {
  const { random, chain } = scene
  const from = scene.operator(id)
  const room = leastLimit(judgeMint(chain.full, id).limits)
  const amountBase = random.pick([scene.near(room > 0n ? room : COIN), room / 5n, COIN])
  const to = addressOf(random.pick([...HOLDERS, from]))
  return [act(from, 'issuance.mint', { to, amountBase })]
}

function retirement(scene: Scene, id: number): Act[] {
  const from = scene.operator(id)
  const { liabilityBase, lockedBase } = getLiability(scene.chain.full, id)
  const balance = scene.chain.balanceOf(from)
  const amountBase = scene.random.pick([scene.near(balance), balance / 3n, scene.near(liabilityBase)])
  if (scene.random.chance(0.7)) return [act(from, 'issuance.retire', { amountBase })]
  return [act(from, 'issuance.retireLocked', { amountBase: scene.near(lockedBase) })]
}

/** Pledges of more hardware, and notice of some; now and then an audit that takes a part. */
function hardware(scene: Scene, id: number): Act[] {
  const { random, chain, window } = scene
  const from = scene.operator(id)
  const roll = random.next()
  const lots = lotIdsOf(chain.full, id)
  if (roll < 0.55) {
    const known = lots.length > 0 ? getLot(chain.full, random.pick(lots)) : undefined
    return [
      act(from, 'capacity.pledge', {
        classId: known?.classId ?? 1,
        devices: random.pick([1, 20, 80, 200]),
        deviceRoot: sha256(u64be(1_000_000 * nextLotId(chain.full) + random.between(0, 3))),
        region: random.pick(['local', 'local', 'far']),
        services: random.pick([7, 7, 7, 1, 4]),
        firstWindow: scene.about(window + random.pick([1, 2, 6])),
      }),
    ]
  }
  if (lots.length === 0) return []
  const lot = random.pick(lots)
  if (roll < 0.62) return [act(from, 'capacity.giveNotice', { lot })]
  const auditPpm = random.pick([0n, 500_000n, 900_000n, 1_000_000n, 1_000_000n])
  return [act(ISSUER, 'driver.audit', { lot, auditPpm })]
}

function listings(scene: Scene, id: number): Act[] {
  const { random, chain } = scene
  const from = scene.operator(id)
  const service = random.pick(SERVICES)
  if (random.chance(0.15)) return [act(from, 'redemption.unlist', { service })]
  const lots = lotIdsOf(chain.full, id)
  const lot = lots.length > 0 ? getLot(chain.full, random.pick(lots)) : undefined
  return [
    act(from, 'redemption.list', {
      service,
      classId: lot?.classId ?? 1,
      region: lot?.region ?? 'local',
      endpoint: `https://member-${id}.example`,
      bonusPpm: random.pick([0n, 0n, 1n, 50_000n, 10_000_000n]),
      runtimeHash: sha256(utf8('runtime')),
      tariffHash: sha256(utf8('runtime')),
    }),
  ]
}

/** Grants by mood: the honest post all in time, the lazy some, the silent none. */
function grants(scene: Scene): Act[] {
  const { random, window } = scene
  return scene.assignments().flatMap((at): Act[] => {
    if (at.isGranted || at.window <= window - 1) return []
    const mood = scene.mood(at.provider)
    const posts = mood === 'honest' ? 0.8 : mood === 'silent' ? 0 : 0.3
    if (!random.chance(posts)) return []
    const { id, assignment } = at
    return [
      act(scene.operator(at.provider), 'redemption.grant', { id, assignment, ciphertext: utf8('sealed') }),
    ]
  })
}

function bonds(scene: Scene, id: number): Act[] {
  const { random, chain } = scene
  const from = scene.operator(id)
  const held = getBonds(chain.full, id)
  if (unlockWindow(chain.full, id) !== undefined || random.chance(0.1)) {
    if (held.length === 0) return []
    const { asset, amountBase } = random.pick(held)
    return [act(from, 'default.withdrawBond', { asset, amountBase: scene.near(amountBase) })]
  }
  const asset = random.pick([1, 1, 2, 3])
  const owned = getAssetBalance(chain.full, { asset, owner: addressOf(from) })
  return [
    act(from, 'providers.postBond', {
      asset,
      amountBase: random.pick([scene.near(owned / 10n), 1n, UNIT * 100n]),
    }),
  ]
}

function novations(scene: Scene, id: number): Act[] {
  const { random, chain } = scene
  const from = scene.operator(id)
  const offers = scene.ids.flatMap((other) => {
    const offer = novationOf(chain.full, other)
    return offer?.to === id ? [{ from: other, ...offer }] : []
  })
  if (offers.length > 0 && random.chance(0.7)) {
    const { to: _, ...terms } = random.pick(offers)
    const amountBase = random.chance(0.95) ? terms.amountBase : terms.amountBase + 1n
    return [act(from, 'default.acceptNovation', { ...terms, amountBase })]
  }
  if (novationOf(chain.full, id) !== undefined && random.chance(0.3))
    return [act(from, 'default.withdrawNovation')]
  const { liabilityBase } = getLiability(chain.full, id)
  const amountBase = random.pick([liabilityBase / 50n, scene.near(liabilityBase), liabilityBase / 4n])
  const asset = random.pick([0, 0, 1, 2, 1_000])
  const paymentBase = random.pick([0n, 1n, asset === 0 ? COIN : 100n * UNIT])
  return [act(from, 'default.offerNovation', { to: scene.someone(), amountBase, asset, paymentBase })]
}

function leaving(scene: Scene, id: number): Act[] {
  const { random } = scene
  const from = scene.operator(id)
  const { status } = scene.member(id)
  if (status !== 'retiring') return random.chance(0.08) ? [act(from, 'default.beginExit')] : []
  return random.chance(0.4) ? [act(from, 'default.completeExit')] : []
}

function keys(scene: Scene, id: number): Act[] {
  const { random } = scene
  const from = scene.operator(id)
  const { profile } = scene.member(id)
  const made = keysOf(`spare ${random.between(1, 6)}`)
  const roll = random.next()
  if (roll < 0.3)
    return [
      act(from, 'providers.updateProfile', {
        ...profile,
        legalGroup: random.chance(0.8) ? profile.legalGroup : 'Other',
      }),
    ]
  if (roll < 0.6) return [act(from, 'providers.changePeerId', { peerId: made.peerId })]
  const { consensusKey, possessionProof } = random.chance(0.7)
    ? made
    : { ...made, possessionProof: genesisKeys(0).possessionProof }
  return [act(from, 'providers.rotateConsensusKey', { consensusKey, possessionProof })]
}

export function memberActs(scene: Scene): Act[] {
  const { random, chain } = scene
  const id = random.pick(scene.ids)
  const suspended = scene.ids.filter((other) => suspendedSince(chain.full, other) !== undefined)
  return [
    ...grants(scene),
    ...(random.chance(0.35) ? mints(scene, id) : []),
    ...(random.chance(0.1) ? retirement(scene, id) : []),
    ...(random.chance(0.12) ? hardware(scene, id) : []),
    ...(random.chance(0.2) ? listings(scene, id) : []),
    ...(random.chance(0.12) ? bonds(scene, id) : []),
    ...(random.chance(0.12) ? novations(scene, id) : []),
    ...(random.chance(0.15) ? leaving(scene, id) : []),
    ...(random.chance(0.01) ? keys(scene, id) : []),
    ...suspended.flatMap((other) =>
      random.chance(0.15) ? [act(scene.operator(other), 'redemption.resume')] : [],
    ),
  ]
}
