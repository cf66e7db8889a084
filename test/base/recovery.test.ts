import assert from 'node:assert/strict'
import { bls } from '../../base/crypto/bls.ts'
import { trustedSet } from '../../base/protocol/finalityProof.ts'
import {
  type Recovery,
  type RecoveryFile,
  recoveryFileSchema,
  recoveryHash,
  recoverySchema,
} from '../../base/protocol/recovery.ts'
import {
  checkRecovery,
  checkRecoveryFile,
  followRecovery,
  missingSigners,
  RECOVERY_EPOCHS_MAX,
  type RecoveryRule,
  recoveryMembersMin,
  recoverySet,
} from '../../base/protocol/recoveryRules.ts'
import { faultyMax, quorum } from '../../base/protocol/validators.ts'
import {
  attestationOf,
  FLOOR,
  GENESIS,
  hashOf,
  PREVIOUS,
  recoveryOf,
  replacedMember,
  secretOf,
  signedFile,
  validatorOf,
} from '../support/recoveryFixture.ts'

const keep = (id: number): Recovery['members'][number] => ({ validator: PREVIOUS[id - 1]! })

/** Asserts the rule that the body breaks and the reason. */
function refuses(over: Partial<Recovery>, rule: RecoveryRule, reason: RegExp): void {
  const wrong = checkRecovery(recoveryOf(over), GENESIS)
  assert.equal(wrong?.rule, rule)
  assert.match(wrong!.reason, reason)
}

function refusesFile(file: RecoveryFile, rule: RecoveryRule, reason: RegExp): void {
  const wrong = checkRecoveryFile(file, GENESIS)
  assert.equal(wrong?.rule, rule)
  assert.match(wrong!.reason, reason)
}

describe('base.recovery', () => {
  describe('the body', () => {
    it('is accepted with two old keys and two replacements', () => {
      assert.equal(checkRecovery(recoveryOf(), GENESIS), undefined)
      assert.deepEqual(
        recoverySet(recoveryOf()).validators.map(({ id }) => id),
        [1, 2, 3, 4],
      )
    })

    it('round-trips through bytes and JSON, and its hash covers every field', () => {
      const file = signedFile(recoveryOf())
      const again = recoveryFileSchema.decode(recoveryFileSchema.encode(file))
      assert.deepEqual(again, file)
      assert.deepEqual(recoveryFileSchema.fromJson(recoveryFileSchema.toJson(file)), file)
      const hashes = [
        recoveryOf(),
        recoveryOf({ epoch: 1004 }),
        recoveryOf({ reason: 'other' }),
        recoveryOf({ floor: { ...FLOOR, view: 18 } }),
        recoveryOf({ members: [keep(1), keep(2)] }),
        recoveryOf({ madeBy: 2 }),
      ].map((recovery) => recoveryHash(recovery).join())
      assert.equal(new Set(hashes).size, hashes.length)
      assert.deepEqual(recoverySchema.decode(recoverySchema.encode(file.recovery)), file.recovery)
    })

    it('is rejected on another chain', () => {
      assert.equal(checkRecovery(recoveryOf(), hashOf('other'))?.rule, 'genesis')
    })

    it('is rejected with an epoch that could have begun at a floor that is a boundary', () => {
      refuses({ epoch: 4 }, 'epoch', /epoch 4 may have begun/)
      refuses({ epoch: 3 }, 'epoch', /epoch 3/)
      assert.equal(checkRecovery(recoveryOf({ epoch: 5 }), GENESIS), undefined)
    })

    it('is rejected without a certificate of exactly the floor, except for genesis', () => {
      const { certificate, ...bare } = recoveryOf()
      assert.equal(checkRecovery(bare, GENESIS)?.rule, 'certificate')
      const subject = certificate!.subject
      for (const wrong of [
        { view: 18 },
        { epoch: 2 },
        { digest: hashOf('x') },
        { kind: 'nullify' as const },
      ]) {
        refuses(
          { certificate: { ...certificate!, subject: { ...subject, ...wrong } } },
          'certificate',
          /floor/,
        )
      }
      const genesis = { ...bare, floor: { height: 0, hash: GENESIS, epoch: 0, view: 0 } }
      assert.equal(checkRecovery(genesis, GENESIS), undefined)
    })

    it('is rejected with fewer members than f + 1 of the previous set', () => {
      refuses({ members: [keep(1)] }, 'members', /1 members: of 4 at least 2/)
      assert.equal(checkRecovery(recoveryOf({ members: [keep(1), keep(2)] }), GENESIS), undefined)
    })

    it('requires enough members that their quorum exceeds f of the previous set', () => {
      assert.deepEqual([4, 5, 6, 7, 10, 13, 100].map(recoveryMembersMin), [2, 2, 2, 3, 5, 6, 50])
      for (let n = 1; n <= 256; n++) {
        assert.ok(quorum(recoveryMembersMin(n)) > faultyMax(n))
        assert.ok(recoveryMembersMin(n) <= n)
      }
    })

    it('is rejected with an epoch so high that light clients would not find it', () => {
      const { epoch } = recoveryOf({ members: [keep(1), keep(2)] }).floor
      refuses({ epoch: epoch + RECOVERY_EPOCHS_MAX + 1 }, 'epoch', /above the floor/)
    })

    it('is rejected with members that are unknown, repeated, unordered or of another account', () => {
      refuses({ members: [keep(1), { validator: validatorOf(7) }] }, 'members', /provider 7 is not in/)
      refuses({ members: [keep(1), keep(1)] }, 'members', /ascending/)
      refuses({ members: [keep(2), keep(1)] }, 'members', /ascending/)
      const sameKey = { ...PREVIOUS[1]!, consensusKey: PREVIOUS[0]!.consensusKey }
      refuses({ members: [keep(1), { validator: sameKey }] }, 'members', /same consensusKey/)
      const thief = { ...PREVIOUS[1]!, operator: PREVIOUS[0]!.operator }
      refuses({ members: [keep(1), { validator: thief }] }, 'members', /another operator account/)
      refuses({ previous: { validators: [] } }, 'previousSet', /empty/)
    })

    it('is rejected with a new key without its operator’s signature or a proof of possession', () => {
      refuses(
        { members: [keep(1), { validator: validatorOf(2, 12) }] },
        'replacement',
        /without a replacement/,
      )
      refuses(
        { members: [keep(1), replacedMember(2, 13, 1)] },
        'replacement',
        /operator account did not sign/,
      )
      const good = replacedMember(2, 13)
      const stolen = { ...good.replacement!, possessionProof: bls.prove(secretOf(14)) }
      refuses({ members: [keep(1), { ...good, replacement: stolen }] }, 'replacement', /proof of possession/)
      refuses(
        { members: [keep(1), { ...keep(2), replacement: good.replacement! }] },
        'replacement',
        /replaces nothing/,
      )
    })

    it('is rejected when it abandons votes not above the floor, or out of order', () => {
      const vote = (view: number) => ({ epoch: 3, view, digest: hashOf(`view ${view}`) })
      refuses({ abandoned: [vote(17)] }, 'abandoned', /not above the floor/)
      refuses({ abandoned: [vote(19), vote(18)] }, 'abandoned', /ascending/)
      refuses({ abandoned: [vote(18), vote(18)] }, 'abandoned', /ascending/)
    })
  })

  describe('the file', () => {
    it('is accepted with the signature of every member', () => {
      assert.equal(checkRecoveryFile(signedFile(recoveryOf()), GENESIS), undefined)
    })

    it('names the members that have not signed', () => {
      const file = signedFile(recoveryOf())
      const partial = { ...file, signatures: file.signatures.slice(1, 3) }
      assert.deepEqual(missingSigners(partial), [1, 4])
      refusesFile(partial, 'missingSignature', /provider 1, 4/)
    })

    it('is rejected with a signature by a non-member, of another text, repeated or unordered', () => {
      const file = signedFile(recoveryOf())
      const [a, b, ...rest] = file.signatures
      const swapped = [{ ...a!, signature: b!.signature }, b!, ...rest]
      refusesFile({ ...file, signatures: swapped }, 'signature', /provider 1 does not verify/)
      const altered = { ...a!, attestation: { ...a!.attestation, votesKnown: false } }
      refusesFile({ ...file, signatures: [altered, b!, ...rest] }, 'signature', /does not verify/)
      refusesFile({ ...file, signatures: [b!, a!, ...rest] }, 'signature', /ascending/)
      refusesFile({ ...file, signatures: [a!, a!, ...rest] }, 'signature', /ascending/)
      const stranger = { ...rest[1]!, attestation: attestationOf(9) }
      refusesFile(
        { ...file, signatures: [a!, b!, rest[0]!, stranger] },
        'signature',
        /provider 9 is no member/,
      )
      refusesFile({ ...file, recovery: recoveryOf({ reason: 'changed' }) }, 'signature', /does not verify/)
    })

    it('is rejected when a member holds a block above the floor, or another at its height, as final', () => {
      const above = { ...FLOOR, height: 121, hash: hashOf('block 121'), view: 18 }
      const files = [above, { ...FLOOR, hash: hashOf('other 120') }].map((finalized) =>
        signedFile(recoveryOf(), [attestationOf(2, { finalized })]),
      )
      refusesFile(files[0]!, 'floor', /provider 2 holds block 121/)
      refusesFile(files[1]!, 'floor', /provider 2 holds block 120/)
    })

    it('is rejected when a member has begun the new epoch', () => {
      refusesFile(signedFile(recoveryOf(), [attestationOf(1, { epoch: 1003 })]), 'epoch', /begun epoch 1003/)
    })

    it('is rejected when a member voted to finalize above the floor and the vote is not abandoned', () => {
      const vote = { epoch: 3, view: 19, digest: hashOf('block 122') }
      const voted = [attestationOf(2, { finalizeVotes: [vote] })]
      refusesFile(signedFile(recoveryOf(), voted), 'votes', /provider 2 voted to finalize view 19/)
      assert.equal(
        checkRecoveryFile(signedFile(recoveryOf({ abandoned: [vote] }), voted), GENESIS),
        undefined,
      )
      const other = { ...vote, digest: hashOf('another block') }
      refusesFile(signedFile(recoveryOf({ abandoned: [other] }), voted), 'votes', /view 19/)
    })

    it('accepts votes for the floor and below it, but not for another block in its view', () => {
      const below = { epoch: 2, view: 900, digest: hashOf('old') }
      const same = { epoch: 3, view: 17, digest: FLOOR.hash }
      const voted = [attestationOf(1, { finalizeVotes: [below, same] })]
      assert.equal(checkRecoveryFile(signedFile(recoveryOf(), voted), GENESIS), undefined)
      const wrong = [attestationOf(1, { finalizeVotes: [{ ...same, digest: hashOf('fork') }] })]
      refusesFile(signedFile(recoveryOf(), wrong), 'votes', /view 17/)
    })

    it('requires a member’s finalize vote for a floor that is only notarized', () => {
      const { certificate } = recoveryOf()
      const notarized = { ...certificate!, subject: { ...certificate!.subject, kind: 'notarize' as const } }
      const below = { height: 119, hash: hashOf('block 119'), epoch: 3, view: 16 }
      const recovery = recoveryOf({ certificate: notarized })
      const nobody = [1, 2, 3, 4].map((id) => attestationOf(id, { finalized: below }))
      refusesFile(signedFile(recovery, nobody), 'floor', /no member voted to finalize it/)
      const vote = { epoch: 3, view: 17, digest: FLOOR.hash }
      const one = nobody.map((a, i) => (i === 0 ? { ...a, finalizeVotes: [vote] } : a))
      assert.equal(checkRecoveryFile(signedFile(recovery, one), GENESIS), undefined)
    })
  })

  describe('the step of a light client', () => {
    const trusted = trustedSet({ genesisHash: GENESIS, epoch: 3, height: 90, set: { validators: PREVIOUS } })
    const file = signedFile(recoveryOf())
    const pinned = [recoveryHash(file.recovery)]

    it('leads to the set of the new epoch when its hash is pinned', () => {
      const result = followRecovery(trusted, file, { pinned })
      assert.ok(result.ok)
      assert.equal(result.value.epoch, 1003)
      assert.equal(result.value.height, FLOOR.height)
      assert.deepEqual(result.value.set, recoverySet(file.recovery))
    })

    it('is rejected without the pin, whoever signed it', () => {
      for (const pins of [[], [hashOf('another recovery')]]) {
        const result = followRecovery(trusted, file, { pinned: pins })
        assert.ok(!result.ok)
        assert.equal(result.fault.rule, 'pin')
      }
    })

    it('is rejected below what is already proven, and with an invalid file', () => {
      const later = trustedSet({ ...trusted, epoch: 1003 })
      const behind = followRecovery(later, file, { pinned })
      assert.equal(behind.ok ? undefined : behind.fault.rule, 'epoch')
      const broken = { ...file, signatures: file.signatures.slice(1) }
      const refused = followRecovery(trusted, broken, { pinned })
      assert.equal(refused.ok ? undefined : refused.fault.rule, 'missingSignature')
    })
  })
})
