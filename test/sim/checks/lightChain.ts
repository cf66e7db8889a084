// C: follows one node's store from genesis to the tip by one F per epoch, as a wallet does (CONSENSUS §7).
import { equalBytes } from '../../../base/bytes.ts'
import type { Bls } from '../../../base/crypto/types.ts'
import { type Header, headerHash } from '../../../base/protocol/header.ts'
import { type ValidatorSet, validatorSetHash } from '../../../base/protocol/validators.ts'
import type { Certificate } from '../../../base/protocol/vote.ts'
import type { ChainRules, SimStore } from '../../support/simChain.ts'
import { certificateFault } from './certificateCheck.ts'

/** One step from epoch to epoch. */
export interface EpochLink {
  readonly header: Header
  readonly certificate: Certificate
  readonly next: ValidatorSet
}

/** Why a wallet with `set`, the set of `epoch`, must reject this link; undefined when it must accept. */
export function linkFault(
  rules: ChainRules,
  bls: Bls,
  trusted: { readonly epoch: number; readonly set: ValidatorSet },
  link: EpochLink,
): string | undefined {
  const { epoch, set } = trusted
  const { header, certificate, next } = link
  const { subject } = certificate
  if (subject.kind !== 'finalize') return 'not a finalization'
  if (subject.epoch !== epoch || header.epoch !== epoch) return 'of another epoch'
  if (!equalBytes(subject.digest!, headerHash(header))) return 'of another header'
  if (!header.endsEpoch || header.nextSetHash === undefined) return 'not a boundary'
  if (!equalBytes(header.setHash, validatorSetHash(set))) return 'another set signed it'
  const { genesisHash } = rules
  const fault = certificateFault({ certificate, validators: set.validators, genesisHash, bls })
  if (fault !== undefined) return fault
  return equalBytes(header.nextSetHash, validatorSetHash(next)) ? undefined : 'another next set'
}

/** The fault that a wallet finds in a node's whole chain, or undefined. */
export function lightFault(rules: ChainRules, bls: Bls, store: SimStore): string | undefined {
  let trusted = { epoch: 1, set: rules.setOf(1) }
  if (!equalBytes(rules.genesis.header.nextSetHash!, validatorSetHash(trusted.set)))
    return 'genesis names another set'
  for (let height = 1; height <= store.height; height++) {
    const { header } = store.at(height)!
    if (!equalBytes(header.parentHash, headerHash(store.at(height - 1)!.header)))
      return `broken link at ${height}`
    if (header.epoch !== trusted.epoch)
      return `height ${height} is of epoch ${header.epoch}, not ${trusted.epoch}`
    if (header.endsEpoch !== (header.nextSetHash !== undefined)) return `height ${height} is half a boundary`
    if (!header.endsEpoch) continue
    const certificate = store.boundary(trusted.epoch)
    if (certificate === undefined) return `no F of the boundary of epoch ${trusted.epoch}`
    const next = rules.setOf(trusted.epoch + 1)
    const fault = linkFault(rules, bls, trusted, { header, certificate, next })
    if (fault !== undefined) return `epoch ${trusted.epoch}: ${fault}`
    trusted = { epoch: trusted.epoch + 1, set: next }
  }
  return tipFault(rules, bls, store, trusted)
}

function tipFault(
  rules: ChainRules,
  bls: Bls,
  store: SimStore,
  trusted: { readonly epoch: number; readonly set: ValidatorSet },
): string | undefined {
  const { tip } = store
  if (tip.header.height === 0 || tip.header.endsEpoch) return undefined
  const certificate = store.tipCertificate()
  if (certificate === undefined) return 'the tip has no F'
  if (certificate.subject.kind !== 'finalize' || certificate.subject.epoch !== trusted.epoch)
    return 'no F of the tip'
  if (!equalBytes(certificate.subject.digest!, headerHash(tip.header))) return 'F of another tip'
  const { genesisHash } = rules
  return certificateFault({ certificate, validators: trusted.set.validators, genesisHash, bls })
}
