// The call that hands in evidence, for nodes and clients. Not: the action itself (submission.ts).
import { encodeAbi } from '../../../base/abi.ts'
import { concatBytes } from '../../../base/bytes.ts'
import { selectorOf } from '../../rules.ts'
import { evidenceSchema } from './schema.ts'

/** Calldata of `submitEvidence`; the module's address takes it from any account. */
export function evidenceCalldata(bytes: Uint8Array): Uint8Array {
  const { args } = evidenceSchema.actions.submitEvidence
  return concatBytes(selectorOf('submitEvidence', args), encodeAbi([args.evidence.abi!], [bytes]))
}
