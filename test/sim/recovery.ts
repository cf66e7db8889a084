// When nothing but an operators' recovery file can help (CONSENSUS §5): progress is not demanded then, everything else is.
import type { SimNode } from './simNode.ts'

/** Whether f+1 honest validators finalized a view whose N or block no honest node holds any more. */
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
