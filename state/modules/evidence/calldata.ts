// The call that submits evidence, for nodes and clients. Not: the action itself (submission.ts).
import { encodeAbi } from '../../../base/abi.ts'
import { concatBytes } from '../../../base/bytes.ts'
import { selectorOf } from '../../../base/selector.ts'
import { evidenceSchema } from './schema.ts'

/** Calldata of `submitEvidence`; any account may send it to the module's address. */
export function evidenceCalldata(bytes: Uint8Array): Uint8Array {
  const { args } = evidenceSchema.actions.submitEvidence
  return concatBytes(selectorOf('submitEvidence', args), encodeAbi([args.evidence.abi!], [bytes]))
}
