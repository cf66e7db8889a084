// When only an operators' recovery file helps (CONSENSUS §5): progress is not required then; all else still is.
import type { SimNode } from './simNode.ts'

/** Whether f+1 honest validators voted finalize in a view whose N or block no honest node still holds. */
export function isBeyondRecovery(nodeCount: number, honest: readonly SimNode[]): boolean {
  const f = Math.floor((nodeCount - 1) / 3)
  const counts = new Map<string, number>()
  for (const node of honest) {
    for (const { kind, epoch, view, digest } of node.signer.signed()) {
      if (kind !== 'finalize' || digest === undefined) continue
      const isCertified = honest.some(
        ({ core }) => core?.state.epoch === epoch && !core.state.certificates.isGap(view),
      )
      const isHeld = honest.some(
        ({ core, store }) =>
          core?.state.blocks.block(digest) !== undefined || store.byHash(digest) !== undefined,
      )
      if (isCertified && isHeld) continue
      const key = `${epoch}:${view}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  return [...counts.values()].some((count) => count >= f + 1)
}
