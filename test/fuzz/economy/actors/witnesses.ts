// Whoever has seen a double vote hands it in; keys for sessions, and actions that others carry for their signers.
import { bytesKey, utf8 } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import { signHash } from '../../../../base/crypto/secp256k1.ts'
import { moduleAddress } from '../../../../base/moduleDefinition.ts'
import { epochAbove } from '../../../../base/protocol/header.ts'
import type { Subject } from '../../../../base/protocol/vote.ts'
import { selectorOf } from '../../../../base/selector.ts'
import { signedActionDigest } from '../../../../base/signedAction.ts'
import { validatorSet } from '../../../../state/modules/providers/validatorSet.ts'
import { schemas } from '../../../../state/schemas.ts'
import { calldata } from '../../../support/calldata.ts'
import { encodeEvidence, genesisKeys, keysOf, statementOf } from '../../../support/memberChain.ts'
import { type Act, act } from '../act.ts'
import type { Scene } from '../scene.ts'
import { addressOf, HOLDERS, OPERATORS_MAX, walletOf } from '../wallets.ts'
import { COIN } from '../world.ts'

const SPARE_KEYS = 6
let secrets: ReadonlyMap<string, Uint8Array> | undefined

/** Consensus secrets of everybody who may become a validator. */
function secretOf(consensusKey: Uint8Array): Uint8Array | undefined {
  secrets ??= new Map(
    [
      ...Array.from({ length: OPERATORS_MAX }, (_, i) => genesisKeys(i)),
      ...Array.from({ length: SPARE_KEYS }, (_, i) => keysOf(`spare ${i + 1}`)),
    ].map((made) => [bytesKey(made.consensusKey), made.secret]),
  )
  return secrets.get(bytesKey(consensusKey))
}

function doubleVote(scene: Scene): Act[] {
  const { random, chain } = scene
  const { validators } = validatorSet(chain.full)
  const index = random.between(0, validators.length - 1)
  const secret = secretOf(validators[index]!.consensusKey)
  if (secret === undefined) return []
  const epoch = epochAbove(chain.parent.header) + random.pick([0, 0, 0, 1])
  const view = random.between(1, 3)
  const statement = (text: string) => {
    const subject: Subject = { kind: 'notarize', epoch, view, parentView: 0, digest: sha256(utf8(text)) }
    return statementOf(chain.genesis.hash, subject, [{ index, secret }], validators.length)
  }
  const second = statement(random.chance(0.9) ? 'another block' : 'one block')
  const evidence = encodeEvidence({ first: statement('one block'), second })
  return [act(random.pick(HOLDERS), 'evidence.submitEvidence', { evidence })]
}

function sessions(scene: Scene): Act[] {
  const { random, chain } = scene
  // Few keys, so that one is there when it is used or taken away.
  const from = random.pick(HOLDERS.slice(0, 3))
  const key = addressOf(random.pick(HOLDERS.slice(3, 6)))
  const { cancel, request } = schemas.redemption.actions
  const to = moduleAddress(schemas.redemption)
  const nowS = Math.floor(chain.nowMs / 1_000)
  if (random.chance(0.2)) return [act(from, 'accounts.removeSessionKey', { key })]
  return [
    act(from, 'accounts.addSessionKey', {
      key,
      actions: [
        { to, selector: selectorOf('cancel', cancel.args) },
        { to, selector: selectorOf('request', request.args) },
      ],
      spendMax: random.pick([0n, COIN, 50n * COIN]),
      validBefore: nowS + random.pick([1, 10, 1_000]),
    }),
  ]
}

/** An action that somebody else carries: right, expired, signed by a session key, or by nobody who may. */
function carried(scene: Scene): Act[] {
  const { random, chain } = scene
  const owner = random.pick(HOLDERS.slice(0, 3))
  const signer = random.chance(0.5) ? owner : random.pick(HOLDERS.slice(3, 6))
  const { redemption } = schemas
  const isCancel = random.chance(0.4)
  const open = scene.redemptions()
  const args = isCancel
    ? { id: open.length > 0 ? random.pick(open)[0] : 1 }
    : {
        amountBase: random.pick([COIN, scene.near(chain.balanceOf(owner))]),
        service: 'train',
        provider: 0,
        ratingMin: 0n,
        region: '',
        startBy: 0,
        finishBy: 0,
        jobHash: sha256(utf8('job')),
        clientKey: new Uint8Array(33).fill(2),
        voucherKey: new Uint8Array(20),
      }
  const action = isCancel ? 'cancel' : 'request'
  const nowS = Math.floor(chain.nowMs / 1_000)
  const terms = {
    from: addressOf(owner),
    validBefore: nowS + random.pick([0, 5, 60, 100_000]),
    nonce: BigInt(random.between(1, 4)),
  }
  const fields = redemption.actions[action].args
  const to = moduleAddress(redemption)
  const digest = signedActionDigest({ chainId: chain.chain.chainId, module: to, action, fields, args, terms })
  const signed = { to, data: calldata(redemption, action, args), ...terms }
  return [
    act(random.pick(HOLDERS), 'accounts.execute', {
      actions: [signed],
      signatures: [signHash(digest, walletOf(signer).secretKey)],
    }),
  ]
}

export function witnessActs(scene: Scene): Act[] {
  const { random } = scene
  return [
    ...(random.chance(0.006) ? doubleVote(scene) : []),
    ...(random.chance(0.05) ? sessions(scene) : []),
    ...(random.chance(0.08) ? carried(scene) : []),
  ]
}
