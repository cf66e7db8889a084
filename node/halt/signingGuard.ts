// Stands before a node's signer: no vote before the stored state was checked, none after a halt (CONSENSUS §5).
// Owns: that gate. Not: the check (storeCheck.ts), which votes may be signed at all (signer/).
import type { Subject, Vote } from '../../base/protocol/vote.ts'
import type { Signer } from '../../consensus/ports.ts'

export interface SigningGuard {
  /** Resolves once votes may be signed; false: never in this run. */
  readonly checked: Promise<boolean>
  /** Consensus halts elsewhere too: a recount, a follower, pruning. */
  readonly isHalted: () => boolean
}

/** The same signer behind the gate. Requests before the check wait, after a halt they are refused. */
export function guardSigner(signer: Signer, { checked, isHalted }: SigningGuard): Signer {
  const sign: Signer['sign'] = async (self, subjects): Promise<readonly (Vote | undefined)[]> => {
    const none = (): readonly undefined[] => subjects.map((_: Subject) => undefined)
    if (!(await checked) || isHalted()) return none()
    const votes = await signer.sign(self, subjects)
    // A halt may come while a remote signer answers: its votes are not sent then.
    return isHalted() ? none() : votes
  }
  const signRandao: Signer['signRandao'] = async (epoch, height) => {
    await checked
    return signer.signRandao(epoch, height)
  }
  return new Proxy(signer, {
    get(target, name) {
      if (name === 'sign') return sign
      if (name === 'signRandao') return signRandao
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
