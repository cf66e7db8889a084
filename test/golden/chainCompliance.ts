// Compliance, upgrades, new assets and the chamber of holders on the recorded chain. Owns: these calls, and votes. Run only by the recorder.
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { ZERO_HASH } from '../../base/ids.ts'
import { DEVNET_ASSET_ID } from '../../genesis/devnet.ts'
import { getSupply } from '../../state/modules/accounts/ledger.ts'
import { openProposals, votersOf } from '../../state/modules/governance/proposals.ts'
import { getReporters } from '../../state/modules/oracle/reporters.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { schemas } from '../../state/schemas.ts'
import { accounts, act, operator } from './chainActors.ts'
import type { GoldenChain, Send } from './goldenChain.ts'

const { compliance, governance } = schemas
const [alice, bob, carol] = accounts as readonly [Send['from'], Send['from'], Send['from']]
const frozen = accounts[7]!
const caseHash = sha256(utf8('case 12 of the golden chain'))
const memo = { memoHash: sha256(utf8('memo')), ciphertext: new Uint8Array(), travelRuleHash: ZERO_HASH }

type Scene = (chain: GoldenChain) => readonly Send[]

/** Everyone in the running set except the proposer votes on the newest proposal. */
export function votes(chain: GoldenChain, proposer: number, approve = true): Send[] {
  const proposal = openProposals(chain.state).nextId - 1
  return validatorSet(chain.state)
    .validators.filter(({ id }) => id !== proposer)
    .map(({ id }) => act(operator(id), schemas.governance, 'vote', { proposal, approve }))
}

const first = (chain: GoldenChain): number => votersOf(chain.state)[0]!
const seconds = (chain: GoldenChain, ahead: number): number =>
  Math.floor(chain.parent.header.timestampMs / 1000) + ahead

/** The first voter proposes. */
const propose =
  (action: keyof typeof governance.actions, args: (chain: GoldenChain) => object = () => ({})): Scene =>
  (chain) => [act(operator(first(chain)), governance, action, args(chain) as never)]
const vote =
  (approve: boolean): Scene =>
  (chain) =>
    votes(chain, first(chain), approve)
const pay = (from: Send['from'], over: object = {}): Send =>
  act(from, compliance, 'transferWithMemo', { to: carol.address, asset: 0, amountBase: 7n, ...memo, ...over })
const share = (chain: GoldenChain, parts: bigint): bigint => getSupply(chain.state) / parts

const freeze = (chain: GoldenChain) => ({
  ...{ account: frozen.address, scope: 'transfers', asset: 0, caseHash },
  expires: seconds(chain, 600),
})
const gold = { issuer: alice.address, name: 'Gold gram', symbol: 'XAUG', decimals: 6, coinPriceBase: 0n }
const textHash = sha256(utf8('why'))
const link = 'https://suanli.example/proposals/upgrade.md'

/** By height. */
export const COMPLIANCE: { readonly [height: number]: Scene } = {
  205: (chain) =>
    votersOf(chain.state).map((id) => act(operator(id), governance, 'signalVersion', { version: 2 })),
  206: (chain) => {
    const id = operator(first(chain))
    const text = (over: object) => act(id, governance, 'attachText', { proposal: 0, textHash, link, ...over })
    return [
      ...propose('proposeUpgrade', () => ({ version: 3, height: 10_000_000 }))(chain),
      ...propose('proposeUpgrade', () => ({ version: 2, height: 10_000_000 }))(chain),
      text({ link: 'http://suanli.example' }),
      text({}),
      text({}),
      act(id, governance, 'signalVersion', { version: 2 }),
    ]
  },
  207: vote(false),
  208: propose('proposeAttestors', () => ({
    appoint: [{ account: alice.address, name: 'Notary', schemas: ['kyc'] }],
    dismiss: [],
  })),
  209: vote(true),
  210: propose('proposeAsset', () => gold),
  211: vote(true),
  212: propose('proposeFreeze', freeze),
  213: vote(true),
  215: () => {
    const appeal = act(frozen, compliance, 'appeal', { freeze: 1, appealHash: sha256(utf8('reasons')) })
    return [pay(frozen), appeal, appeal, pay(bob, { to: frozen.address })]
  },
  217: propose('proposeUnfreeze', () => ({ freeze: 1 })),
  218: vote(true),
  221: propose('proposePause', (chain) => ({ caseHash, expires: seconds(chain, 600) })),
  222: vote(true),
  224: (chain) => [pay(bob), ...propose('proposeUnpause')(chain)],
  225: vote(true),
  226: propose('proposeStopMinting', () => ({ reason: 'an audit' })),
  227: vote(false),
  230: (chain) => {
    const [, , dismissed] = getReporters(chain.state).ids
    return propose('proposeReporters', () => ({
      appoint: [{ account: accounts[6]!.address, name: 'Reporter 9' }],
      dismiss: [dismissed!],
    }))(chain)
  },
  231: (chain) => {
    const proposal = openProposals(chain.state).nextId - 1
    const veto = { kind: 'vetoReporters', proposal, amountBase: share(chain, 900n) }
    return [
      act(alice, governance, 'openMotion', veto),
      act(alice, governance, 'openMotion', veto),
      act(bob, governance, 'supportMotion', { motion: 1, amountBase: share(chain, 900n) }),
      act(bob, governance, 'supportMotion', { motion: 1, amountBase: 1n }),
      act(bob, governance, 'reclaimCoins', { motion: 1, holder: bob.address }),
    ]
  },
  232: (chain) => {
    const proposal = openProposals(chain.state).nextId - 1
    return [
      act(operator(first(chain)), governance, 'withdrawProposal', { proposal }),
      ...[bob, alice].map((holder) =>
        act(carol, governance, 'reclaimCoins', { motion: 1, holder: holder.address }),
      ),
    ]
  },
  240: (chain) => {
    const subject = bob.address
    const attest = { subject, schema: 'kyc', level: 2, expires: seconds(chain, 900) }
    return [
      act(alice, compliance, 'attest', attest),
      act(alice, compliance, 'attest', { ...attest, schema: 'other' }),
      act(carol, compliance, 'attest', attest),
      act(alice, compliance, 'revoke', { subject, schema: 'kyc' }),
      act(alice, compliance, 'revoke', { subject, schema: 'kyc' }),
      pay(bob),
      pay(bob, { memoHash: ZERO_HASH }),
      pay(bob, { asset: 99 }),
    ]
  },
  241: propose('proposeRequirement', () => ({ asset: DEVNET_ASSET_ID, schema: 'kyc', level: 2 })),
  242: vote(false),
}
